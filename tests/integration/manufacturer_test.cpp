// Manufacturers who sign in: enrolled by the command, served by every process, shown their own
// only.
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
using testing::ElementsAre;
using testing::HasSubstr;
namespace json = boost::json;

class ManufacturerTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.start();
    cluster_.import({{.manufacturer = "m1", .sku = "a", .offered = 10},
                     {.manufacturer = "m1", .sku = "b", .offered = 5, .unit_price = "2.50"},
                     {.manufacturer = "m2", .sku = "c", .offered = 7}});
  }

  // The token that `depot manufacturer add` prints.
  std::string enrol(const std::string& id, std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"manufacturer", "add", id, "--name", "Enrolled " + id});
    const CommandResult result = cluster_.depot(more);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_THAT(result.err, HasSubstr("not shown again"));
    return result.out.substr(0, result.out.find('\n'));
  }
  HttpReply get(const std::string& target, const Headers& headers) {
    return HttpClient(cluster_.port()).request("GET", target, "", headers);
  }
  HttpReply get(const std::string& target, const std::string& token) {
    return get(target, {{"Authorization", "Bearer " + token}});
  }
  int status_of_both(const std::string& token) {
    const int offers = get("/v1/manufacturer/offers", token).status;
    EXPECT_EQ(get("/v1/manufacturer/sales", token).status, offers);
    return offers;
  }
  // Over all pages of `limit`, each item as `text` makes it.
  std::vector<std::string> all(const std::string& list, const std::string& token, int limit,
                               std::string (*text)(const json::value&)) {
    std::vector<std::string> found;
    std::string cursor;
    do {
      const HttpReply reply =
          get("/v1/manufacturer/" + list + "?limit=" + std::to_string(limit) + "&cursor=" + cursor,
              token);
      EXPECT_EQ(reply.status, 200) << reply.body;
      const json::value page = reply.json();
      EXPECT_LE(page.at("items").as_array().size(), static_cast<std::size_t>(limit));
      for (const json::value& item : page.at("items").as_array()) found.push_back(text(item));
      const json::value& next = page.at("next_cursor");
      cursor = next.is_null() ? "" : std::string(next.as_string());
    } while (!cursor.empty());
    return found;
  }
  std::vector<std::string> offers(const std::string& token, int limit = 50) {
    return all("offers", token, limit, [](const json::value& item) {
      std::string text(item.at("offer_id").as_string());
      text += " " + std::to_string(item.at("unit_price").at("amount_minor").as_int64());
      for (const char* field :
           {"wanted", "offered", "sold", "cut", "available", "shortage", "refused"}) {
        text += " " + std::to_string(item.at(field).as_int64());
      }
      return text;
    });
  }
  std::vector<std::string> sales(const std::string& token, int limit = 50) {
    return all("sales", token, limit, [](const json::value& item) {
      std::string text;
      for (const char* field : {"kind", "order_id", "sku", "name"}) {
        text += std::string(item.at(field).as_string()) + " ";
      }
      return text + std::to_string(item.at("quantity").as_int64()) + "x" +
             std::to_string(item.at("unit_price").at("amount_minor").as_int64());
    });
  }

  Cluster cluster_{{"log.level", "debug"}};
};

std::string order_of(const HttpReply& placed) {
  EXPECT_EQ(placed.status, 201) << placed.body;
  return std::string(placed.json().at("order_id").as_string());
}

TEST_F(ManufacturerTest, SeesWhatWasBoughtCancelledAndRefusedOfItsOwn) {
  const std::string token = enrol("m1"), other = enrol("m2");
  Customer customer(cluster_.port());
  const std::string one = order_of(customer.buy({{"m1:a", 4}, {"m2:c", 1}}, unique("key")));
  const std::string two = order_of(customer.buy({{"m1:a", 2}, {"m1:b", 3}}, unique("key")));
  EXPECT_EQ(customer.buy({{"m1:b", 4}}, unique("key")).problem(), "insufficient_stock");
  ASSERT_EQ(customer.request("POST", "/v1/orders/" + one + "/cancel").status, 200);

  EXPECT_THAT(offers(token), ElementsAre("m1:a 1000 10 10 2 0 8 0 0", "m1:b 250 5 5 3 0 2 0 2"));
  const auto sold =
      ElementsAre("cancelled " + one + " a Product a 4x1000", "sold " + two + " b Product b 3x250",
                  "sold " + two + " a Product a 2x1000", "sold " + one + " a Product a 4x1000");
  for (int limit = 1; limit <= 5; ++limit) {
    EXPECT_EQ(offers(token, limit).size(), 2u);
    EXPECT_THAT(sales(token, limit), sold);
  }
  EXPECT_THAT(offers(other), ElementsAre("m2:c 1000 7 7 0 0 7 0 0"));
  EXPECT_THAT(sales(other), ElementsAre("cancelled " + one + " c Product c 1x1000",
                                        "sold " + one + " c Product c 1x1000"));

  // It wants less on sale than is sold: the rest is cut, and what is missing a shortage.
  cluster_.import({{.manufacturer = "m1", .sku = "b", .offered = 1, .unit_price = "2.50"}});
  EXPECT_THAT(offers(token), ElementsAre("m1:a 1000 0 10 2 8 0 2 0", "m1:b 250 1 5 3 2 0 2 2"));
  EXPECT_THAT(sales(token), sold);
  cluster_.expect_clean_audit();
}

