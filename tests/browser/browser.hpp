// Chromium on the real pages of a real cluster: runs the scripts beside this file, each against the
// cluster of its test. What they do is theirs; they exit 0 when all was as expected.
//
// Threads: one.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>

#include "tests/support/cluster.hpp"

namespace depot::test {

class BrowserTest : public testing::Test {
 protected:
  explicit BrowserTest(std::initializer_list<Cluster::Settings::value_type> settings = {})
      : cluster_(settings) {}

  // `package`: what the script needs beside playwright-core; `./test --all` installs it.
  void start(const std::string& package = "playwright-core") {
    const std::string scripts = DEPOT_BROWSER_SCRIPTS;
    for (const std::string& each : {std::string("playwright-core"), package}) {
      if (std::filesystem::exists(scripts + "/node_modules/" + each)) continue;
      GTEST_SKIP() << "no " << each << ": npm ci in tests/browser (./test does it)";
    }
    if (!std::filesystem::exists("/usr/bin/chromium")) {
      GTEST_SKIP() << "no /usr/bin/chromium: install the package chromium (./test does it)";
    }
    cluster_.start();
  }

  // node SCRIPT URL WORDS..., with the cluster in its environment (cluster.mjs).
  void expect_success(const std::string& script, std::vector<std::string> words = {}) {
    if (IsSkipped()) return;
    std::vector<std::string> command = {"node", std::string(DEPOT_BROWSER_SCRIPTS) + "/" + script,
                                        "http://127.0.0.1:" + std::to_string(cluster_.port())};
    command.insert(command.end(), words.begin(), words.end());
    const CommandResult result =
        run_command(command,
                    {"DEPOT_PROGRAM=" + program("depot"), "DEPOT_CONFIG=" + cluster_.config_path(),
                     "DEPOT_UP=" + std::to_string(cluster_.supervisor().pid()),
                     "DEPOT_REDIS=" + cluster_.config().redis_socket(),
                     "REDISCLI_AUTH=" + read_secret(cluster_.config().redis_users() + "/operator"),
                     "DEPOT_ADMIN=" + cluster_.admin(), "DEPOT_FOLDER=" + cluster_.folder()},
                    std::chrono::seconds(500));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::cout << result.out;
  }

  Cluster cluster_;
};

// Each test in English and in Polish, in a cluster of its own: the script's first word says which.
class BilingualBrowserTest : public BrowserTest, public testing::WithParamInterface<std::string> {
 protected:
  using BrowserTest::BrowserTest;
  void expect_flow(const std::string& script, const std::vector<std::string>& words = {}) {
    std::vector<std::string> all = {GetParam()};
    all.insert(all.end(), words.begin(), words.end());
    expect_success(script, all);
  }
};
#define DEPOT_IN_BOTH_LANGUAGES(fixture)                             \
  INSTANTIATE_TEST_SUITE_P(In, fixture, testing::Values("en", "pl"), \
                           [](const auto& language) { return language.param; })

}  // namespace depot::test
