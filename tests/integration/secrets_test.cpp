// What must never be kept: passwords, card numbers, card codes (S10).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

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

// Runs of 13 to 19 digits that pass Luhn and begin as cards do (2 to 6), whatever stands around.
// Clocks in milliseconds, which are everywhere, begin with 1.
std::vector<std::string> card_numbers_in(const std::string& bytes) {
  std::vector<std::string> found;
  std::size_t at = 0;
  while ((at = bytes.find_first_of("0123456789", at)) != std::string::npos) {
    const std::size_t end = std::min(bytes.find_first_not_of("0123456789", at), bytes.size());
    const std::string run = bytes.substr(at, end - at);
    const bool card_like = run.size() >= 13 && run.size() <= 19 && run[0] >= '2' && run[0] <= '6';
    if (card_like && passes_luhn(run)) found.push_back(run);
    at = end;
  }
  return found;
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
  EXPECT_EQ(kept.find("4242424242424241"), std::string::npos);
  EXPECT_EQ(kept.find("cvc"), std::string::npos);
  EXPECT_THAT(card_numbers_in(kept), testing::IsEmpty());
  const std::string secret = customer.token().substr(customer.token().find('.') + 1);
  EXPECT_EQ(kept.find(secret), std::string::npos) << "a session's secret is kept only as a hash";
}

TEST(SecretsTest, TheSearchForCardNumbersFindsThem) {
  EXPECT_THAT(card_numbers_in("x=4242424242424242;"), testing::ElementsAre("4242424242424242"));
  EXPECT_THAT(card_numbers_in("2223003122003222"), testing::ElementsAre("2223003122003222"));
  EXPECT_THAT(card_numbers_in("1700000000000 4242424242424241"), testing::IsEmpty());
}

}  // namespace
}  // namespace depot::test
