// Accounts, carts, manufacturers, cycles and sync: what one side writes, the other reads; and
// nothing else.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "base/money.hpp"
#include "protocol/accounts.hpp"
#include "protocol/carts.hpp"
#include "protocol/manufacturers.hpp"
#include "protocol/msgpack.hpp"
#include "protocol/sync.hpp"
#include "tests/unit/protocol/encoded.hpp"

namespace depot::protocol {
namespace {

// Whole it is read; cut anywhere, or with a byte behind it, it is not.
template <typename Decode>
void expect_exact(const std::string& body, Decode decode) {
  EXPECT_TRUE(decode(body));
  EXPECT_FALSE(decode(body + "x"));
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(decode(std::string_view(body).substr(0, size))) << size;
  }
}

TEST(LedgerRowTest, IsSoundWhileItsNumbersCanBeAddedUp) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  const auto sound = [](std::int64_t LedgerRow::*field, std::int64_t value) {
    LedgerRow row;
    row.*field = value;
    return is_sound(row);
  };
  EXPECT_TRUE(sound(&LedgerRow::quantity, kOfferedMax));
  EXPECT_FALSE(sound(&LedgerRow::quantity, kOfferedMax + 1));
  EXPECT_FALSE(sound(&LedgerRow::quantity, -1));
  for (const auto field : {&LedgerRow::unit_price, &LedgerRow::offered_after, &LedgerRow::cut_after,
                           &LedgerRow::available_after}) {
    EXPECT_TRUE(sound(field, kExact));
    EXPECT_TRUE(sound(field, -kExact));
    EXPECT_FALSE(sound(field, kExact + 1));
    EXPECT_FALSE(sound(field, INT64_MIN));
  }
}

TEST(AccountsTest, RequestsReadBack) {
  const CreateAccount create{kCaller,    "ada@example.org", "s3cret!!", "Ada",
                             "Lovelace", "10.0.0.1",        true};
  expect_exact(encoded(create), decode_create_account);
  EXPECT_EQ(decode_create_account(encoded(create))->caller.customer, kCaller.customer);
  EXPECT_EQ(decode_create_account(encoded(create))->last_name, "Lovelace");
  EXPECT_EQ(decode_create_account(encoded(create))->address, "10.0.0.1");
  EXPECT_TRUE(decode_create_account(encoded(create))->counted);

  const LogIn log_in{kCaller.session, "ada@example.org", "s3cret!!", "10.0.0.1"};
  expect_exact(encoded(log_in), decode_log_in);
  EXPECT_EQ(decode_log_in(encoded(log_in))->address, "10.0.0.1");

  const DeleteAccount remove{kCaller, "s3cret!!"};
  expect_exact(encoded(remove), decode_delete_account);
  EXPECT_EQ(decode_delete_account(encoded(remove))->password, "s3cret!!");
}

TEST(AccountsTest, ChangesKeepWhatIsNotNamedApart) {
  ChangeAccount change;
  change.caller = kCaller;
  change.last_name = "";
  change.password = "n3w-s3cret";
  change.address = "10.0.0.1";
  expect_exact(encoded(change), decode_change_account);
  const auto read = decode_change_account(encoded(change));
  EXPECT_FALSE(read->first_name);
  EXPECT_EQ(read->last_name, "");
  EXPECT_FALSE(read->email);
  EXPECT_EQ(read->password, "n3w-s3cret");
  EXPECT_FALSE(read->current_password);
  EXPECT_EQ(read->address, "10.0.0.1");
}

TEST(AccountsTest, AccountsComeWithAndWithoutACard) {
  std::string body = "O";
  Writer(body).array(4).string("ada@example.org").string("Ada").string("Lovelace").nil();
  expect_exact(body, decode_account);
  EXPECT_FALSE(decode_account(body)->card);
  body.pop_back();
  Writer(body).array(4).string("visa").string("4242").integer(12).integer(2031);
  expect_exact(body, decode_account);
  EXPECT_EQ(decode_account(body)->card->last4, "4242");
  EXPECT_EQ(decode_account(body)->card->exp_year, 2031);
}

TEST(AccountsTest, LoggedInIsACustomer) {
  std::string body = "O";
  Writer(body).string(kCaller.customer);
  expect_exact(body, decode_logged_in);
  EXPECT_EQ(decode_logged_in(body), kCaller.customer);
}

TEST(AccountsTest, CardsCarryNothingButWhatMayBeKept) {
  std::string expected;
  Writer writer(expected);
  writer.array(7).string(kCaller.session).string(kCaller.customer).string("visa").string("4242");
  writer.integer(12).integer(2031).string("tok_1");
  EXPECT_EQ(encoded(PutCard{kCaller, {"visa", "4242", 12, 2031}, "tok_1"}), expected);
}

