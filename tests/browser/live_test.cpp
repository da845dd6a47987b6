// Pages that stay open: numbers that follow the stock, and a cluster that fails under them.
#include "tests/browser/browser.hpp"

namespace depot::test {
namespace {

class BrowserLiveTest : public BilingualBrowserTest {
 protected:
  using BilingualBrowserTest::BilingualBrowserTest;
  void SetUp() override { start(); }
  void TearDown() override {
    if (!IsSkipped()) cluster_.expect_clean_audit();
  }
};
DEPOT_IN_BOTH_LANGUAGES(BrowserLiveTest);

TEST_P(BrowserLiveTest, ThePageOfGoodsFollowsTheStockWithAndWithoutAStream) {
  expect_flow("live.mjs");
}

// Frozen workers are waited for three times.
class BrowserPatienceTest : public BrowserLiveTest {
 protected:
  BrowserPatienceTest() : BrowserLiveTest({{"gateway.request_budget", "1500ms"}}) {}
};
DEPOT_IN_BOTH_LANGUAGES(BrowserPatienceTest);

TEST_P(BrowserPatienceTest, WhileNoWorkerAnswersAPurchaseIsTriedAgainAndMadeOnce) {
  expect_flow("overload.mjs");
}

TEST_P(BrowserLiveTest, EightTabsShareOneStreamAndCanStillBuy) { expect_flow("tabs.mjs"); }

TEST_P(BrowserLiveTest, AKilledGatewayIsFollowedAgainAndTakesForms) { expect_flow("killed.mjs"); }

}  // namespace
}  // namespace depot::test
