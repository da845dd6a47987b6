#include "tests/unit/store/functions_fixture.hpp"

namespace depot::store::test {
namespace {

TEST_F(FunctionsTest, AClosedCycleRefusesAndTheRefusalIsRecorded) {
  stock_up();
  set_cycle(kCycle, protocol::CycleState::closing);
  const auto wish = order("anna", "k", {line("m:x", 1)});
  EXPECT_EQ(place(wish), "N cycle_closed []");
  set_cycle(kCycle, protocol::CycleState::open);
  EXPECT_EQ(place(wish), "n cycle_closed []");  // A retry cannot turn it.
  EXPECT_EQ(place(order("anna", "k2", {line("m:x", 1)}))[0], 'P');
}

TEST_F(FunctionsTest, WithoutACycleAnOrderIsUnavailableAndNotRecorded) {
  shop_.redis({"DEL", "cycle:{s0}"});
  const auto wish = order("anna", "k", {line("m:x", 1)});
  EXPECT_EQ(place(wish), "X unavailable");
  shop_.start_cycle();
  stock_up();
  EXPECT_EQ(place(wish)[0], 'P');
}

TEST_F(FunctionsTest, AnEmptyCartIsJudgedBeforeTheCardAndTheCycle) {
  stock_up();
  shop_.add_customer("bert", false);
  protocol::PlaceOrder wish = order("bert", "k", {});
  wish.cart_version = 0;
  EXPECT_EQ(place(wish), "X invalid");
  shop_.add_customer("bert", true);
  set_cycle(kCycle, protocol::CycleState::closing);
  EXPECT_EQ(place(wish), "X invalid");
  wish.cart_version = 7;
  EXPECT_EQ(place(wish)[0], 'N') << "not the cart that was seen: recorded";
}

TEST_F(FunctionsTest, ASessionCheckWithAnOrderIdFindsItsKeyReused) {
  stock_up();
  const auto placed = order("anna", "k", {line("m:x", 1)});
  const auto refused = order("anna", "k2", {line("m:x", 1'000)});
  ASSERT_EQ(place(placed)[0], 'P');
  ASSERT_EQ(place(refused)[0], 'N');
  const auto check = [&](const std::string& id) {
    return text_of(shop_.with_id("check_session_v1", placed.caller, id));
  };
  EXPECT_EQ(check(placed.order_id), "X idempotency_key_reused");
  EXPECT_EQ(check(refused.order_id), "X idempotency_key_reused");
  EXPECT_NE(check(order("anna", "k3", {line("m:x", 1)}).order_id)[0], 'X');
}

TEST_F(FunctionsTest, AnOrderOfAPastCycleIsNotCancelled) {
  stock_up();
  const auto wish = order("anna", "k", {line("m:x", 1)});
  ASSERT_EQ(place(wish)[0], 'P');
  set_cycle("2026-12", protocol::CycleState::open);
  EXPECT_EQ(text_of(shop_.with_id("cancel_order_v1", wish.caller, wish.order_id)),
            "X not_cancellable");
  EXPECT_EQ(shop_.stock("m:x")[4], 1);
}

TEST_F(FunctionsTest, AWithdrawnUnitThatIsCancelledIsNotSoldAgain) {
  stock_up(10);
  const auto wish = order("anna", "k", {line("m:x", 6)});
  ASSERT_EQ(place(wish)[0], 'P');
  ASSERT_EQ(integers(shop_.offer("m", 1, 2, {row("x", 2)}))[0], 0);  // Below what is sold.
  EXPECT_EQ(shop_.stock("m:x"), (std::vector<std::int64_t>{100, 2, 10, 4, 6, 0}));
  shop_.with_id("cancel_order_v1", wish.caller, wish.order_id);
  EXPECT_EQ(shop_.stock("m:x"), (std::vector<std::int64_t>{100, 2, 10, 8, 0, 0}));
  EXPECT_EQ(place(order("anna", "k2", {line("m:x", 3)}))[0], 'N');
  EXPECT_EQ(place(order("anna", "k3", {line("m:x", 2)}))[0], 'P');
}

TEST_F(FunctionsTest, ACancelledOrderCountsTowardsNoCap) {
  stock_up();
  const Options three{.units_cap = 3};
  const auto wish = order("anna", "k", {line("m:x", 3)});
  ASSERT_EQ(place(wish, three)[0], 'P');
  EXPECT_EQ(place(order("anna", "k2", {line("m:x", 1)}), three),
            "N limit_exceeded [m:x 1/97 limit; ]");
  shop_.with_id("cancel_order_v1", wish.caller, wish.order_id);
  EXPECT_EQ(place(order("anna", "k3", {line("m:x", 3)}), three)[0], 'P');
}

TEST_F(FunctionsTest, AFullMemoryStopsNewPurchasesAndAnswersOldOnes) {
  stock_up();
  const auto bought = order("anna", "k", {line("m:x", 1)});
  const auto refused = order("anna", "k2", {line("m:x", 1'000)});
  ASSERT_EQ(place(bought)[0], 'P');
  ASSERT_EQ(place(refused)[0], 'N');
  const Options stop{.stop_new = true};
  EXPECT_EQ(place(bought, stop)[0], 'p');
  EXPECT_EQ(place(refused, stop)[0], 'n');
  EXPECT_EQ(place(order("anna", "k3", {line("m:x", 1)}), stop), "X unavailable");
  EXPECT_EQ(place(order("anna", "k4", {line("m:x", 1'000)}), stop), "X unavailable");
  EXPECT_EQ(shop_.stock("m:x")[4], 1);
}

TEST_F(FunctionsTest, RefusalsBeyondTheLimitAreNotRecordedAndNobodyWhoFitsIsTurnedAway) {
  stock_up();
  const auto in_all = [&](int key) {
    return order("anna", "a" + std::to_string(key), {line("m:x", 1'000)});
  };
  const Options two{.refusals_max = 2};
  const auto answers = shop_.place({in_all(1), in_all(2), in_all(3)}, two);
  EXPECT_EQ(answers[1][0], 'N');
  EXPECT_EQ(text_of(answers[2]), "X unavailable");
  EXPECT_EQ(place(in_all(4), two), "X unavailable");
  EXPECT_EQ(place(order("anna", "fits", {line("m:x", 1)}), two)[0], 'P');
  EXPECT_EQ(place(in_all(1), two)[0], 'n');
  EXPECT_EQ(shop_.stock("m:x")[5], 2 * 900);  // Demand that was refused on record.
  const Options per_minute{.refusals_per_minute_max = 1};
  shop_.add_customer("bert");
  std::vector<protocol::PlaceOrder> wishes;  // Enough that a new minute cannot hide the limit.
  for (int i = 0; i < 4; ++i) {
    wishes.push_back(order("bert", "b" + std::to_string(i), {line("m:x", 1'000)}));
  }
  const auto of_bert = shop_.place(wishes, per_minute);
  EXPECT_EQ(of_bert[0][0], 'N');
  for (std::size_t i = 1; i < 4; ++i) {
    const auto problem = protocol::decode_problem(of_bert[i]);
    ASSERT_TRUE(problem.has_value());
    EXPECT_EQ(problem->problem, protocol::Problem::rate_limited);
    EXPECT_GT(problem->retry_after_ms, 0);
  }
}

TEST_F(FunctionsTest, RefusalsAreDroppedAfterTwoDays) {
  stock_up();
  ASSERT_EQ(place(order("anna", "k", {line("m:x", 1'000)}))[0], 'N');
  const auto keys = shop_.redis({"KEYS", "refused:*"}).items;
  ASSERT_EQ(keys.size(), 1u);
  const std::int64_t left = shop_.redis({"TTL", keys[0].text}).integer;
  EXPECT_GT(left, 24 * 3600);
  EXPECT_LE(left, 48 * 3600);
}

TEST_F(FunctionsTest, ARefusalOfYesterdayIsStillARecord) {
  stock_up();
  const auto wish = order("anna", "k", {line("m:x", 1'000)});
  const std::string answer = shop_.place({wish})[0];
  const std::string today = shop_.redis({"KEYS", "refused:*"}).items[0].text;
  const std::int64_t day = std::stoll(today.substr(today.rfind(':') + 1));
  shop_.redis({"RENAME", today, "refused:{s0}:" + std::to_string(day - 1)});
  EXPECT_EQ(shop_.place({wish})[0], "n" + answer.substr(1));
}

TEST_F(FunctionsTest, ATotalBeyondTheLimitIsInvalid) {
  std::vector<OfferRow> rows;
  std::vector<protocol::OrderLine> lines;
  for (int i = 10; i < 21; ++i) {  // 11 lines of 10^14.
    rows.push_back(row(std::to_string(i), 1'000'000, 100'000'000));
    lines.push_back(line("m:" + std::to_string(i), 1'000'000));
  }
  ASSERT_EQ(integers(shop_.offer("m", 1, 1, rows))[0], 0);
  EXPECT_EQ(place(order("anna", "k", lines)), "X invalid");
  lines.pop_back();
  EXPECT_EQ(place(order("anna", "k", lines))[0], 'P');
}

TEST_F(FunctionsTest, LongPagesOfOrdersEndEarlyAndMissNothing) {
  std::vector<protocol::OrderLine> lines;
  for (int first = 0; first < 1'000; first += 200) {
    std::vector<OfferRow> rows;
    for (int i = first; i < first + 200; ++i) {
      const std::string sku = "a-rather-long-stock-keeping-unit-" + std::to_string(10'000 + i);
      rows.push_back(row(sku, 1'000));
      lines.push_back(line("m:" + sku, 1));
    }
    ASSERT_EQ(integers(shop_.offer("m", 1, first / 200 + 1, rows))[0], 0);
  }
  for (int i = 0; i < 12; ++i) {
    ASSERT_EQ(shop_.place({order("anna", std::to_string(i), lines)})[0][0], 'P');
  }
  std::vector<std::string> read;
  std::optional<std::int64_t> before;
  do {
    const std::string answer = shop_.orders(caller("anna"), 100, before);
    EXPECT_LT(answer.size(), 256u * 1024);
    const auto page = protocol::decode_order_page(answer);
    ASSERT_TRUE(page.has_value());
    EXPECT_LT(page->orders.size(), 12u);
    for (const auto& view : page->orders) read.push_back(view.order_id);
    before = page->next;
  } while (before);
  ASSERT_EQ(read.size(), 12u);
  EXPECT_EQ(read.front(), id("11"));
  EXPECT_EQ(read.back(), id("0"));
}

TEST_F(FunctionsTest, AnOrderIsItsOwnersOnly) {
  stock_up();
  shop_.add_customer("bert");
  const auto wish = order("anna", "k", {line("m:x", 1)});
  ASSERT_EQ(place(wish)[0], 'P');
  for (const char* function : {"get_order_v1", "cancel_order_v1"}) {
    EXPECT_EQ(text_of(shop_.with_id(function, caller("bert"), wish.order_id)), "X not_found");
    EXPECT_EQ(text_of(shop_.with_id(function, caller("bert"), id("none"))), "X not_found");
  }
  auto stolen = order("bert", "k", {line("m:x", 1)});  // The same id, by whatever way.
  EXPECT_EQ(place(stolen), "X idempotency_key_reused");
}

TEST_F(FunctionsTest, ABodyThatIsNotAnOrderEndsTheBatchBeforeIt) {
  stock_up();
  const std::string good = body_of(order("anna", "k", {line("m:x", 1)}));
  const auto answers = shop_.place_bodies({good, "nonsense", good});
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0][0], 'P');
  const auto alone = shop_.place_bodies({"nonsense", good});
  ASSERT_EQ(alone.size(), 1u);
  EXPECT_EQ(text_of(alone[0]), "X malformed");
}

// An order body, written by hand: what the encoder would never send.
using WriteLines = std::function<void(protocol::Writer&)>;
std::string raw_order(const std::string& key, const WriteLines& write) {
  std::string body;
  protocol::Writer writer(body);
  writer.array(7).string(caller("anna").session).string(id("anna")).string(id(key));
  writer.string(id("print")).integer(0).nil();
  write(writer);
  return body;
}

TEST_F(FunctionsTest, HostileOrdersAreMalformedAndSellNothing) {
  stock_up();
  const std::pair<const char*, WriteLines> lines[] = {
      {"nothing to buy", [](auto& w) { w.nil(); }},
      {"no lines", [](auto& w) { w.array(0); }},
      {"a number", [](auto& w) { w.integer(3); }},
      {"a string", [](auto& w) { w.string("m:x"); }},
      {"quantity 0", [](auto& w) { w.array(3).string("m:x").integer(0).nil(); }},
      {"quantity -1", [](auto& w) { w.array(3).string("m:x").integer(-1).nil(); }},
      {"too many", [](auto& w) { w.array(3).string("m:x").integer(1'000'001).nil(); }},
      {"2^53", [](auto& w) { w.array(3).string("m:x").integer(1LL << 53).nil(); }},
      {"text '1e3'", [](auto& w) { w.array(3).string("m:x").string("1e3").nil(); }},
      {"text '0x10'", [](auto& w) { w.array(3).string("m:x").string("0x10").nil(); }},
      {"no quantity", [](auto& w) { w.array(3).string("m:x").nil().nil(); }},
      {"quantity true", [](auto& w) { w.array(3).string("m:x").boolean(true).nil(); }},
      {"quantity [1]", [](auto& w) { w.array(3).string("m:x").array(1).integer(1).nil(); }},
      {"offer 7", [](auto& w) { w.array(3).integer(7).integer(1).nil(); }},
      {"offer []", [](auto& w) { w.array(3).array(0).integer(1).nil(); }},
      {"long offer", [](auto& w) { w.array(3).string(std::string(130, 'x')).integer(1).nil(); }},
      {"seen price 'x'", [](auto& w) { w.array(3).string("m:x").integer(1).string("x"); }},
      {"seen price true", [](auto& w) { w.array(3).string("m:x").integer(1).boolean(true); }},
      {"two values", [](auto& w) { w.array(2).string("m:x").integer(1); }},
      {"the same twice",
       [](auto& w) { w.array(6).string("m:x").integer(60).nil().string("m:x").integer(60).nil(); }},
  };
  for (const auto& [what, write] : lines) {
    const auto answers = shop_.place_bodies({raw_order("k", write)});
    ASSERT_EQ(answers.size(), 1u);
    const std::string text = text_of(answers[0]);
    EXPECT_TRUE(text == "X malformed" || (std::string(what) == "two values" && text[0] == 'P'))
        << what << ": " << text;
  }
  std::string half = raw_order("half", [](auto& w) { w.array(3).string("m:x"); });
  half += std::string("\xcb\x3f\xf8\0\0\0\0\0\0\xc0", 10);  // 1.5
  EXPECT_EQ(text_of(shop_.place_bodies({half})[0]), "X malformed");
  EXPECT_LE(shop_.stock("m:x")[4], 1);
}

TEST_F(FunctionsTest, UnknownOffersOfStrangeNamesAreUnknown) {
  for (const std::string& offer : {std::string("m:\0x", 4), std::string(":"), std::string("x"),
                                   std::string("m:x'; FLUSHALL\r\n")}) {
    EXPECT_EQ(text_of(shop_.place_bodies({raw_order(
                  "k", [&](auto& w) { w.array(3).string(offer).integer(1).nil(); })})[0]),
              "X unknown_offer " + offer);
  }
}

// Whatever bytes come, no function raises: it would have to do so before its first write, and then
// the caller could not tell.
TEST_F(FunctionsTest, NoFunctionRaisesOnMangledBodies) {
  stock_up();
  std::vector<std::pair<std::string, std::vector<std::string>>> calls;
  std::string account, change, log_out, cart, list, get, card, record;
  encode(protocol::CreateAccount{.caller = caller("new"),
                                 .email = "new@example.org",
                                 .password = "h",
                                 .first_name = "A",
                                 .last_name = "B",
                                 .address = "10.0.0.1",
                                 .counted = true},
         account);
  protocol::ChangeAccount changed;
  changed.caller = caller("anna");
  changed.email = "anna2@example.org";
  changed.address = "10.0.0.1";
  changed.counted = true;
  encode(changed, change);
  encode(caller("anna"), log_out);
  protocol::encode_change(
      {.caller = caller("anna"), .request_id = request_id(1), .offer = "m:x", .quantity = 2}, cart);
  encode(protocol::ListOrders{.caller = caller("anna"), .limit = 5, .before = 9}, list);
  encode(protocol::OrderRequest{.caller = caller("anna"), .order_id = id("k")}, get);
  encode(
      protocol::PutCard{.caller = caller("anna"), .card = {"visa", "4242", 1, 2030}, .token = "t"},
      card);
  encode(protocol::OfferRecord{.cycle = kCycle, .rows = {row("x", 3)}}, record);
  for (const char* name : {"add_cart_line_v1", "set_cart_line_v1", "remove_cart_line_v1"}) {
    calls.push_back({name, {cart, "1024", "1000000"}});
  }
  for (const char* name : {"get_cart_v1", "check_session_v1", "get_account_v1"}) {
    calls.push_back({name, {log_out}});
  }
  calls.push_back(
      {"create_account_v2", {account, "1000000", "1000000", "", "60000", "5", "60000"}});
  calls.push_back({"list_orders_v1", {list}});
  calls.push_back({"get_order_v1", {get}});
  calls.push_back({"cancel_order_v1", {get, "100"}});
  calls.push_back({"put_card_v1", {card}});
  calls.push_back({"change_account_v2", {change, "", "10", "60000", "5"}});
  calls.push_back({"offer_v1", {"m", "1", "2", record, "100"}});
  const std::string wish = body_of(order("anna", "k", {line("m:x", 1), line("m:y", 1)}));

  const bool held = rc::check([&] {
    const auto mangle = [](std::string bytes) {
      const int changes = *rc::gen::inRange(0, 3);
      for (int i = 0; i < changes && !bytes.empty(); ++i) {
        const auto at = *rc::gen::inRange<std::size_t>(0, bytes.size());
        bytes[at] = static_cast<char>(*rc::gen::inRange(0, 256));
      }
      if (*rc::gen::inRange(0, 4) == 0) bytes.resize(*rc::gen::inRange<std::size_t>(0, 200));
      return bytes;
    };
    auto [name, arguments] = *rc::gen::elementOf(calls);
    const std::size_t body = name == "offer_v1" ? 3 : 0;
    arguments[body] = mangle(arguments[body]);
    const std::string answer = shop_.call(name, arguments);  // Throws where it raised.
    RC_ASSERT(std::string("ONX").find(answer.at(0)) != std::string::npos);
    for (const std::string& placed : shop_.place_bodies({mangle(wish), mangle(wish)})) {
      RC_ASSERT(std::string("PpNnX").find(placed.at(0)) != std::string::npos);
    }
    for (const char* offer : {"m:x", "m:y"}) {
      const auto stock = shop_.stock(offer);
      RC_ASSERT(stock[2] - stock[3] - stock[4] >= 0);
    }
  });
  EXPECT_TRUE(held);
}

TEST_F(FunctionsTest, MissingArgumentsAreAnswered) {
  for (const char* name :
       {"check_sign_up_v1",  "create_account_v2", "find_login_v1",    "log_in_v1",
        "log_out_v1",        "check_session_v1",  "get_account_v1",   "find_password_v1",
        "change_account_v2", "delete_account_v1", "put_card_v1",      "delete_card_v1",
        "get_cart_v1",       "add_cart_line_v1",  "set_cart_line_v1", "remove_cart_line_v1",
        "list_orders_v1",    "get_order_v1",      "cancel_order_v1",  "hello_v1",
        "offer_v1",          "accept_v1",         "catalogue_v1",     "wrong_password_v1"}) {
    EXPECT_EQ(shop_.call(name, {})[0], 'X') << name;
  }
}

TEST_F(FunctionsTest, WithoutACycleNothingIsServed) {
  shop_.clear();
  shop_.add_customer("anna");
  for (const char* name : {"get_cycle_v1", "readiness_v1"}) {
    EXPECT_EQ(text_of(shop_.call(name, {})), "X unavailable");
  }
  EXPECT_EQ(text_of(shop_.hello("m")), "X unavailable");
  EXPECT_EQ(place(order("anna", "k", {line("m:x", 1)})), "X unavailable");
  EXPECT_EQ(text_of(shop_.cart(caller("anna"))), "cart 0:");
}

TEST_F(FunctionsTest, StartingACycleAgainAnswersTheCurrentOne) {
  const std::string again = shop_.call("start_cycle_v1", {"2027-01", "5", "6", "100"});
  EXPECT_EQ(protocol::decode_cycle_reply(again)->id, kCycle);
  EXPECT_EQ(shop_.call("get_cycle_v1", {}), again);
}

}  // namespace
}  // namespace depot::store::test
