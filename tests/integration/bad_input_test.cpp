// Bad requests, each with the status and the problem it must meet; and after all of them the shop
// sells as before.
//
// Source: docs/openapi.yaml; the order of judgement is syntax, session, key, values, card, stock.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tests/integration/bad_requests.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"

namespace depot::test {
namespace {

using namespace std::string_literals;

class BadInputTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.start();
    cluster_.import({{.manufacturer = "m1", .sku = "a", .offered = 1000}});
    customer_.emplace(cluster_.port());
    cardless_.emplace(cluster_.port(), false);
  }

  void expect_refused(const std::vector<BadRequest>& rows) {
    for (const BadRequest& row : rows) {
      SCOPED_TRACE(row.name);
      Headers headers = row.headers;
      if (row.with_key) headers.emplace_back("Idempotency-Key", unique("key"));
      HttpReply reply;
      try {
        if (row.who == Who::nobody) {
          reply = HttpClient(cluster_.port()).request(row.method, row.target, row.body, headers);
        } else {
          Customer& who = row.who == Who::customer ? *customer_ : *cardless_;
          reply = who.request(row.method, row.target, row.body, headers);
        }
      } catch (const WireError& error) {
        ADD_FAILURE() << error.what();
        continue;
      }
      EXPECT_EQ(reply.status, row.status) << reply.body;
      EXPECT_EQ(reply.problem(), row.problem) << reply.body;
      EXPECT_EQ(reply.status == 405, !reply.header("allow").empty());
      EXPECT_LT(reply.body.size(), 8'192u) << "an error does not send the input back";
    }
    // Nothing was bought by any of it, and the shop still sells.
    EXPECT_EQ(available(cluster_.port(), "m1:a"), 1000);
    EXPECT_TRUE(customer_->orders().empty());
    const HttpReply good = customer_->buy({{"m1:a", 1}}, unique("key"));
    EXPECT_EQ(good.status, 201) << good.body;
    cluster_.expect_clean_audit();
  }

  Cluster cluster_;
  std::optional<Customer> customer_, cardless_;
};

TEST_F(BadInputTest, BrokenSyntaxIsMalformed) { expect_refused(syntax_rows()); }
TEST_F(BadInputTest, ValuesOutOfRangeAreNamedInvalid) { expect_refused(value_rows()); }
TEST_F(BadInputTest, DoorsStayShut) { expect_refused(door_rows()); }
TEST_F(BadInputTest, BodiesAndHeadersHaveTheirLimits) { expect_refused(size_rows()); }

TEST_F(BadInputTest, LimitsThemselvesAreAllowed) {
  std::string padded = line("1");
  padded += std::string(128 * 1024 - padded.size(), ' ');
  const HttpReply body = customer_->request("POST", "/v1/orders", padded,
                                            {{"Idempotency-Key", std::string(255, 'k')}});
  EXPECT_EQ(body.status, 201) << body.body.substr(0, 300);

  std::vector<Offer> offers;
  Lines lines;
  for (int i = 0; i < 1'024; ++i) {
    offers.push_back({.manufacturer = "m2", .sku = "s" + std::to_string(i), .offered = 1});
    lines.emplace_back("m2:s" + std::to_string(i), 1);
  }
  cluster_.import(offers);
  const HttpReply order = customer_->buy(lines, unique("key"));
  EXPECT_EQ(order.status, 201) << order.body.substr(0, 300);
  EXPECT_EQ(order.json().at("lines").as_array().size(), 1'024u);
  cluster_.expect_clean_audit();
}

TEST_F(BadInputTest, BytesThatAreNotHttpEndOnlyTheirOwnConnection) {
  const std::vector<std::string> streams = {
      "\r\n\r\n\r\n",
      std::string(100'000, 'A'),
      "GET / HTTP/9.9\r\n\r\n",
      "GET /\r\n\r\n",
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),
      "POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\nhello",
      "POST /v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
      "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0",
      "POST /v1/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
      "GET / HTTP/1.1\r\n folded: x\r\n\r\n",
      "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"s,
  };
  for (const std::string& bytes : streams) {
    SCOPED_TRACE(bytes.substr(0, 60));
    Wire wire(cluster_.port());
    wire.send(bytes);
    const std::string answer = wire.read_all(std::chrono::seconds(8));
    EXPECT_EQ(answer.find("HTTP/1.1 2"), std::string::npos) << answer.substr(0, 200);
    EXPECT_EQ(answer.find("HTTP/1.1 5"), std::string::npos) << answer.substr(0, 200);
  }
  EXPECT_EQ(customer_->buy({{"m1:a", 1}}, unique("key")).status, 201);
}

}  // namespace
}  // namespace depot::test
