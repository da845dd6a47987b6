// Enrolled manufacturers, and what they may read of their own: the real functions in a real Redis.
#include "protocol/manufacturers.hpp"
#include "tests/unit/store/functions_fixture.hpp"

namespace depot::store::test {
namespace {

using protocol::LedgerKind;
using protocol::LedgerPlace;

constexpr const char* kYes = "O\xC3";
constexpr const char* kNo = "O\xC2";

class EnrolledTest : public FunctionsTest {
 protected:
  EnrolledTest() { EXPECT_EQ(enrol("m", "secret"), kYes); }

  std::string enrol(const std::string& maker, const std::string& secret, bool renew = false,
                    const std::string& name = "Enrolled") {
    return shop_.call("enrol_v1", {maker, name, id(secret), renew ? "1" : "0"});
  }
  std::string offers_answer(const std::string& maker, const std::string& secret,
                            const std::vector<std::string>& offers = {}) {
    std::string body;
    encode(protocol::OwnOffersRequest{{maker, id(secret)}, offers}, body);
    return shop_.call("manufacturer_offers_v1", {body});
  }
  std::string sales_answer(const std::string& maker, const std::string& secret,
                           std::int64_t limit = 100, std::optional<LedgerPlace> before = {}) {
    std::string body;
    encode(protocol::SalesRequest{{maker, id(secret)}, limit, before}, body);
    return shop_.call("manufacturer_sales_v1", {body});
  }
  protocol::SalesPage sales(std::int64_t limit, std::optional<LedgerPlace> before = {}) {
    auto page = protocol::decode_sales_page(sales_answer("m", "secret", limit, before));
    EXPECT_TRUE(page.has_value());
    return page.value_or(protocol::SalesPage());
  }
  // All pages of `limit` rows, "<entry> <kind> <order> <sku> <quantity>x<price>" each.
  std::vector<std::string> all_sales(std::int64_t limit) {
    std::vector<std::string> rows;
    std::optional<LedgerPlace> at;
    do {
      const protocol::SalesPage page = sales(limit, at);
      EXPECT_LE(page.sales.size(), static_cast<std::size_t>(limit));
      for (const protocol::Sale& sale : page.sales) rows.push_back(text_of_sale(sale));
      at = page.next;
    } while (at);
    return rows;
  }
  static std::string text_of_sale(const protocol::Sale& sale) {
    return std::to_string(sale.epoch) + "-" + std::to_string(sale.number) + " " +
           std::string(name_of(sale.kind)) + " " + sale.order + " " + sale.sku + " " +
           std::to_string(sale.quantity) + "x" + std::to_string(sale.unit_price);
  }
  // The same from the ledger itself.
  std::vector<std::string> sales_of_ledger() {
    std::vector<std::string> rows;
    const auto entries = shop_.ledger("m");
    for (std::size_t i = entries.size(); i-- > 0;) {
      const bool counts =
          entries[i].kind == LedgerKind::sold || entries[i].kind == LedgerKind::cancelled;
      for (std::size_t k = counts ? entries[i].rows.size() : 0; k-- > 0;) {
        const auto& row = entries[i].rows[k];
        rows.push_back(
            text_of_sale({1, static_cast<std::int64_t>(i), entries[i].kind, entries[i].time_ms,
                          row.order, row.sku, row.quantity, row.unit_price}));
      }
    }
    return rows;
  }
};

TEST_F(EnrolledTest, EnrolmentIsOnceAndRenewedOnlyWhereItIs) {
  EXPECT_EQ(enrol("m", "another"), kNo);
  EXPECT_EQ(offers_answer("m", "secret")[0], 'O') << "the token in force is untouched";
  EXPECT_EQ(enrol("n", "another", true), kNo);
  EXPECT_EQ(text_of(offers_answer("n", "another")), "X unauthenticated");

  EXPECT_EQ(enrol("m", "another", true, "New name"), kYes);
  EXPECT_EQ(text_of(offers_answer("m", "secret")), "X unauthenticated");
  EXPECT_EQ(text_of(sales_answer("m", "secret")), "X unauthenticated");
  EXPECT_EQ(protocol::decode_own_offers(offers_answer("m", "another"))->name, "New name");

  EXPECT_EQ(shop_.call("unenrol_v1", {"m"}), kYes);
  EXPECT_EQ(shop_.call("unenrol_v1", {"m"}), kNo);
  EXPECT_EQ(text_of(offers_answer("m", "another")), "X unauthenticated");
  EXPECT_EQ(text_of(sales_answer("m", "another")), "X unauthenticated");
  EXPECT_FALSE(shop_.ledger("m").empty()) << "its books stay";
}

TEST_F(EnrolledTest, OneWithoutAnAgentSignsInAndIsLetInWhereStrangersAreNot) {
  ASSERT_EQ(enrol("new", "secret"), kYes);
  const auto own = protocol::decode_own_offers(offers_answer("new", "secret", {"new:x"}));
  ASSERT_TRUE(own.has_value());
  EXPECT_EQ(own->name, "Enrolled");
  EXPECT_TRUE(own->offers.empty());
  const auto page = protocol::decode_sales_page(sales_answer("new", "secret"));
  ASSERT_TRUE(page.has_value());
  EXPECT_TRUE(page->sales.empty() && !page->next);
  EXPECT_EQ(shop_.call("hello_v1", {"new", "Its own", "0", "-1", "-1", "100"})[0], 'O');
  EXPECT_EQ(text_of(shop_.call("hello_v1", {"old", "Old", "0", "-1", "-1", "100"})), "X forbidden");
}

TEST_F(EnrolledTest, OffersShowWhatIsWantedSoldCutAndRefused) {
  stock_up(10);
  ASSERT_EQ(place(order("anna", "1", {line("m:x", 8)}))[0], 'P');
  ASSERT_EQ(place(order("anna", "2", {line("m:x", 7)}))[0], 'N');  // 5 more than there are.
  ASSERT_EQ(integers(shop_.offer("m", 1, 2, {row("x", 3), row("y", 10)}))[0], 0);
  const auto own =
      protocol::decode_own_offers(offers_answer("m", "secret", {"m:y", "m:none", "m:x"}));
  ASSERT_TRUE(own.has_value());
  ASSERT_EQ(own->offers.size(), 2u);
  EXPECT_EQ(own->offers[0].offer, "m:y");
  const protocol::OwnOffer& x = own->offers[1];
  EXPECT_EQ((std::vector{x.unit_price, x.wanted, x.offered, x.cut, x.sold, x.refused}),
            (std::vector<std::int64_t>{100, 3, 10, 2, 8, 5}));
}

TEST_F(EnrolledTest, NobodyElsesOffersOrSalesAreShown) {
  stock_up();
  ASSERT_EQ(enrol("mm", "other"), kYes);
  shop_.hello("mm");
  ASSERT_EQ(integers(shop_.offer("mm", 1, 1, {row("x", 5)}))[0], 0);
  ASSERT_EQ(place(order("anna", "1", {line("m:x", 1), line("mm:x", 2)}))[0], 'P');
  for (const char* offer : {"mm:x", "m", "mx", ""}) {
    EXPECT_EQ(text_of(offers_answer("m", "secret", {offer})), "X malformed") << offer;
  }
  EXPECT_EQ(text_of(offers_answer("mm", "secret")), "X unauthenticated");
  EXPECT_EQ(text_of(sales_answer("mm", "secret")), "X unauthenticated");
  ASSERT_EQ(sales(100).sales.size(), 1u);
  EXPECT_EQ(sales(100).sales[0].quantity, 1);
}

TEST_F(EnrolledTest, PagesOfSalesAreExactAndNewestFirst) {
  stock_up();
  shop_.add_customer("bert");
  for (int i = 0; i < 4; ++i) {
    const std::string key = std::to_string(i);
    for (const auto& answer :
         shop_.place({order("anna", "a" + key, {line("m:x", 1 + i), line("m:y", 2)}),
                      order("bert", "b" + key, {line("m:y", 3)})})) {
      ASSERT_EQ(answer[0], 'P');
    }
    if (i == 2) {
      ASSERT_EQ(shop_.with_id("cancel_order_v1", caller("anna"), id("a1"))[0], 'O');
    }
    ASSERT_EQ(integers(shop_.offer("m", 1, 2 + i, {row("x", 90 - i), row("y", 100)}))[0], 0);
  }
  const auto expected = sales_of_ledger();
  ASSERT_EQ(expected.size(), 14u);
  for (std::int64_t limit = 1; limit <= 15; ++limit) EXPECT_EQ(all_sales(limit), expected) << limit;
}

TEST_F(EnrolledTest, APageLooksAtABoundedPartOfALongLedger) {
  stock_up();
  ASSERT_EQ(place(order("anna", "1", {line("m:x", 1)}))[0], 'P');
  for (int i = 0; i < 1'200; ++i) {
    ASSERT_EQ(integers(shop_.offer("m", 1, 2 + i, {row("x", 200 + i % 2)}))[0], 0);
  }
  const protocol::SalesPage first = sales(10);
  EXPECT_TRUE(first.sales.empty());
  ASSERT_TRUE(first.next.has_value());
  const protocol::SalesPage second = sales(10, first.next);
  EXPECT_EQ(second.sales.size(), 1u);
  EXPECT_FALSE(second.next.has_value());
}

TEST_F(EnrolledTest, HostileArgumentsAreMalformed) {
  const std::vector<std::vector<std::string>> enrolments = {
      {"a b", "Name", id("s"), "0"}, {"a~b", "Name", id("s"), "0"}, {"a", "", id("s"), "0"},
      {"a", "Name", "short", "0"},   {"a", "Na\nme", id("s"), "0"}, {}};
  for (const auto& arguments : enrolments) {
    EXPECT_EQ(text_of(shop_.call("enrol_v1", arguments)), "X malformed");
  }
  const auto body = [](auto write) {
    std::string out;
    protocol::Writer writer(out);
    writer.array(4).string("m").string(id("secret"));
    write(writer);
    return out;
  };
  const std::string bodies[] = {
      "",
      "x",
      std::string("\x93\xa1m\xb0", 4),
      body([](auto& w) { w.integer(0).nil(); }),
      body([](auto& w) { w.integer(101).nil(); }),
      body([](auto& w) { w.string("1e3").nil(); }),
      body([](auto& w) { w.integer(1).integer(7); }),
      body([](auto& w) { w.integer(1).array(3).integer(1).integer(-1).integer(1); }),
      body([](auto& w) { w.integer(1).array(3).integer(1).nil().integer(1); })};
  for (const std::string& each : bodies) {
    EXPECT_EQ(text_of(shop_.call("manufacturer_sales_v1", {each})), "X malformed");
    EXPECT_EQ(text_of(shop_.call("manufacturer_offers_v1", {each})), "X malformed");
  }
  EXPECT_EQ(text_of(offers_answer("m", "secret", std::vector<std::string>(101, "m:x"))),
            "X malformed");
  for (const char* name :
       {"enrol_v1", "list_manufacturers_v1", "manufacturer_offers_v1", "manufacturer_sales_v1"}) {
    EXPECT_EQ(text_of(shop_.call(name, {})), "X malformed") << name;
  }
  EXPECT_EQ(text_of(shop_.call("list_manufacturers_v1", {"x7", "10"})), "X malformed");
}

TEST_F(EnrolledTest, AStatementIsReadInPieces) {
  std::string pack;
  for (int i = 0; i < 70'000; ++i) pack += std::to_string(10'000 + i);
  shop_.redis({"SET", "pack:{s0}:2026-11:m", pack});
  const auto read = [&](const std::string& cycle, std::size_t first) {
    std::string body;
    encode(protocol::StatementRequest{{"m", id("secret")}, cycle, static_cast<std::int64_t>(first)},
           body);
    return shop_.call("manufacturer_statement_v1", {body});
  };
  std::string found;
  for (int pieces = 0; pieces < 2; ++pieces) {
    const auto piece = protocol::decode_statement_piece(read("2026-11", found.size()));
    ASSERT_TRUE(piece.has_value());
    EXPECT_EQ(piece->size, pack.size());
    EXPECT_LE(piece->bytes.size(), 200u * 1024);
    EXPECT_FALSE(piece->agrees.has_value());
    found += piece->bytes;
  }
  EXPECT_TRUE(found == pack);
  EXPECT_EQ(protocol::decode_statement_piece(read("2026-11", pack.size() + 1))->bytes, "");
  EXPECT_EQ(text_of(read("2026-12", 0)), "X not_found");
  EXPECT_EQ(text_of(read("a b", 0)), "X malformed");
  shop_.redis({"HSET", "agreed:{s0}:2026-11", "m", "\x01\x02\xA3why"});
  const auto piece = protocol::decode_statement_piece(read("2026-11", 1));
  EXPECT_EQ(piece->agrees, 1);
  EXPECT_EQ(piece->answered_ms, 2);
  EXPECT_EQ(piece->detail, "why");
  EXPECT_EQ(piece->bytes.substr(0, 4), "0000");
}

TEST_F(EnrolledTest, AllManufacturersAreListedByTheirAgentsOrEnrolled) {
  shop_.hello("agent");
  for (int i = 0; i < 600; ++i) ASSERT_EQ(enrol("n" + std::to_string(i), "s"), kYes);
  std::map<std::string, protocol::ManufacturerRow> found;
  std::string cursor = "0";
  int pages = 0;
  do {
    auto page =
        protocol::decode_manufacturer_page(shop_.call("list_manufacturers_v1", {cursor, "100"}));
    ASSERT_TRUE(page.has_value());
    for (auto& each : page->rows) found[each.id] = each;
    cursor = page->next;
    ++pages;
  } while (cursor != "0");
  EXPECT_GT(pages, 3);
  EXPECT_EQ(found.size(), 602u);
  EXPECT_FALSE(found["agent"].enrolled_ms.has_value());
  EXPECT_EQ(found["agent"].name, "Maker agent");
  EXPECT_EQ(found["agent"].epoch, 1);
  EXPECT_EQ(found["m"].name, "Enrolled");
  EXPECT_GT(found["m"].enrolled_ms.value_or(0), 1'700'000'000'000);
  EXPECT_EQ(found["n7"].epoch, 0);
}

}  // namespace
}  // namespace depot::store::test