TEST_F(ManufacturerTest, TokensOfOthersOpenNothing) {
  const std::string token = enrol("m1"), other = enrol("m2");
  const std::string secret = token.substr(token.find('~'));
  Customer customer(cluster_.port());
  EXPECT_EQ(status_of_both(token), 200);
  const std::vector<std::string> bad_tokens = {customer.token(), "m2" + secret, "m3" + secret,
                                               secret,           token + "A",   "m1.AAAA"};
  for (const std::string& bad : bad_tokens) {
    EXPECT_EQ(status_of_both(bad), 401) << bad;
  }
  const HttpReply refused = get("/v1/manufacturer/sales", Headers{});
  EXPECT_EQ(refused.problem(), "unauthenticated");
  EXPECT_EQ(refused.header("www-authenticate"), "Bearer");
  EXPECT_EQ(get("/v1/manufacturer/offers", {{"Cookie", "manufacturer=" + token}}).status, 200);
  EXPECT_EQ(get("/v1/manufacturer/offers", {{"Cookie", "manufacturer=" + customer.token()}}).status,
            401);
  EXPECT_EQ(get("/v1/manufacturer/offers", {{"Cookie", "sid=" + token}}).status, 401);
  for (const char* target : {"/v1/account", "/v1/cart", "/v1/orders"}) {
    EXPECT_EQ(get(target, token).status, 401) << target;
    EXPECT_EQ(get(target, {{"Cookie", "sid=" + token}}).status, 401) << target;
  }
  for (const char* query : {"?cursor=x", "?cursor=1-2", "?cursor=1-2-3-4", "?cursor=-1-2-3",
                            "?cursor=1-2-99999999999999999", "?cursor=zz", "?limit=0", "?limit=101",
                            "?cursor=1&cursor=2", "?q=a"}) {
    for (const char* list : {"offers", "sales"}) {
      const HttpReply reply = get(std::string("/v1/manufacturer/") + list + query, token);
      EXPECT_EQ(reply.problem(), "malformed") << list << query << reply.body;
    }
  }
  EXPECT_EQ(get("/v1/manufacturer/offers?cursor=63", token).problem(), "malformed")
      << "63 is c, a sku of m2";
  EXPECT_EQ(get("/v1/manufacturer/offers?cursor=63", other).status, 200);
}

