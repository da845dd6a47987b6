// Chromium on the real pages of a real cluster; what it does there is in the scripts beside this
// file.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

class BrowserTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string scripts = DEPOT_BROWSER_SCRIPTS;
    if (!std::filesystem::exists(scripts + "/node_modules/playwright-core")) {
      GTEST_SKIP() << "no playwright-core: npm ci in tests/browser (./test does it)";
    }
    if (!std::filesystem::exists("/usr/bin/chromium")) {
      GTEST_SKIP() << "no /usr/bin/chromium: install the package chromium (./test does it)";
    }
    cluster_.start();
    cluster_.import({{.manufacturer = "alder",
                      .sku = "tea",
                      .offered = 10,
                      .unit_price = "1.99",
                      .name = "Green tea",
                      .manufacturer_name = "Alder Mill"}});
  }

  void expect_success(const std::string& script, std::vector<std::string> options = {}) {
    std::vector<std::string> command = {"node", std::string(DEPOT_BROWSER_SCRIPTS) + "/" + script,
                                        "http://127.0.0.1:" + std::to_string(cluster_.port())};
    command.insert(command.end(), options.begin(), options.end());
    const CommandResult result = run_command(command);
    EXPECT_EQ(result.exit_code, 0) << result.err << result.out;
  }

  Cluster cluster_;
};

TEST_F(BrowserTest, NewcomerSignsUpAttachesACardBuysAndFindsTheOrder) {
  expect_success("buy.mjs");
  EXPECT_TRUE(wait_until(
      5s, [&] { return available(cluster_.port(), "alder:tea") == 7; }, "7 are left"));
  cluster_.expect_clean_audit();
}

TEST_F(BrowserTest, TheSameWithoutJavaScript) {
  expect_success("buy.mjs", {"--without-javascript"});
  EXPECT_TRUE(wait_until(
      5s, [&] { return available(cluster_.port(), "alder:tea") == 7; }, "7 are left"));
}

}  // namespace
}  // namespace depot::test
