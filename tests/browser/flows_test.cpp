// The pages' flows, in both languages; what a second window, a rival or a closed sale changes.
#include "tests/browser/browser.hpp"

namespace depot::test {
namespace {

class BrowserFlowsTest : public BilingualBrowserTest {
 protected:
  void SetUp() override { start(); }
  void TearDown() override {
    if (!IsSkipped()) cluster_.expect_clean_audit();
  }
};
DEPOT_IN_BOTH_LANGUAGES(BrowserFlowsTest);

TEST_P(BrowserFlowsTest, TheCatalogueIsSearchedSortedAndShownInAnotherLanguageAndTheme) {
  expect_flow("catalogue.mjs");
}

TEST_P(BrowserFlowsTest, AnAccountIsMadeChangedAndDeleted) { expect_flow("account.mjs"); }

TEST_P(BrowserFlowsTest, LinesOfTheCartThatBecameShortDearerOrUnavailableAreMarked) {
  expect_flow("cart.mjs");
}

TEST_P(BrowserFlowsTest, AStrangersGoodsSurviveEachMissingStep) { expect_flow("buying.mjs"); }

TEST_P(BrowserFlowsTest, AndSoTheyDoWithoutJavaScript) {
  expect_flow("buying.mjs", {"--without-javascript"});
}

TEST_P(BrowserFlowsTest, EachProblemIsExplained) { expect_flow("problems.mjs"); }

TEST_P(BrowserFlowsTest, OfTwoBrowsersThatWantTheLastUnitOneBuysAndTheOtherIsTold) {
  expect_flow("race.mjs");
}

TEST_P(BrowserFlowsTest, ADoubleClickAReloadAndASecondTabBuyOnce) { expect_flow("once.mjs"); }

TEST_P(BrowserFlowsTest, ASessionThatDiesInMidCartLeadsThroughTheLogInBackToTheCart) {
  expect_flow("session.mjs");
}

TEST_P(BrowserFlowsTest, AClosedCycleSaysSoAndKeepsTheCart) { expect_flow("closed.mjs"); }

}  // namespace
}  // namespace depot::test
