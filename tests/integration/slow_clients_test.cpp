// Slow clients as slowhttptest makes them, in its four modes at once, beside customers who buy.
// siege_test.cpp has such ones that come back as often as they are cut off.
//
// Source:  slowhttptest(1), -H, -B, -R and -X.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <iostream>
#include <regex>

#include "base/process.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/load.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

constexpr int kConnections = 500;  // of each mode
constexpr int kGood = 5;           // customers
constexpr auto kLongest = 60s;     // 2 s to connect, 30 s in all; a busy machine takes longer

std::string without_colours(const std::string& text) {
  static const std::regex colour("\\x1b\\[[0-9;]*[A-Za-z]");
  return std::regex_replace(text, colour, "");
}

struct Mode {
  const char* name;
  std::vector<std::string> arguments;
};

TEST(SlowHttpTest, FourModesAtOnceHoldNobodyUp) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = kPlenty}});
  const std::vector<pid_t> before = cluster.pids("depot-gateway");
  Load load({cluster.port()}, "m1:a", kGood, true, 20ms);

  const std::string url = "http://127.0.0.1:" + std::to_string(cluster.port());
  const Mode modes[] = {
      {"headers", {"-H", "-i", "1", "-x", "20", "-u", url + "/v1/catalogue"}},
      {"bodies",
       {"-B", "-i", "1", "-s", "60000", "-f", "application/json", "-u", url + "/v1/sessions"}},
      {"ranges", {"-R", "-a", "1", "-b", "3000", "-t", "HEAD", "-u", url + "/openapi.yaml"}},
      {"reading",  // Ten answers in a row are more than the kernel keeps of a connection.
       {"-X", "-w", "8", "-y", "64", "-n", "1", "-z", "8", "-k", "10", "-u",
        url + "/openapi.yaml"}}};
  std::vector<Process> attacks;
  for (const Mode& mode : modes) {
    std::vector<std::string> words = {
        "slowhttptest", "-c", std::to_string(kConnections), "-r", "250", "-l", "30", "-p", "5"};
    words.insert(words.end(), mode.arguments.begin(), mode.arguments.end());
    attacks.push_back(Process::start(
        {.arguments = words, .output_path = cluster.folder() + "/" + mode.name + ".txt"}));
  }
  EXPECT_TRUE(wait_until(
      20s, [&] { return cluster.metric("depot_http_connections") >= 2.5 * kConnections; },
      "three modes hold their connections at once"));
  // Its own view is another: whom it reads slowly it learns late that the connection has ended.
  EXPECT_TRUE(wait_until(
      kLongest, [&] { return cluster.metric("depot_http_connections") <= kGood + 1; },
      "all that are slow are cut off"));
  EXPECT_TRUE(attacks.back().running()) << "it has not given up before";
  for (std::size_t i = 0; i < attacks.size(); ++i) {
    SCOPED_TRACE(modes[i].name);
    const auto ended = attacks[i].wait(kLongest);
    const std::string said =
        without_colours(read_file(cluster.folder() + "/" + modes[i].name + ".txt"));
    ASSERT_TRUE(ended) << last_lines(said, 12);
    EXPECT_TRUE(said.find("service available:   YES") != said.npos &&
                said.find("service available:   NO") == said.npos)
        << last_lines(said, 12);
  }
  load.stop();

  EXPECT_THAT(load.failures(), testing::IsEmpty());
  const auto took = load.took();
  ASSERT_GT(took.size(), 200u);
  const auto p99 = took[took.size() * 99 / 100];
  EXPECT_LT(p99, 1s);
  std::cout << took.size() << " purchases beside them, p99 "
            << std::chrono::duration<double, std::milli>(p99).count() << " ms\n";
  EXPECT_EQ(cluster.pids("depot-gateway"), before);
  EXPECT_EQ(load.remembered(), load.placed());
  cluster.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
