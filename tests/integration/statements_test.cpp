// A manufacturer reads its statements, however large and however many: API, CSV and page.
#include <boost/json.hpp>

#include "protocol/statement.hpp"
#include "tests/integration/pages.hpp"

namespace depot::test {
namespace {

using testing::HasSubstr;
using testing::Not;
namespace json = boost::json;

constexpr int kSkus = 9'000;
constexpr std::size_t kRowsShown = 200;

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++found;
  return found;
}

class StatementsTest : public PagesTest {
 protected:
  void SetUp() override {
    start();
    const auto added = cluster_.depot({"manufacturer", "add", "alder", "--name", "A", "--json"});
    ASSERT_EQ(added.exit_code, 0) << added.err;
    token_ = json::parse(added.out).at("token").as_string();
    ASSERT_EQ(browser_.post("/manufacturer/login", {{"token", token_}}).status, 303);
  }
  HttpReply get(const std::string& target) {
    return HttpClient(cluster_.port())
        .request("GET", "/v1/manufacturer/statements" + target, "",
                 {{"Authorization", "Bearer " + token_}});
  }
  // Closes the current cycle, with one offer in it.
  std::string close_cycle() {
    cluster_.import({{.manufacturer = "alder", .sku = "mug", .offered = 10}});
    const auto closed = cluster_.depot({"cycle", "close", "--json"});
    EXPECT_EQ(closed.exit_code, 0) << closed.err;
    return std::string(json::parse(closed.out).at("cycle_id").as_string());
  }
  static std::string pack_key(const std::string& cycle) { return "pack:{s0}:" + cycle + ":alder"; }
  // As the hub writes it.
  void put_pack(const std::string& cycle, const std::string& bytes) {
    store::BlockingRedis redis = cluster_.redis();
    ASSERT_TRUE(redis.command({"HSET", "topack:{s0}:" + cycle, "alder", ""}));
    ASSERT_TRUE(redis.command({"FCALL", "write_pack_v1", "0", cycle, "alder", bytes, "10000"}));
  }
  void set_bytes(const std::string& cycle, const std::string& bytes) {
    ASSERT_TRUE(cluster_.redis().command({"SET", pack_key(cycle), bytes}));
  }

  Browser browser_{cluster_.port()};
  std::string token_;
};

// One of some 7,000 sold skus did not fit a worker's answer: 504.
TEST_F(StatementsTest, OneLargerThanAnAnswerIsRead) {
  const std::string cycle = close_cycle();
  protocol::Statement pack;
  pack.cycle = cycle;
  pack.manufacturer = "alder";
  pack.currency = "EUR";
  for (int i = 0; i < kSkus; ++i) {
    const std::string sku = "a-product-of-ours-" + std::to_string(10'000 + i);
    pack.offers.push_back({sku, 0, 5'000, 0, 1'000, 0, 4'000});
    pack.sales.push_back({sku, 250, 1'000, 250'000});
    pack.units += 1'000;
    pack.gross += 250'000;
  }
  pack.net = pack.gross;
  std::string bytes;
  encode(pack, bytes);
  ASSERT_GT(bytes.size(), 600u * 1024) << "several pieces";
  put_pack(cycle, bytes);

  const HttpReply reply = get("/" + cycle);
  ASSERT_EQ(reply.status, 200) << reply.body;
  const json::value statement = reply.json();
  EXPECT_EQ(statement.at("offers").as_array().size(), std::size_t{kSkus});
  EXPECT_EQ(statement.at("sales").as_array().size(), std::size_t{kSkus});
  EXPECT_EQ(statement.at("sales").as_array().back().at("sku"), "a-product-of-ours-18999");
  EXPECT_EQ(statement.at("answer"), "none");

  const std::string page = "/manufacturer/statements/" + cycle;
  const HttpReply csv = browser_.get(page + "?format=csv");
  EXPECT_EQ(csv.header("content-type"), "text/csv; charset=utf-8");
  EXPECT_EQ(count(csv.body, "\r\n"), std::size_t{2 * kSkus + 4});
  EXPECT_THAT(csv.body, testing::EndsWith("payable,,,,,,,,,,22500000.00\r\n"));

  const std::string html = browser_.get(page).body;
  EXPECT_EQ(count(html, "<th scope=\"row\">"), 2 * kRowsShown);
  EXPECT_THAT(html, HasSubstr("<a href=\"?format=csv\">8,800 more products in the CSV</a>"));
  EXPECT_THAT(html, HasSubstr("<a href=\"?format=csv\">8,800 more rows in the CSV</a>"));
  EXPECT_THAT(html, HasSubstr("action=\"/manufacturer/logout\"")) << "its menu";
  EXPECT_THAT(html, HasSubstr("href=\"/manufacturer#own_offers\""));

  const auto listed = cluster_.depot({"settlement", "list", "--cycle", cycle, "--json"});
  EXPECT_EQ(json::parse(listed.out).at("items").at(0), json::value({{"cycle_id", cycle},
                                                                    {"manufacturer_id", "alder"},
                                                                    {"units", 9'000'000},
                                                                    {"gross", 2'250'000'000},
                                                                    {"fee", 0},
                                                                    {"net", 2'250'000'000},
                                                                    {"answer", "none"}}));

  set_bytes(cycle, bytes.substr(0, bytes.size() - 1));
  EXPECT_EQ(get("/" + cycle).status, 500) << "damaged";
  set_bytes(cycle, std::string(std::size_t{65} * 1024 * 1024, 'x'));
  const HttpReply busy = get("/" + cycle);
  EXPECT_EQ(busy.status, 503) << "more than is gathered at once";
  EXPECT_NE(busy.header("retry-after"), "");
  set_bytes(cycle, bytes);
  EXPECT_EQ(get("/" + cycle).status, 200);
}

TEST_F(StatementsTest, ThePageLeadsToOlderOnes) {
  const std::string first = close_cycle();
  const auto is_shown = [&](const std::string& html, const std::string& cycle) {
    return html.find("href=\"/manufacturer/statements/" + cycle + "\"") != std::string::npos;
  };
  EXPECT_TRUE(is_shown(browser_.get("/manufacturer").body, first));
  EXPECT_EQ(browser_.behind("href=\"/manufacturer?statements="), "") << "there is one alone";
  // 24 more, by the names that they would have: closing takes the hub its time.
  store::BlockingRedis redis = cluster_.redis();
  const std::string pack = redis.command({"GET", pack_key(first)})->text;
  for (int i = 10; i < 34; ++i) {
    const std::string cycle = "2031-" + std::to_string(i);
    std::string row;
    encode(protocol::Cycle{cycle, protocol::CycleState::settled, 1, 4'000'000'000'000 + i}, row);
    ASSERT_TRUE(redis.command({"HSET", "cycles:{s0}", cycle, row}));
    put_pack(cycle, pack);
  }
  const std::string newest = browser_.get("/manufacturer").body;
  EXPECT_TRUE(is_shown(newest, "2031-33") && is_shown(newest, "2031-10"));
  EXPECT_FALSE(is_shown(newest, first));
  EXPECT_EQ(browser_.behind("href=\"/manufacturer?statements="), "2031-10#own_statements");
  const std::string oldest = browser_.get("/manufacturer?statements=2031-10").body;
  EXPECT_TRUE(is_shown(oldest, first));
  EXPECT_FALSE(is_shown(oldest, "2031-10"));
  EXPECT_THAT(oldest, Not(HasSubstr("Older statements")));
  EXPECT_EQ(browser_.get("/manufacturer?statements=%2F").status, 400);
}

}  // namespace
}  // namespace depot::test
