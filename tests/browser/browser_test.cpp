// A purchase from signing up to the history, with scripts and without: what ./test runs of the
// pages. The rest takes minutes, and is in the files beside this one.
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
  void expect_bought(const std::vector<std::string>& words) {
    expect_success("buy.mjs", words);
    if (IsSkipped()) return;
    EXPECT_TRUE(wait_until(
        5s, [&] { return available(cluster_.port(), "alder:tea") == 7; }, "7 are left"));
    cluster_.expect_clean_audit();
  }
};

TEST_F(BrowserBuyTest, NewcomerSignsUpAttachesACardBuysAndFindsTheOrder) { expect_bought({"en"}); }

TEST_F(BrowserBuyTest, TheSameInPolishWithoutJavaScript) {
  expect_bought({"pl", "--without-javascript"});
}

}  // namespace
}  // namespace depot::test
