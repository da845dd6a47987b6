// Lighthouse on the page of goods; it measures, so nothing else runs beside it.
#include "tests/browser/browser.hpp"

namespace depot::test {
namespace {

// Three runs, because the machine may be busy beside.
TEST_F(BrowserTest, LighthouseGivesTheCatalogueOf500GoodsAtLeast95) {
  start("lighthouse");
  expect_success("lighthouse.mjs");
}

}  // namespace
}  // namespace depot::test
