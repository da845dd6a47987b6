// What is at the edges of a fault: requests that wake up late, answers that are lost after the
// deed, records that grow large, names that change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <csignal>
#include <filesystem>
#include <future>

#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;
namespace json = boost::json;

std::string name_shown(const Cluster& cluster, const std::string& offer) {
  const HttpReply reply = HttpClient(cluster.port()).request("GET", "/v1/catalogue/" + offer);
  return reply.status == 200 ? std::string(reply.json().at("name").as_string()) : reply.body;
}

TEST(RecoveryTest, WorkerThatWasFrozenRunsNothingThatWasAnsweredWithoutIt) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 100}});
  std::vector<Customer> customers;
  for (int i = 0; i < 6; ++i) customers.emplace_back(cluster.port(), false);

  const pid_t frozen = cluster.pids("depot-worker").at(0);
  ::kill(frozen, SIGSTOP);
  std::vector<std::future<int>> answers;  // Some of these go to the frozen worker first.
  for (Customer& customer : customers) {
    answers.push_back(std::async(std::launch::async, [&customer] {
      return customer.buy_surely({{"m1:a", 1}}, "without-a-card").status;
    }));
  }
  for (auto& answer : answers) EXPECT_EQ(answer.get(), 402);
  for (Customer& customer : customers) EXPECT_EQ(customer.attach_card().status, 200);
  ::kill(frozen, SIGCONT);
  EXPECT_EQ(cluster.depot({"status", "--wait", "30"}).exit_code, 0);

  // Orders that both workers take behind whatever the frozen one still had.
  for (int i = 0; i < 10; ++i) {
    answers.clear();
    for (Customer& customer : customers) {
      answers.push_back(std::async(std::launch::async, [&customer] {
        return customer.buy_surely({{"m1:a", 1}}, "with-a-card").status;
      }));
    }
    for (auto& answer : answers) EXPECT_EQ(answer.get(), 201);
  }
  for (Customer& customer : customers) {
    EXPECT_EQ(customer.orders().size(), 1u) << "the order that was refused with 402 was placed";
  }
  cluster.expect_clean_audit();
}

// Changes the customer's password `count` times and returns what went wrong. An answer of 5xx
// leaves it open which of the two is valid; any other answer has to be the truth.
std::string change_passwords(Customer& customer, int port, int count) {
  HttpClient visitor(port);
  std::string valid = kPassword;
  const auto logs_in = [&](const std::string& password) {
    const std::string body =
        json::serialize(json::object{{"email", customer.email()}, {"password", password}});
    while (true) {
      const int status = visitor.request("POST", "/v1/sessions", body).status;
      if (status < 500) return status == 201;
    }
  };
  for (int i = 0; i < count; ++i) {
    const std::string next = "another good one " + std::to_string(i);
    const HttpReply reply = customer.request(
        "PATCH", "/v1/account",
        json::serialize(json::object{{"password", next}, {"current_password", valid}}));
    if (reply.status == 200) {
      valid = next;
    } else if (reply.status >= 500) {
      if (logs_in(next)) valid = next;
    } else {
      return "change " + std::to_string(i) + ": " + std::to_string(reply.status) + " " + reply.body;
    }
    if (!logs_in(valid)) return "the password that was answered for is not valid";
  }
  return "";
}

TEST(RecoveryTest, PasswordChangeWhoseWorkerDiesIsNotDeniedAfterItHappened) {
  Cluster cluster{{"accounts.failed_logins_per_account_max", "1000"}};
  cluster.start();
  std::vector<Customer> customers;
  for (int i = 0; i < 4; ++i) customers.emplace_back(cluster.port(), false);
  std::vector<std::future<std::string>> changes;
  for (Customer& customer : customers) {
    changes.push_back(std::async(std::launch::async,
                                 [&] { return change_passwords(customer, cluster.port(), 25); }));
  }
  const auto under_way = [&] { return changes.back().wait_for(0s) != std::future_status::ready; };
  for (int kills = 0; kills < 12 && under_way(); ++kills) {
    EXPECT_TRUE(wait_until(
        10s, [&] { return cluster.pids("depot-worker").size() == 2; }, "both workers are there"));
    cluster.kill("depot-worker");
  }
  for (auto& change : changes) EXPECT_EQ(change.get(), "");
}

TEST(RecoveryTest, RenamedProductIsShownUnderItsNewName) {
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 5, .name = "Gizmo"}});
  EXPECT_EQ(name_shown(cluster, "m1:a"), "Gizmo");
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 5, .name = "Gizmo II"}});
  EXPECT_EQ(name_shown(cluster, "m1:a"), "Gizmo II") << "import returned before it was shown";
  EXPECT_EQ(available(cluster.port(), "m1:a"), 5);
  cluster.expect_clean_audit();
}

TEST(RecoveryTest, ALogThatHasGrownIsSetAsideWhileItsProcessGoesOn) {
  Cluster cluster;
  const std::string log = cluster.folder() + "/var/log/worker-1.log";
  std::filesystem::create_directories(cluster.folder() + "/var/log");
  write_file(log, "the first line\n");
  std::filesystem::resize_file(log, 17 << 20);
  cluster.start();
  EXPECT_TRUE(wait_until(
      20s, [&] { return std::filesystem::file_size(log) < 1'000'000; }, "the log is emptied"));
  EXPECT_TRUE(read_file(log + ".1").starts_with("the first line\n"));
  cluster.stop();
  EXPECT_FALSE(read_file(log).empty()) << "what it said since";
}

TEST(RecoveryTest, ManufacturerWhoWithdrawsTensOfThousandsStopsNobodysCatalogue) {
  constexpr int kSkus = 30'000;
  Cluster cluster;
  const auto write_catalogue = [&](int skus) {
    std::string csv = "sku,name,unit_price,offered\n";
    for (int i = 0; i < skus; ++i) {
      csv += "a-rather-long-article-number-" + std::to_string(i) + ",Thing,1.00,10\n";
    }
    write_file(cluster.folder() + "/big.csv.new", csv);
    std::rename((cluster.folder() + "/big.csv.new").c_str(),
                (cluster.folder() + "/big.csv").c_str());
  };
  const std::string last = "big:a-rather-long-article-number-" + std::to_string(kSkus - 1);
  write_catalogue(kSkus);
  write_file(cluster.folder() + "/big.yml", "id: big\nname: Big\ncatalogue: big.csv\n");
  cluster.rewrite_config({{"demo.catalogues", "[big.yml]"}});
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 100}});
  EXPECT_TRUE(wait_until(
      60s, [&] { return available(cluster.port(), last) == 10; }, "all offers are shown"));

  cluster.supervisor().signal(SIGSTOP);  // So that the agent comes back with the small catalogue.
  cluster.kill("depot-manufacturer");
  write_catalogue(1);
  cluster.supervisor().signal(SIGCONT);
  EXPECT_TRUE(wait_until(
      60s, [&] { return available(cluster.port(), last) <= 0; }, "the withdrawn goods are gone"));
  Customer customer(cluster.port());
  EXPECT_EQ(customer.buy({{"m1:a", 1}}, "one").status, 201);
  EXPECT_TRUE(wait_until(
      5s, [&] { return available(cluster.port(), "m1:a") == 99; }, "the others' stock is live"));
  EXPECT_EQ(cluster.depot({"status", "--wait", "30"}).exit_code, 0);
  cluster.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
