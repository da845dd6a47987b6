// How the pages are made: for everybody, by the standards, quick, fit to be shown.
#include <cstdlib>

#include "tests/browser/browser.hpp"

namespace depot::test {
namespace {

class BrowserLookTest : public BilingualBrowserTest {
 protected:
  BrowserLookTest()
      : BilingualBrowserTest(
            {{"gateway.request_budget", "1500ms"}, {"admin.sample_every", "200ms"}}) {}
};
DEPOT_IN_BOTH_LANGUAGES(BrowserLookTest);

TEST_P(BrowserLookTest, AxeFindsNothing) {
  start("axe-core");
  expect_flow("axe.mjs");
}

TEST_P(BrowserLookTest, TheKeyboardReachesAllAndTheContentPolicyIsKept) {
  start();
  expect_flow("keyboard.mjs");
}

TEST_P(BrowserLookTest, TheMarkupIsValid) {
  start("html-validate");
  expect_flow("markup.mjs");
}

TEST_P(BrowserLookTest, ALiveNumberLooksLikeTheServersInEuros) {
  start();
  expect_flow("money.mjs", {"EUR"});
}

class BrowserZlotyTest : public BilingualBrowserTest {
 protected:
  BrowserZlotyTest() : BilingualBrowserTest({{"currency", "PLN"}}) {}
};
DEPOT_IN_BOTH_LANGUAGES(BrowserZlotyTest);

TEST_P(BrowserZlotyTest, ALiveNumberLooksLikeTheServers) {
  start();
  expect_flow("money.mjs", {"PLN"});
}

// The pictures of the documents are made by: DEPOT_SCREENSHOTS=$PWD/docs ./test BrowserTest.Picture
TEST_F(BrowserTest, PicturesOfTheCatalogueACartWithAShortageAndOperationsUnderLoad) {
  start();
  const char* folder = std::getenv("DEPOT_SCREENSHOTS");
  expect_success("screenshots.mjs", {folder ? folder : cluster_.folder()});
}

}  // namespace
}  // namespace depot::test
