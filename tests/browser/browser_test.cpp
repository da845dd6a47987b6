// A purchase from signing up to the history, with scripts and without: what ./test runs of the
// pages. The rest is in pages_test.cpp.
#include "tests/browser/browser.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

class BrowserBuyTest : public BrowserTest {
 protected:
  void SetUp() override {
    start();
    if (IsSkipped()) return;
    cluster_.import({{.manufacturer = "alder",
                      .sku = "tea",
                      .offered = 10,
                      .unit_price = "1.99",
                      .name = "Green tea",
                      .manufacturer_name = "Alder Mill"}});
  }
  void expect_left(std::int64_t units) {
    EXPECT_TRUE(wait_until(
        5s, [&] { return available(cluster_.port(), "alder:tea") == units; }, "units left"));
    cluster_.expect_clean_audit();
  }
};

TEST_F(BrowserBuyTest, NewcomerSignsUpAttachesACardBuysAndFindsTheOrder) {
  expect_success_in_both_languages("buy.mjs");
  expect_left(4);
}

TEST_F(BrowserBuyTest, TheSameWithoutJavaScript) {
  expect_success_in_both_languages("buy.mjs", {"--without-javascript"});
  expect_left(4);
}

}  // namespace
}  // namespace depot::test