TEST_F(ManufacturerTest, ARenewedOrRemovedTokenStopsWorkingAtOnce) {
  const std::string first = enrol("m1");
  const CommandResult again = cluster_.depot({"manufacturer", "add", "m1", "--name", "Again"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_THAT(again.err, HasSubstr("--renew"));
  EXPECT_EQ(again.out, "");
  EXPECT_EQ(status_of_both(first), 200);

  const CommandResult renewed =
      cluster_.depot({"manufacturer", "add", "m1", "--name", "Again", "--renew", "--json"});
  ASSERT_EQ(renewed.exit_code, 0) << renewed.err;
  const json::value document = json::parse(renewed.out);
  EXPECT_EQ(document.at("manufacturer_id"), "m1");
  EXPECT_EQ(document.at("name"), "Again");
  const std::string second(document.at("token").as_string());
  EXPECT_EQ(status_of_both(first), 401);
  EXPECT_EQ(status_of_both(second), 200);

  EXPECT_EQ(cluster_.depot({"manufacturer", "remove", "m1"}).exit_code, 0);
  EXPECT_EQ(status_of_both(second), 401);
  const CommandResult gone = cluster_.depot({"manufacturer", "remove", "m1"});
  EXPECT_EQ(gone.exit_code, 1);
  EXPECT_THAT(gone.err, HasSubstr("m1 is not enrolled"));
  EXPECT_EQ(cluster_.depot({"manufacturer", "add", "m1", "--name", "Again", "--renew"}).exit_code,
            1);
  EXPECT_EQ(available(cluster_.port(), "m1:a"), 10) << "what it offered stays";
  const std::string third = enrol("m1");
  EXPECT_EQ(status_of_both(second), 401);
  EXPECT_EQ(status_of_both(third), 200);
  cluster_.expect_clean_audit();
}

TEST_F(ManufacturerTest, TheListNamesAllThatAreKnown) {
  enrol("m1");
  enrol("later");
  const CommandResult listed = cluster_.depot({"manufacturer", "list", "--json"});
  ASSERT_EQ(listed.exit_code, 0) << listed.err;
  const json::value document = json::parse(listed.out);
  std::vector<std::string> rows;
  for (const json::value& item : document.at("items").as_array()) {
    EXPECT_EQ(item.at("enrolled_at").is_null(), item.at("manufacturer_id") == "m2");
    rows.push_back(std::string(item.at("manufacturer_id").as_string()) + " " +
                   std::string(item.at("name").as_string()) + " " +
                   std::to_string(item.at("offers").as_int64()) + " " +
                   json::serialize(item.at("ledger")));
  }
  EXPECT_THAT(rows, ElementsAre("later Enrolled later 0 null", "m1 Enrolled m1 2 \"1-1\"",
                                "m2 Manufacturer m2 1 \"1-1\""));
  const CommandResult table = cluster_.depot({"manufacturer", "list"});
  EXPECT_EQ(table.exit_code, 0);
  EXPECT_THAT(table.out, HasSubstr("not enrolled"));
}

TEST_F(ManufacturerTest, SecretsAreKeptOnlyAsAHash) {
  const std::string token = enrol("m1"), cookie = enrol("m2");
  EXPECT_EQ(status_of_both(token), 200);
  EXPECT_EQ(get("/v1/manufacturer/sales", {{"Cookie", "manufacturer=" + cookie}}).status, 200);
  EXPECT_EQ(get("/v1/account", token).status, 401);
  std::string kept =
      HttpClient(cluster_.port(PortBlock::kSize - 1)).request("GET", "/metrics").body;
  cluster_.stop();
  kept += cluster_.logs();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster_.folder())) {
    if (entry.is_regular_file()) kept += read_file(entry.path());
  }
  EXPECT_THAT(kept, HasSubstr("Enrolled m1")) << "this looks where enrolments are kept";
  for (const std::string& each : {token, cookie}) {
    EXPECT_EQ(kept.find(each.substr(each.find('~') + 1)), std::string::npos);
  }
}

TEST(ManufacturerCommandTest, WhereManufacturersAreNotOpenTheEnrolledAreLetIn) {
  Cluster cluster{{"manufacturers.open", "false"}};
  cluster.start();
  const std::vector<Offer> offers = {{.manufacturer = "m1", .sku = "a", .offered = 3}};
  write_file(cluster.folder() + "/goods.csv", catalogue_csv(offers));
  EXPECT_EQ(cluster.depot({"import", cluster.folder() + "/goods.csv"}).exit_code, 1);
  EXPECT_EQ(cluster.depot({"manufacturer", "add", "m1", "--name", "Maker"}).exit_code, 0);
  cluster.import(offers);
  EXPECT_EQ(available(cluster.port(), "m1:a"), 3);
}

TEST(ManufacturerCommandTest, BadWordsAndAnAbsentRedisHaveTheirExitCodes) {
  const Cluster cluster;  // not started
  const auto code = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "manufacturer");
    return cluster.depot(std::move(words)).exit_code;
  };
  EXPECT_EQ(code({"add", "m1", "--name", "Maker"}), 69);
  EXPECT_EQ(code({"list"}), 69);
  EXPECT_EQ(code({"remove", "m1"}), 69);
  EXPECT_EQ(code({"add", "m1"}), 2);
  EXPECT_EQ(code({"add", "--name", "Maker"}), 2);
  EXPECT_EQ(code({"add", "m~1", "--name", "Maker"}), 2);
  EXPECT_EQ(code({"add", "m1", "--name", " "}), 2);
  EXPECT_EQ(code({"add", "m1", "--name", std::string(201, 'n')}), 2);
  EXPECT_EQ(code({"remove", std::string(65, 'm')}), 2);
  EXPECT_EQ(code({}), 2);
}

}  // namespace
}  // namespace depot::test
