// The append-only file is cut within the transaction of one purchase of three lines: the server is
// started, sells, and is started AGAIN, since Redis 7.0.15 itself would by then have run half of
// it.
#include "tests/unit/store/launch_fixture.hpp"

namespace depot::store::test {
namespace {

// DEPOT_CUT_EVERY bytes: 1 for all of them, in DEPOT_CUT_PARTS tests that run beside each other.
class TornTailTest : public LaunchTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(TornTailTest, ATornTransactionIsGoneAndStaysGone) {
  shop_.start_cycle();
  shop_.add_customer("anna");
  for (const char* maker : {"m", "n"}) shop_.hello(maker);
  const auto row = [](const char* sku) {
    return protocol::OfferRow{.sku = sku, .name = "N", .unit_price = 100, .offered = 50};
  };
  shop_.offer("m", 1, 1, {row("x"), row("y")});
  shop_.offer("n", 1, 1, {row("z")});
  ASSERT_EQ(buy("first", 1)[0], 'P');
  shop_.stop();
  const std::string before = bytes();
  shop_.start();
  ASSERT_EQ(buy("torn", 2)[0], 'P');
  shop_.stop();
  const std::string after = bytes();
  const std::size_t barrier = after.find("*1\r\n$5\r\nMULTI", before.size());
  ASSERT_NE(barrier, std::string::npos);
  const std::size_t transaction = after.size() - barrier;
  ASSERT_GT(transaction, 500u);
  std::size_t cuts = 0;
  for (std::size_t cut = 1 + GetParam() * DEPOT_CUT_EVERY; cut < transaction;
       cut += DEPOT_CUT_EVERY * DEPOT_CUT_PARTS, ++cuts) {
    write(after.substr(0, barrier + cut));
    shop_.start();
    check_books(1);
    ASSERT_EQ(buy("next", 3)[0], 'P');
    shop_.stop();
    shop_.start();  // Again: what was cut off must not come back.
    check_books(4);
    EXPECT_EQ(buy("next", 3)[0], 'p');
    EXPECT_EQ(buy("torn", 2)[0], 'P');
    check_books(6);
    shop_.stop();
    if (HasFailure()) FAIL() << "cut behind byte " << cut << " of " << transaction;
  }
  EXPECT_EQ(torn_tails(), cuts);  // Each kept for whoever wants to know.
  std::printf("%zu cuts in a transaction of %zu bytes\n", cuts, transaction);
}

INSTANTIATE_TEST_SUITE_P(Part, TornTailTest, testing::Range<std::size_t>(0, DEPOT_CUT_PARTS),
                         [](const auto& part) {
                           return "Every" + std::to_string(DEPOT_CUT_EVERY) + "Part" +
                                  std::to_string(part.param);
                         });

}  // namespace
}  // namespace depot::store::test
