// Three cycles in a row with agents that come, go and change what they offer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace json = boost::json;

class ThreeCyclesTest : public testing::Test {
 protected:
  void SetUp() override { cluster_.start(); }

  void offer(const std::string& id, const std::string& rows) {
    write_file(file(id + ".csv"), "sku,name,unit_price,offered\n" + rows);
  }
  void start_agent(const std::string& id) {
    write_file(file(id + ".yml"), "id: " + id + "\nname: Maker " + id + "\ncatalogue: " + id +
                                      ".csv\naccept_after: never\n");
    agents_.insert_or_assign(
        id, Process::start({.arguments = {program("depot-manufacturer"), "--config",
                                          cluster_.config_path(), "--name", id, file(id + ".yml")},
                            .output_path = file(id + ".log")}));
  }
  void end_agent(const std::string& id) {
    agents_.at(id).signal(SIGKILL);
    EXPECT_TRUE(agents_.at(id).wait(20s));
    agents_.erase(id);
  }
  void await_left(const std::string& offer, std::int64_t left) {
    EXPECT_TRUE(wait_until(
        20s, [&] { return available(cluster_.port(), offer) == left; },
        offer + " has " + std::to_string(left), [&] { return cluster_.logs(); }));
  }
  std::string close() {
    const HttpReply now = HttpClient(cluster_.port()).request("GET", "/v1/cycle");
    const CommandResult closed = cluster_.depot({"cycle", "close"});
    EXPECT_EQ(closed.exit_code, 0) << closed.err;
    return std::string(now.json().at("cycle_id").as_string());
  }
  // "cycle maker units answer" of all statements.
  std::vector<std::string> statements() {
    const CommandResult list = cluster_.depot({"settlement", "list", "--json"});
    std::vector<std::string> all;
    const json::value document = json::parse(list.out);
    for (const json::value& row : document.at("items").as_array()) {
      all.push_back(std::string(row.at("cycle_id").as_string()) + " " +
                    std::string(row.at("manufacturer_id").as_string()) + " " +
                    std::to_string(row.at("units").as_int64()) + " " +
                    std::string(row.at("answer").as_string()));
    }
    return all;
  }
  std::string file(const std::string& name) const { return cluster_.folder() + "/" + name; }
  void buy(const std::string& offer, int units) {
    if (!customer_) customer_.emplace(cluster_.port());
    EXPECT_EQ(customer_->buy({{offer, units}}, unique("key")).status, 201) << offer;
  }

  Cluster cluster_{{"cycle.silent", "carry"}, {"cycle.collect_for", "500ms"}};
  std::map<std::string, Process> agents_;  // ended with the test, before the cluster
  std::optional<Customer> customer_;
};

TEST_F(ThreeCyclesTest, OffersChangeUnsoldGoodsReturnTheSilentAreCarriedAndTheLateCatchUp) {
  offer("m1", "a,Apples,1.00,10\nb,Bread,2.00,5\n");
  offer("m2", "c,Cheese,9.00,8\n");
  start_agent("m1");
  start_agent("m2");
  await_left("m1:a", 10);
  await_left("m2:c", 8);
  buy("m1:a", 4);
  buy("m2:c", 3);

  // m2 is silent when the second cycle begins: what it did not sell is carried. m1 offers bread no
  // more, and apples at another price.
  end_agent("m2");
  offer("m1", "a,Apples,1.50,20\n");
  await_left("m1:a", 16);
  const std::string first = close();
  await_left("m1:a", 20);
  await_left("m2:c", 5);
  EXPECT_EQ(available(cluster_.port(), "m1:b"), 0) << "its unsold bread is the maker's again";
  EXPECT_THAT(cluster_.depot({"cycle", "show"}).out, HasSubstr("silent         m2"));
  buy("m1:a", 2);
  buy("m2:c", 1);

  // In the third it is back, and learns of both that it has missed; another one comes late.
  const std::string second = close();
  await_left("m2:c", 4);
  start_agent("m2");
  await_left("m2:c", 8);
  offer("m3", "d,Dates,3.00,6\n");
  start_agent("m3");
  await_left("m3:d", 6);
  buy("m3:d", 6);
  const std::string third = close();
  const std::vector<std::string> wanted = {first + " m1 4 agrees",  first + " m2 3 agrees",
                                           second + " m1 2 agrees", second + " m2 1 agrees",
                                           third + " m1 0 agrees",  third + " m2 0 agrees",
                                           third + " m3 6 agrees"};
  EXPECT_TRUE(wait_until(
      30s, [&] { return statements() == wanted; }, "all agree",
      [&] { return testing::PrintToString(statements()) + cluster_.logs(); }));
  for (const std::string& cycle : {first, second, third}) {
    EXPECT_TRUE(std::filesystem::exists(cluster_.folder() + "/var/manufacturers/m2/statement-" +
                                        cycle + ".json"))
        << cycle;
  }
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        const std::string list = cluster_.depot({"cycle", "list"}).out;
        return std::string::npos == list.find("settling") && list.find("settled") < list.size();
      },
      "all three are settled"));
  cluster_.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