TEST(CartsTest, ChangesHaveTheFormOfTheirComments) {
  const CartChange change{kCaller, std::string(16, 'r'), "m:a", 3};
  std::string set, removed, expected;
  encode_change(change, set);
  encode_remove(change, removed);
  Writer writer(expected);
  writer.array(5).string(kCaller.session).string(kCaller.customer).string(std::string(16, 'r'));
  writer.string("m:a").integer(3);
  EXPECT_EQ(set, expected);
  expected.pop_back();
  expected[0] = '\x94';
  EXPECT_EQ(removed, expected);
}

TEST(CartsTest, ReadsACart) {
  std::string body = "O";
  Writer writer(body);
  writer.array(2).integer(9).array(6).string("m:a").integer(3).integer(100).integer(120);
  writer.integer(2).integer(2);
  expect_exact(body, decode_cart);
  const auto cart = decode_cart(body);
  EXPECT_EQ(cart->version, 9);
  EXPECT_EQ(cart->lines.at(0).unit_price, 120);
  EXPECT_EQ(cart->lines.at(0).problem, LineProblem::price_changed);
}

const ManufacturerCaller kMaker{"tea-co", std::string(16, 's')};

TEST(ManufacturersTest, RequestsHaveTheFormOfTheirComments) {
  std::string expected;
  Writer(expected).array(3).string("tea-co").string(kMaker.secret).array(2).string("a").string("b");
  EXPECT_EQ(encoded(OwnOffersRequest{kMaker, {"a", "b"}}), expected);
  expected.clear();
  Writer(expected).array(4).string("tea-co").string(kMaker.secret).integer(7).nil();
  EXPECT_EQ(encoded(SalesRequest{kMaker, 7, {}}), expected);
  expected.pop_back();
  Writer(expected).array(3).integer(2).integer(300).integer(1);
  EXPECT_EQ(encoded(SalesRequest{kMaker, 7, LedgerPlace{2, 300, 1}}), expected);
}

TEST(ManufacturersTest, ReadsOffers) {
  std::string body = "O";
  Writer writer(body);
  writer.array(2).string("Tea Company").array(7).string("tea-co:a").integer(100).integer(9);
  writer.integer(12).integer(1).integer(11).integer(5);
  expect_exact(body, decode_own_offers);
  const auto own = decode_own_offers(body);
  EXPECT_EQ(own->name, "Tea Company");
  const OwnOffer& offer = own->offers.at(0);
  EXPECT_EQ(offer.offer, "tea-co:a");
  EXPECT_EQ((std::vector{offer.unit_price, offer.wanted, offer.offered, offer.cut, offer.sold,
                         offer.refused}),
            (std::vector<std::int64_t>{100, 9, 12, 1, 11, 5}));
  body.replace(body.find(':'), 1, "_");
  EXPECT_FALSE(decode_own_offers(body)) << "not an offer's id";
}

