// A cluster whose sales cycle is turned: three offers of two manufacturers.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "protocol/sync.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {

namespace json = boost::json;

class CycleTest : public testing::Test {
 protected:
  void start(const Cluster::Settings& settings = {}) {
    cluster_.rewrite_config(settings);
    cluster_.start();
    cluster_.import(offers_);
  }
  json::value cycle() {
    const HttpReply reply = HttpClient(cluster_.port()).request("GET", "/v1/cycle");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return reply.json();
  }
  std::string state() {
    const json::value now = cycle();
    return std::string(now.at("cycle_id").as_string()) + " " +
           std::string(now.at("state").as_string());
  }
  json::value depot(std::vector<std::string> words) {
    words.push_back("--json");
    const CommandResult result = cluster_.depot(words);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return json::parse(result.out);
  }
  // Each cycle as "state packs", the oldest first.
  std::vector<std::string> cycles() {
    std::vector<std::string> all;
    const json::value list = depot({"cycle", "list"});
    for (const json::value& row : list.at("items").as_array()) {
      all.push_back(std::string(row.at("state").as_string()) + " " +
                    std::to_string(row.at("packs").as_int64()));
    }
    return all;
  }
  std::int64_t left(const std::string& offer) { return available(cluster_.port(), offer); }

  std::vector<Offer> offers_ = {{.manufacturer = "m1", .sku = "a", .offered = 10},
                                {.manufacturer = "m1", .sku = "b", .offered = 5},
                                {.manufacturer = "m2", .sku = "c", .offered = 7}};
  Cluster cluster_{{"cycle.fee_percent", "2.5"}};
};

}  // namespace depot::test
