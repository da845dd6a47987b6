// Pages that stay open: numbers that follow the stock, and a cluster that fails under them.
#include "tests/browser/browser.hpp"

namespace depot::test {
namespace {

class BrowserLiveTest : public BrowserTest {
 protected:
  BrowserLiveTest() : BrowserTest({{"gateway.request_budget", "1500ms"}}) {}
  void SetUp() override { start(); }
  void TearDown() override {
    if (!IsSkipped()) cluster_.expect_clean_audit();
  }
};

TEST_F(BrowserLiveTest, ThePageOfGoodsFollowsTheStockWithAndWithoutAStream) {
  expect_success("live.mjs", {"en"});
}

TEST_F(BrowserLiveTest, AndSoItDoesInPolish) { expect_success("live.mjs", {"pl"}); }

TEST_F(BrowserLiveTest, EightTabsShareOneStreamAndCanStillBuy) { expect_success("tabs.mjs"); }

TEST_F(BrowserLiveTest, AKilledGatewayIsFollowedAgainAndTakesForms) {
  expect_success("killed.mjs");
}

TEST_F(BrowserLiveTest, WhileNoWorkerAnswersAPurchaseIsTriedAgainAndMadeOnce) {
  expect_success("overload.mjs", {"en"});
}

TEST_F(BrowserLiveTest, AndSoItIsInPolish) { expect_success("overload.mjs", {"pl"}); }

}  // namespace
}  // namespace depot::test