TEST(ManufacturersTest, ReadsSales) {
  const auto page = [](int kind) {
    std::string body = "O";
    Writer writer(body);
    writer.array(2).array(3).integer(1).integer(7).integer(2).array(8).integer(1).integer(8);
    writer.integer(kind).integer(1'700).string("ORDER").string("a").integer(3).integer(250);
    return body;
  };
  expect_exact(page(3), decode_sales_page);
  const auto read = decode_sales_page(page(3));
  EXPECT_EQ((std::vector{read->next->epoch, read->next->number, read->next->row}),
            (std::vector<std::int64_t>{1, 7, 2}));
  const Sale& sale = read->sales.at(0);
  EXPECT_EQ(sale.kind, LedgerKind::cancelled);
  EXPECT_EQ(sale.order + sale.sku, "ORDERa");
  EXPECT_EQ((std::vector{sale.epoch, sale.number, sale.time_ms, sale.quantity, sale.unit_price}),
            (std::vector<std::int64_t>{1, 8, 1'700, 3, 250}));
  for (const int kind : {0, 1, 4, 5}) EXPECT_FALSE(decode_sales_page(page(kind))) << kind;
  std::string last = "O";
  Writer(last).array(2).nil().array(0);
  expect_exact(last, decode_sales_page);
  EXPECT_FALSE(decode_sales_page(last)->next);
}

TEST(ManufacturersTest, ReadsWhoThereIs) {
  std::string body = "O";
  Writer writer(body);
  writer.array(2).string("m7").array(10).string("a").string("Ada").boolean(false).integer(2);
  writer.integer(9).string("b").string("Bert").integer(1'700).integer(0).integer(0);
  expect_exact(body, decode_manufacturer_page);
  const auto page = decode_manufacturer_page(body);
  EXPECT_EQ(page->next, "m7");
  EXPECT_FALSE(page->rows.at(0).enrolled_ms);
  EXPECT_EQ(page->rows[0].number, 9);
  EXPECT_EQ(page->rows.at(1).name, "Bert");
  EXPECT_EQ(page->rows[1].enrolled_ms, 1'700);
}

const Cycle kCycle{"2026-11", CycleState::open, 1'000, 2'000};

TEST(CyclesTest, ReadBack) {
  expect_exact(encoded(kCycle), decode_cycle);
  expect_exact("O" + encoded(kCycle), decode_cycle_reply);
  EXPECT_EQ(decode_cycle(encoded(kCycle))->state, CycleState::open);
  EXPECT_EQ(decode_cycle(encoded(kCycle))->closes_at_ms, 2'000);
  EXPECT_EQ(name_of(CycleState::settled), "settled");
  EXPECT_EQ(name_of(CycleState::planned), "planned");
}

TEST(SyncTest, OffersReadBack) {
  const OfferRecord record{"2026-11", {{"AM-101", "Walnut board", 3'900, 120}, {"b", "c", 1, 0}}};
  expect_exact(encoded(record), [](std::string_view body) { return decode_offer_record(body); });
  const auto read = decode_offer_record(encoded(record));
  EXPECT_EQ(read->cycle, "2026-11");
  EXPECT_EQ(read->rows.at(0).name, "Walnut board");
  EXPECT_EQ(read->rows.at(0).offered, 120);
}

TEST(SyncTest, OffersOutsideTheLimitsAreRefused) {
  std::string why;
  const auto refused = [&why](const OfferRow& row, std::size_t count = 1) {
    return !decode_offer_record(encoded(OfferRecord{"c", std::vector<OfferRow>(count, row)}), &why);
  };
  EXPECT_FALSE(refused({"a", "b", 100'000'000, 1}));
  EXPECT_TRUE(refused({"a b", "b", 1, 1}));
  EXPECT_FALSE(refused({"a", "", 1, 1}));  // It keeps the name that it has.
  EXPECT_TRUE(refused({"a", std::string(201, 'x'), 1, 1}));
  EXPECT_TRUE(refused({"a", "b", 100'000'001, 1}));
  EXPECT_TRUE(refused({"a", "b", 0, 1}));
  EXPECT_EQ(why, "a: a unit price of 0, must be 1 to 100000000");
  EXPECT_TRUE(refused({"a", "b", 1, -1}));
  EXPECT_EQ(why, "a: -1 units at 1, must be 0 to 1000000000000");
  EXPECT_FALSE(refused({"a", "b", 1, 1}, 200));
  EXPECT_TRUE(refused({"a", "b", 1, 1}, 201));
}

TEST(SyncTest, HellosReadBack) {
  SyncHello hello;
  hello.manufacturer = true;
  hello.id = "alder-mill";
  hello.name = "Alder Mill";
  hello.agent_epoch = 3;
  hello.last_number = 0;
  expect_exact(encoded(hello), decode_sync_hello);
  const auto read = decode_sync_hello(encoded(hello));
  EXPECT_EQ(read->agent_epoch, 3);
  EXPECT_EQ(read->last_number, 0);  // "number 0" and "no position" are two things.
  EXPECT_FALSE(read->ledger_epoch);

  SyncHello gateway;
  gateway.name = "gateway-1";
  expect_exact(encoded(gateway), decode_sync_hello);
  EXPECT_FALSE(decode_sync_hello(encoded(gateway))->manufacturer);
  hello.id = "not an id";
  EXPECT_FALSE(decode_sync_hello(encoded(hello)));
}

TEST(SyncTest, WelcomesReadBack) {
  const SyncWelcome welcome{"store", kCycle, 1, 2, 3, 4};
  expect_exact(encoded(welcome), decode_sync_welcome);
  const auto read = decode_sync_welcome(encoded(welcome));
  EXPECT_EQ(read->cycle.id, "2026-11");
  EXPECT_EQ(read->ledger_number, 4);
}

TEST(SyncTest, CatalogueAndStockReadBack) {
  CatalogueRecord record;
  record.items = {{"m:a", "A", 100, 5, false}, {"m:b", "B", 200, 0, true}};
  record.manufacturers = {{"m", "Maker"}};
  expect_exact(encoded(record), decode_catalogue_record);
  EXPECT_FALSE(decode_catalogue_record(encoded(record))->cycle);
  record.cycle = kCycle;
  expect_exact(encoded(record), decode_catalogue_record);
  const auto read = decode_catalogue_record(encoded(record));
  EXPECT_TRUE(read->items.at(1).withdrawn);
  EXPECT_EQ(read->manufacturers.at(0).second, "Maker");
  EXPECT_EQ(read->cycle->id, "2026-11");

  const std::vector<StockRow> rows{{"m:a", 5, 100}, {"m:b", 0, 200}};
  expect_exact(encoded(rows), decode_stock_record);
  EXPECT_EQ(decode_stock_record(encoded(rows))->at(1).unit_price, 200);
}

// [kind, time_ms, cycle, [rows flat]] with the rows that `write` puts there.
std::string entry(LedgerKind kind, std::size_t values, void (*write)(Writer&)) {
  std::string out;
  Writer writer(out);
  writer.array(4).integer(static_cast<int>(kind)).integer(5).string("2026-11").array(values);
  write(writer);
  return out;
}

TEST(SyncTest, LedgerEntriesOfEachKind) {
  const std::string epoch =
      entry(LedgerKind::epoch, 2, [](Writer& w) { w.integer(1).integer(17); });
  expect_exact(epoch, decode_ledger_entry);
  EXPECT_EQ(decode_ledger_entry(epoch)->previous_number, 17);

  const std::string offer = entry(LedgerKind::offer, 6, [](Writer& w) {
    w.string("a").integer(10).integer(100).integer(12).integer(2).integer(9);
  });
  expect_exact(offer, decode_ledger_entry);
  EXPECT_EQ(decode_ledger_entry(offer)->rows.at(0).cut_after, 2);
  EXPECT_EQ(decode_ledger_entry(offer)->rows.at(0).quantity, 10);

  const std::string sold = entry(LedgerKind::sold, 10, [](Writer& w) {
    w.string("o1").string("a").integer(1).integer(100).integer(8);
    w.string("o2").string("a").integer(3).integer(100).integer(5);
  });
  expect_exact(sold, decode_ledger_entry);
  EXPECT_EQ(decode_ledger_entry(sold)->rows.at(1).order, "o2");
  EXPECT_EQ(decode_ledger_entry(sold)->rows.at(1).available_after, 5);

  const std::string cancelled = entry(LedgerKind::cancelled, 7, [](Writer& w) {
    w.string("o1").string("a").integer(1).integer(100).integer(12).integer(2).integer(6);
  });
  expect_exact(cancelled, decode_ledger_entry);
  EXPECT_EQ(decode_ledger_entry(cancelled)->rows.at(0).offered_after, 12);

  const std::string state =
      entry(LedgerKind::state, 2, [](Writer& w) { w.string("o1").integer(2); });
  expect_exact(state, decode_ledger_entry);
  EXPECT_EQ(decode_ledger_entry(state)->rows.at(0).quantity, 2);

  const std::string cycle = entry(LedgerKind::cycle, 4, [](Writer& w) {
    w.string("2026-12").integer(2).integer(1).integer(2);
  });
  expect_exact(cycle, decode_ledger_entry);
  EXPECT_EQ(decode_ledger_entry(cycle)->transition.id, "2026-12");

  EXPECT_FALSE(decode_ledger_entry(entry(LedgerKind::sold, 1, [](Writer& w) { w.nil(); })));
}

RC_GTEST_PROP(BodiesTest, AnyBytesAreReadOrRefused, ()) {
  // Valid bodies with a few bytes changed reach deeper than random bytes do.
  std::string bytes =
      *rc::gen::element(encoded(OfferRecord{"c", {{"a", "b", 1, 1}}}), encoded(kCycle),
                        encoded(std::vector<StockRow>{{"m:a", 5, 100}}),
                        encoded(SyncWelcome{"s", kCycle, 1, 2, 3, 4}),
                        encoded(CatalogueRecord{{{"m:a", "A", 1, 5, false}}, {{"m", "M"}}, kCycle}),
                        encoded(LogIn{kCaller.session, "e", "p", "a"}));
  for (int left = *rc::gen::inRange(1, 4); left > 0; --left) {
    bytes[*rc::gen::inRange<std::size_t>(0, bytes.size())] = *rc::gen::arbitrary<char>();
  }
  decode_offer_record(bytes);
  decode_cycle(bytes);
  decode_stock_record(bytes);
  decode_sync_welcome(bytes);
  decode_sync_hello(bytes);
  decode_catalogue_record(bytes);
  decode_ledger_entry(bytes);
  decode_log_in(bytes);
  decode_order_row(bytes);
  decode_refusal(bytes);
  decode_problem("X" + bytes);
  decode_order_page("O" + bytes);
  decode_cart("O" + bytes);
  decode_account("O" + bytes);
}

}  // namespace
}  // namespace depot::protocol
