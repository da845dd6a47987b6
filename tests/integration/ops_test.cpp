// The operator's page on the admin listener of a real `depot up`.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <boost/property_tree/xml_parser.hpp>
#include <chrono>
#include <sstream>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using boost::property_tree::ptree;
using testing::HasSubstr;
using testing::Not;

class OpsTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file(cluster_.folder() + "/alder.csv",
               "sku,name,unit_price,offered\ntea,Green tea,1.99,10\n");
    write_file(cluster_.folder() + "/alder.yml",
               "id: alder\nname: Alder <Mill>\ncatalogue: alder.csv\n");
    cluster_.rewrite_config({{"demo.catalogues", "[alder.yml]"}});
    cluster_.start();
    ASSERT_TRUE(wait_until(
        20s, [&] { return available(cluster_.port(), "alder:tea") == 10; }, "the tea is there"));
  }

  HttpReply ask(const std::string& method, const std::string& path) const {
    return HttpClient(cluster_.port(PortBlock::kSize - 1)).request(method, path);
  }
  // Rows of the table in the element `id`: each a header and its cells. What is not well-formed
  // throws.
  std::vector<std::vector<std::string>> table(const std::string& id) const {
    const std::string page = ask("GET", "/ops").body;
    const std::size_t begin = page.find("<main"), end = page.find("</main>");
    ptree tree;
    std::istringstream in(page.substr(begin, end + 7 - begin));
    read_xml(in, tree);
    std::vector<std::vector<std::string>> rows;
    for (const auto& [tag, section] : tree.get_child("main")) {
      for (const auto& [name, child] : section) {
        if (child.get("<xmlattr>.id", "") != id) continue;
        for (const auto& [word, row] : child.get_child("table.tbody")) {
          auto& cells = rows.emplace_back();
          for (const auto& [kind, cell] : row) cells.push_back(cell.data());
        }
      }
    }
    return rows;
  }
  // Waits until a row that begins with `name` has `value` as its cell `column`.
  void expect_cell(const std::string& id, const std::string& name, std::size_t column,
                   const std::string& value) const {
    EXPECT_TRUE(wait_until(
        20s,
        [&] {
          for (const auto& row : table(id)) {
            if (row.at(0) == name && row.at(column) == value) return true;
          }
          return false;
        },
        id + " has " + name + " with " + value, [&] { return ask("GET", "/ops").body; }));
  }

  Cluster cluster_{{"admin.sample_every", "200ms"}};
};

TEST_F(OpsTest, ShowsWhatRunsAndWhatItDoes) {
  const HttpReply page = ask("GET", "/ops");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.header("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.header("cache-control"), "no-store");
  EXPECT_THAT(page.header("content-security-policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(page.header("content-security-policy"), Not(HasSubstr("unsafe")));
  EXPECT_TRUE(wait_until(
      20s, [&] { return ask("GET", "/ops").body.find("All is well.") != std::string::npos; },
      "all is well"));
  expect_cell("workers", "worker-1", 3, "0");  // outstanding
  expect_cell("workers", "worker-2", 3, "0");
  expect_cell("manufacturers", "alder", 1, "Alder <Mill>");
  expect_cell("manufacturers", "alder", 2, "connected");
  expect_cell("manufacturers", "alder", 3, "0");  // behind
  const auto cycle = table("cycle");
  ASSERT_EQ(cycle.size(), 1u);
  EXPECT_EQ(cycle[0][1], "open");

  Customer customer(cluster_.port());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(customer.buy({{"alder:tea", 1}}, unique("key")).status, 201);
  }
  EXPECT_EQ(customer.buy({{"alder:tea", 100}}, unique("key")).status, 409);
  // What was placed stays in the chart's numbers, whichever second it fell into.
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        const std::string body = ask("GET", "/ops").body;
        const std::size_t at = body.find("id=\"orders-d\"");
        const std::string words = body.substr(at, body.find("</desc>", at) - at);
        return words.find("placed") != std::string::npos &&
               words.find("to 0.0/s") == std::string::npos;
      },
      "purchases and refusals are in the chart"));
  expect_cell("redis", "private", 5, "0");
  ASSERT_EQ(cluster_.depot({"cycle", "close"}).exit_code, 0);
  expect_cell("settlements", cycle[0][0], 3, "1 of 1");
  expect_cell("settlements", cycle[0][0], 4, "1");  // It agrees.
}

TEST_F(OpsTest, CountsTheRestartOfAWorkerThatWasKilled) {
  expect_cell("processes", "worker-1", 4, "0");
  cluster_.kill("depot-worker");
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        int restarts = 0;
        for (const auto& row : table("processes")) {
          restarts += row[0].starts_with("worker-") && row[1] == "ready" && row[4] == "1";
        }
        return restarts == 1;
      },
      "one worker was started again"));
}

TEST_F(OpsTest, StoppedProcessesAreLookedAtInTheTimeOfOne) {
  ASSERT_EQ(cluster_.depot({"scale", "workers", "8"}).exit_code, 0);
  std::vector<pid_t> stopped = cluster_.pids("depot-worker");
  for (const char* program : {"depot-gateway", "depot-hub", "depot-load-balancer"}) {
    stopped.push_back(cluster_.pids(program).at(0));
  }
  for (const pid_t pid : stopped) ::kill(pid, SIGSTOP);
  auto fastest = std::chrono::steady_clock::duration::max();
  HttpReply status;
  for (int i = 0; i < 3; ++i) {  // Of a machine that is busy with other things, too.
    const auto begin = std::chrono::steady_clock::now();
    status = ask("GET", "/status");
    fastest = std::min(fastest, std::chrono::steady_clock::now() - begin);
  }
  for (const pid_t pid : stopped) ::kill(pid, SIGCONT);
  EXPECT_LT(fastest, 1s) << "300 ms for each of 11 would be 3.3 s";
  std::size_t silent = 0;
  const auto document = status.json();
  for (const auto& row : document.at("processes").as_array()) {
    silent += row.at("status").is_null();
  }
  EXPECT_EQ(silent, stopped.size());
}

TEST_F(OpsTest, IsReadOnlyAndHasWhatItNeeds) {
  EXPECT_EQ(ask("POST", "/ops").status, 405);
  EXPECT_EQ(ask("POST", "/ops").header("allow"), "GET, HEAD");
  EXPECT_EQ(ask("GET", "/").status, 303);
  EXPECT_EQ(ask("GET", "/").header("location"), "/ops");
  for (const char* asset :
       {"/assets/depot.css", "/assets/ops.css", "/assets/ops.js", "/assets/icon.svg"}) {
    EXPECT_EQ(ask("GET", asset).status, 200) << asset;
    EXPECT_EQ(ask("GET", asset).header("cache-control"), "no-cache") << asset;
    EXPECT_THAT(ask("GET", "/ops").body, HasSubstr(asset));
  }
  EXPECT_EQ(ask("GET", "/assets/none").status, 404);
  EXPECT_EQ(ask("GET", "/status").header("content-type"), "application/json");
}

}  // namespace
}  // namespace depot::test
