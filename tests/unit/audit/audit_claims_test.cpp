// What was asked for by the fingerprint, beside an order's row (L10).

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto.hpp"
#include "tests/unit/audit/audit_fixture.hpp"

namespace depot::control::audit {
namespace {

// Of mode, cart version and lines, as docs/PROTOCOL.md has them: msgpack by hand.
std::string fingerprint(std::string_view request) { return blake2b(request, 16); }
std::string whole(std::string_view lines) {
  return fingerprint(std::string{'\0', '\xc0'} + std::string(lines));
}
std::string cart(char version) { return fingerprint(std::string{'\0', version, '\xc0'}); }

class AuditClaimsTest : public AuditTest {
 protected:
  AuditClaimsTest() { shop_.redis({"HSET", "buyer:{s0}", id("dora"), packed(0, 1)}); }
  void have_cart(std::int64_t version) {
    shop_.redis({"SET", "cart:{s0}:" + id("dora"),
                 pack_array({pack(version), pack_array({}), pack_array({})})});
  }
  void sell(const std::string& order, const std::vector<Line>& lines, const Wish& wish) {
    shop_.sell(order, "dora", lines, wish);
  }
  static constexpr std::string_view kOneA =
      "\x93\xa6"
      "acme:A\x01\xc0";
};

TEST_F(AuditClaimsTest, FindsRowsOfWhatWasAskedForClean) {
  sell("five", {{"acme", "A", 1}}, {whole(kOneA)});
  sell("six", {{"acme", "A", 1}},
       {whole("\x93\xa6"
              "acme:A\x01\xcd\x05\x13")});  // seen: 1299
  sell("seven", {{"acme", "B", 1}, {"acme", "A", 1}},
       {whole("\x96\xa6"
              "acme:A\x01\xc0\xa6"
              "acme:B\x01\xcc\xfa")});  // one seen: 250
  const std::string in_part =
      "\x01\xc0\x96\xa6"
      "acme:A\x03\xc0\xa6"
      "acme:B\x02\xc0";
  sell("eight", {{"acme", "A", 1}}, {fingerprint(in_part), {{"acme", "A", 3}, {"acme", "B", 2}}});
  EXPECT_THAT(rules(shop_.audit()), testing::IsEmpty());
}

// There are too many that the request may have been: each price was named or not.
TEST_F(AuditClaimsTest, SaysNothingOfManyLinesOrOfPricesThatNothingWasSoldAt) {
  std::vector<Line> many;
  for (char sku = 'a'; sku < 'l'; ++sku) {
    many.push_back({"many", std::string(1, sku), 1});
    shop_.offer("many", many.back().sku, 100, 1);
  }
  sell("five", many, {});
  sell("six", {{"acme", "A", 1}}, {kFingerprint, {{"acme", "B", 2}}});
  const AuditResult result = shop_.audit();
  EXPECT_THAT(rules(result), testing::IsEmpty());
  EXPECT_EQ(result.undecided, 3u + 2u);
}

TEST_F(AuditClaimsTest, FindsOrdersOfCartsClean) {
  have_cart(4);
  sell("five", {{"acme", "A", 1}, {"acme", "B", 1}}, {cart(0)});
  sell("six", {{"acme", "A", 1}}, {cart(3)});
  EXPECT_THAT(rules(shop_.audit()), testing::IsEmpty());
}

TEST_F(AuditClaimsTest, CatchesAnotherQuantity) {
  sell("five", {{"acme", "A", 2}}, {whole(kOneA)});
  expect_caught("L10", "order " + id("five") + ": asked for something else than 2 x acme:A");
  EXPECT_EQ(shop_.audit().violations, 1u);
  have_cart(4);
  expect_caught("L10", "order " + id("five"));
}

TEST_F(AuditClaimsTest, CatchesAnotherOffer) {
  sell("five", {{"bolt", "A", 1}}, {whole(kOneA)});
  expect_caught("L10", "order " + id("five") + ": asked for something else than 1 x bolt:A");
}

TEST_F(AuditClaimsTest, CatchesAnotherMode) {
  have_cart(4);
  const std::vector<Line> asked = {{"acme", "A", 2}};
  sell("five", {{"acme", "A", 1}},
       {whole("\x93\xa6"
              "acme:A\x02\xc0"),
        asked});
  sell("six", {{"acme", "A", 1}}, {cart(3), asked});
  sell("seven", {{"acme", "A", 1}}, {fingerprint("\x01\xc0" + std::string(kOneA))});
  EXPECT_EQ(shop_.audit().violations, 3u);
  expect_caught("L10", "order " + id("six"));
}

TEST_F(AuditClaimsTest, CatchesACartThatHasNotBeenThereYet) {
  have_cart(2);
  sell("five", {{"acme", "A", 1}}, {cart(3)});
  expect_caught("L10", "order " + id("five"));
}

TEST_F(AuditClaimsTest, CatchesMoreSoldThanWasAskedFor) {
  sell("five", {{"acme", "A", 2}}, {kFingerprint, {{"acme", "A", 2}}});
  expect_caught("L10", "order " + id("five") + ": its row is of no request");
}

// It may have been of a cart, which is gone with the account.
TEST_F(AuditClaimsTest, SaysNothingOfADeletedAccount) {
  sell("five", {{"acme", "A", 2}}, {whole(kOneA)});
  shop_.redis({"DEL", "buyer:{s0}"});
  const AuditResult result = shop_.audit();
  EXPECT_THAT(rules(result), testing::IsEmpty());
  EXPECT_EQ(result.undecided, 3u + 1u);  // The three of before have a fingerprint of nothing.
  EXPECT_THAT(to_text(result, Currency{}), testing::HasSubstr("undecided      4 orders"));
}

}  // namespace
}  // namespace depot::control::audit
