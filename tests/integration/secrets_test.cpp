// What must never be kept: passwords, card numbers, card codes (S10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "tests/integration/pages.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/wire.hpp"

namespace depot::test {
namespace {

bool passes_luhn(std::string_view digits) {
  int sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    int digit = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1 && (digit *= 2) > 9) digit -= 9;
    sum += digit;
  }
  return sum % 10 == 0;
}

// Runs of 13 to 19 digits that pass Luhn and begin as cards do (2 to 6), whatever stands around;
// and `sent` numbers also within longer runs, where others would be found by chance. Clocks in
// milliseconds, which are everywhere, begin with 1.
std::vector<std::string> card_numbers_in(const std::string& bytes,
                                         const std::vector<std::string>& sent = {}) {
  std::vector<std::string> found;
  std::size_t at = 0;
  while ((at = bytes.find_first_of("0123456789", at)) != std::string::npos) {
    const std::size_t end = std::min(bytes.find_first_not_of("0123456789", at), bytes.size());
    const std::string run = bytes.substr(at, end - at);
    const bool card_like = run.size() >= 13 && run.size() <= 19 && run[0] >= '2' && run[0] <= '6';
    if (card_like && passes_luhn(run)) found.push_back(run);
    at = end;
  }
  for (const std::string& number : sent) {
    if (bytes.find(number) != std::string::npos) found.push_back(number);
  }
  return found;
}

// As it is printed on a card, and as people type it: "4242 4242 4242 4242".
std::string in_groups(const std::string& number, char between) {
  std::string text;
  for (std::size_t i = 0; i < number.size(); ++i) {
    if (i > 0 && i % 4 == 0) text += between;
    text += number[i];
  }
  return text;
}

TEST(SecretsTest, S10NoPasswordCardNumberOrCodeReachesDiskLogOrMetric) {
  Cluster cluster{{"log.level", "debug"}};
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 10}});
  Customer customer(cluster.port());
  const std::vector<std::pair<std::string, std::string>> numbers = {
      {"4242424242424242", "737"}, {"5555555555554444", "737"}, {"2223003122003222", "737"},
      {"378282246310005", "7373"}, {"6011111111111117", "737"},
  };
  for (const auto& [number, code] : numbers) {
    const HttpReply card = customer.attach_card(number, code);
    ASSERT_EQ(card.status, 200) << card.body;
    EXPECT_EQ(card.body.find(number), std::string::npos);
  }
  EXPECT_EQ(customer.attach_card("4242424242424241").status, 422);
  // By the page's form as well, where what is refused is not shown again either.
  Browser browser(cluster.port());
  browser.get("/signup");
  browser.sign_up(false);
  std::vector<std::string> sent = {"4242424242424241", "4242 4242 4242 4241"};
  for (const std::string& typed : sent) {
    const HttpReply refused = browser.attach_card(typed);
    EXPECT_EQ(refused.status, 422);
    EXPECT_THAT(card_numbers_in(refused.body, sent), testing::IsEmpty());
  }
  for (const auto& [number, code] : numbers) {
    for (const std::string& typed : {number, in_groups(number, ' '), in_groups(number, '-')}) {
      sent.push_back(typed);
      const HttpReply card = browser.attach_card(typed, code);
      EXPECT_EQ(card.status, 303) << card.body;
      EXPECT_THAT(card_numbers_in(card.body, sent), testing::IsEmpty());
      const HttpReply page = browser.get("/account");
      EXPECT_EQ(page.status, 200);
      EXPECT_THAT(card_numbers_in(page.body, sent), testing::IsEmpty());
    }
  }
  ASSERT_EQ(customer.buy({{"m1:a", 1}}, unique("key")).status, 201);
  const HttpReply account = customer.request("GET", "/v1/account");
  EXPECT_THAT(account.body, testing::HasSubstr("1117"));
  const std::string metrics = cluster.metrics();
  for (const char* process : {"depot_http_", "depot_balancer_", "depot_worker_", "depot_hub_"}) {
    EXPECT_THAT(metrics, testing::HasSubstr(process));
  }
  cluster.stop();

  std::string kept = metrics + cluster.logs();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster.folder())) {
    if (entry.is_regular_file()) kept += read_file(entry.path());
  }
  ASSERT_NE(kept.find(customer.email()), std::string::npos) << "this looks where accounts are kept";
  EXPECT_NE(kept.find("$argon2id$"), std::string::npos);
  EXPECT_EQ(kept.find(kPassword), std::string::npos);
  EXPECT_EQ(kept.find("cvc"), std::string::npos);
  EXPECT_THAT(card_numbers_in(kept, sent), testing::IsEmpty());
  const std::string secret = customer.token().substr(customer.token().find('.') + 1);
  EXPECT_EQ(kept.find(secret), std::string::npos) << "a session's secret is kept only as a hash";
}

TEST(SecretsTest, TheSearchForCardNumbersFindsThem) {
  EXPECT_THAT(card_numbers_in("x=4242424242424242;"), testing::ElementsAre("4242424242424242"));
  EXPECT_THAT(card_numbers_in("2223003122003222"), testing::ElementsAre("2223003122003222"));
  EXPECT_THAT(card_numbers_in("1700000000000 4242424242424241"), testing::IsEmpty());
  const std::string longer = "17000000000004242424242424242000";
  EXPECT_THAT(card_numbers_in(longer), testing::IsEmpty());
  EXPECT_THAT(card_numbers_in(longer, {"4242424242424242"}),
              testing::ElementsAre("4242424242424242"));
  EXPECT_THAT(card_numbers_in("x 4242 4242 4242 4242", {in_groups("4242424242424242", ' ')}),
              testing::ElementsAre("4242 4242 4242 4242"));
}

// Of 1 byte, not 0: base/options.cpp says why. What `depot` starts has it, Redis among it.
TEST(SecretsTest, ACrashLeavesNoCore) {
  setenv("ASAN_OPTIONS", "disable_coredump=0", 1);  // Else the sanitizer sets it to 0 before us.
  Cluster cluster;
  cluster.start();
  unsetenv("ASAN_OPTIONS");
  for (const char* program :
       {"depot-gateway", "depot-worker", "depot-load-balancer", "depot-hub", "redis-server"}) {
    const std::vector<pid_t> pids = cluster.pids(program);
    ASSERT_FALSE(pids.empty()) << program;
    const std::string limits = read_file("/proc/" + std::to_string(pids[0]) + "/limits");
    EXPECT_THAT(limits, testing::ContainsRegex("Max core file size +1 +1 ")) << program;
  }
}

}  // namespace
}  // namespace depot::test
