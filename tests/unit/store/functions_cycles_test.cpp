// The cycle's transitions, in a real Redis.
#include <gmock/gmock.h>

#include "tests/unit/store/cycles_fixture.hpp"

namespace depot::store::test {
namespace {

using protocol::CycleState;
using testing::ElementsAre;

TEST_F(CyclesTest, EachTransitionHappensOnceAndInOrder) {
  stock_up();
  EXPECT_EQ(state("close_cycle_v1", {kCycle, "10000"}), "") << "not due";
  EXPECT_EQ(open(kCycle), std::string(kCycle) + " open") << "nothing to do";
  turn(kCycle, kNext);
  EXPECT_EQ(state("end_cycle_v1", {kCycle, "0", "10000", "2027-01", "2", "3", "EUR", "250"}),
            kNext + " collecting")
      << "a second hub";
  EXPECT_EQ(open(kNext), kNext + " open");
  EXPECT_EQ(open(kNext), kNext + " open");
  EXPECT_THAT(kinds("m"), ElementsAre("2026-11 epoch", "2026-11 offer", "2026-11 closed"));
  EXPECT_EQ(state("end_cycle_v1", {kNext, "0", "10000", "2027-01", "2", "3", "EUR", "250"}),
            kNext + " open")
      << "it has to be closing";
}

TEST_F(CyclesTest, AGapIsPlannedAndBeginsAtItsTime) {
  stock_up();
  state("set_cycle_end_v1", {kCycle, "0", "10000"});
  state("close_cycle_v1", {kCycle, "10000"});
  const std::int64_t later = time_now() + 100'000;
  EXPECT_EQ(state("end_cycle_v1", {kCycle, "0", "10000", kNext, std::to_string(later),
                                   std::to_string(kFar), "EUR", "250"}),
            std::string(kCycle) + " closed");
  EXPECT_EQ(state("collect_cycle_v1", {kNext, "10000"}), "") << "not due";
  EXPECT_EQ(state(), std::string(kCycle) + " closed");
  EXPECT_EQ(integers(shop_.offer("m", 1, 2, {row("x", 500)}))[0], 3) << "too late";
  EXPECT_EQ(shop_.stock("m:x")[1], 100);
  std::string planned;
  encode(protocol::Cycle{kNext, CycleState::planned, 1, kFar}, planned);
  shop_.redis({"SET", "planned:{s0}", planned});  // Its time has come.
  EXPECT_EQ(state("collect_cycle_v1", {kNext, "10000"}), kNext + " collecting");
  EXPECT_EQ(state("collect_cycle_v1", {kNext, "10000"}), kNext + " collecting");
}

TEST_F(CyclesTest, FromClosingOnNothingIsSoldAndCancellationsEndWithTheGrace) {
  stock_up();
  ASSERT_EQ(place(order("anna", "a", {line("m:x", 3)}))[0], 'P');
  ASSERT_EQ(place(order("anna", "b", {line("m:x", 2)}))[0], 'P');
  state("set_cycle_end_v1", {kCycle, "0", "10000"});
  state("close_cycle_v1", {kCycle, "10000"});
  EXPECT_THAT(place(order("anna", "c", {line("m:x", 1)})), testing::HasSubstr("cycle_closed"));
  EXPECT_EQ(state("end_cycle_v1", {kCycle, "60000", "10000", kNext, "2", "3", "EUR", "250"}), "")
      << "grace";
  const auto cancel = [&](const std::string& key) {
    return shop_.with_id("cancel_order_v1", caller("anna"),
                         order("anna", key, {line("m:x", 1)}).order_id);
  };
  EXPECT_EQ(cancel("a")[0], 'O');
  EXPECT_EQ(
      state("end_cycle_v1", {kCycle, "0", "10000", kNext, "2", std::to_string(kFar), "EUR", "250"}),
      kNext + " collecting");
  EXPECT_EQ(cancel("b")[0], 'X');
  EXPECT_EQ(open(kNext), kNext + " open");
  EXPECT_EQ(cancel("b")[0], 'X') << "of a cycle before";
  EXPECT_THAT(place(order("anna", "d", {line("m:x", 1)})), testing::HasSubstr("offer_withdrawn"))
      << "it was not offered again";
}

TEST_F(CyclesTest, WhatIsOfferedWhileItCollectsIsTheOpening) {
  stock_up();
  turn(kCycle, kNext);
  std::string record;
  encode(protocol::OfferRecord{.cycle = kNext, .rows = {row("x", 40)}}, record);
  EXPECT_EQ(integers(shop_.call("offer_v1", {"m", "1", "2", record, "10000", "1"}))[0], 0);
  EXPECT_THAT(place(order("anna", "a", {line("m:x", 1)})), testing::HasSubstr("cycle_closed"));
  ASSERT_EQ(open(kNext), kNext + " open");
  ASSERT_EQ(integers(shop_.offer("m", 1, 3, {row("x", 45)}, kNext))[0], 0);
  ASSERT_EQ(place(order("anna", "b", {line("m:x", 5)}))[0], 'P');
  ASSERT_EQ(integers(shop_.offer("m", 1, 4, {row("x", 42, 70)}, kNext))[0], 0);
  ASSERT_EQ(place(order("anna", "c", {line("m:x", 4)}))[0], 'P');
  turn(kNext, "2027-01");
  const auto pack = statement("m", kNext, {1, 3});
  ASSERT_EQ(pack.offers.size(), 1u);
  EXPECT_EQ(pack.offers[0], (protocol::StatementOffer{"x", 40, 5, 3, 9, 0, 33}));
  EXPECT_THAT(pack.sales, ElementsAre(protocol::StatementSale{"x", 70, 4, 280},
                                      protocol::StatementSale{"x", 100, 5, 500}));
  EXPECT_EQ(pack.gross, 780);
  EXPECT_EQ(pack.fee, 20);  // 2.5 % is 19.5
  EXPECT_EQ(pack.net, 760);
}

TEST_F(CyclesTest, TheSilentGoOnWithWhatTheyDidNotSellWhereThatIsThePolicy) {
  stock_up();
  shop_.hello("n");
  ASSERT_EQ(integers(shop_.offer("n", 1, 1, {row("x", 10)}))[0], 0);
  ASSERT_EQ(place(order("anna", "a", {line("m:x", 30), line("n:x", 4)}))[0], 'P');
  turn(kCycle, kNext);
  std::string record;
  encode(protocol::OfferRecord{.cycle = kNext, .rows = {}}, record);
  ASSERT_EQ(integers(shop_.call("offer_v1", {"n", "1", "2", record, "10000", "1"}))[0], 0);
  ASSERT_EQ(open(kNext, true), kNext + " open");
  shop_.redis({"RENAME", "stock:{s0}:" + kNext, "stock:{s0}:" + std::string(kCycle)});
  EXPECT_EQ(shop_.stock("m:x"), (std::vector<std::int64_t>{100, 70, 70, 0, 0, 0}));
  EXPECT_EQ(shop_.stock("m:y"), (std::vector<std::int64_t>{100, 100, 100, 0, 0, 0}));
  EXPECT_TRUE(shop_.stock("n:x").empty()) << "it has said that it offers nothing";
  EXPECT_THAT(kinds("m"), ElementsAre("2026-11 epoch", "2026-11 offer", "2026-11 sold",
                                      "2026-11 closed", "2026-12 offer", "2026-12 open"));
}

TEST_F(CyclesTest, WhoHasBegunToAnswerIsNotCarriedOver) {
  stock_up();
  turn(kCycle, kNext);
  std::string record;
  encode(protocol::OfferRecord{.cycle = kNext, .rows = {row("x", 40, 70)}}, record);
  ASSERT_EQ(integers(shop_.call("offer_v1", {"m", "1", "2", record, "10000", "0"}))[0], 0);
  ASSERT_EQ(open(kNext, true), kNext + " open");
  shop_.redis({"RENAME", "stock:{s0}:" + kNext, "stock:{s0}:" + std::string(kCycle)});
  EXPECT_EQ(shop_.stock("m:x"), (std::vector<std::int64_t>{70, 40, 40, 0, 0, 0}));
  EXPECT_EQ(shop_.stock("m:y"), (std::vector<std::int64_t>{100, 100, 100, 0, 0, 0}));
}

TEST_F(CyclesTest, AnIdThatThereWasIsMadeAnother) {
  stock_up();
  turn(kCycle, kNext);
  open(kNext);
  state("set_cycle_end_v1", {kNext, "0", "10000"});
  state("close_cycle_v1", {kNext, "10000"});
  EXPECT_EQ(
      state("end_cycle_v1", {kNext, "0", "10000", kCycle, "2", std::to_string(kFar), "EUR", "250"}),
      std::string(kCycle) + ".2 collecting");
}

TEST_F(CyclesTest, ALedgerThatTakesNoEntryHoldsUpNobodyElse) {
  stock_up();
  shop_.hello("n");
  ASSERT_EQ(integers(shop_.offer("n", 1, 1, {row("x", 10)}))[0], 0);
  state("set_cycle_end_v1", {kCycle, "0", "10000"});
  state("close_cycle_v1", {kCycle, "10000"});
  shop_.redis({"XADD", "ledger:{s0}:n", "1-999", "e", "foreign"});
  EXPECT_EQ(
      state("end_cycle_v1", {kCycle, "0", "10000", kNext, "2", std::to_string(kFar), "EUR", "250"}),
      kNext + " collecting");
  EXPECT_THAT(kinds("m"), testing::Contains("2026-11 closed"));
  const auto troubles = [&] { return shop_.redis({"ZCARD", "troubled:{s0}"}).integer; };
  EXPECT_THAT(shop_.call("troubles_v1", {}), testing::HasSubstr("its ledger takes no entry"));
  EXPECT_EQ(shop_.redis({"HGET", "settledto:{s0}", "n"}).text, "") << "its next pack begins here";
  const auto offer = [&] { return shop_.offer("n", 1, 2, {row("x", 9)}, kNext); };
  EXPECT_THAT(offer(), testing::HasSubstr("takes no entry"));
  EXPECT_EQ(open(kNext, true), kNext + " open") << "though nothing of it can be carried over";
  // Mended, it takes part again; the statement that it misses is settled by hand.
  EXPECT_EQ(shop_.call("resolve_pack_v1", {kNext, "n", "mended"})[0], 'X') << "not a settlement's";
  EXPECT_EQ(shop_.redis({"XDEL", "ledger:{s0}:n", "1-999"}).integer, 1);
  shop_.redis({"XSETID", "ledger:{s0}:n", "1-1"});
  EXPECT_EQ(integers(offer())[0], 0);
  EXPECT_EQ(troubles(), 0) << "it takes entries again";
  EXPECT_EQ(shop_.call("fail_pack_v1", {kCycle, "n", "it does not say that it closed"}), "O\xC0");
  EXPECT_EQ(shop_.call("resolve_pack_v1", {kCycle, "n", "by letter"}), "O\xC0");
  EXPECT_EQ(troubles(), 0);
  turn(kNext, "third");
  const auto settle = [&] { return state("settle_cycle_v1", {kNext, "60000", "10000"}); };
  const auto pack = statement("n", kNext);
  write_pack(pack);
  write_pack(statement("m", kNext));
  EXPECT_EQ(settle(), kNext + " settling");
  EXPECT_EQ(shop_.call("answer_pack_v1", {"n", kNext, hash_of(pack), "0", "no"}), "O\xC0");
  EXPECT_EQ(troubles(), 1) << "what was resolved is of another cycle";
  EXPECT_EQ(settle(), "");
}

TEST_F(CyclesTest, AMissingHeadHoldsUpNobodyElse) {
  stock_up();
  shop_.hello("n");
  ASSERT_EQ(integers(shop_.offer("n", 1, 1, {row("x", 10)}))[0], 0);
  turn(kCycle, kNext);
  shop_.redis({"HDEL", "heads:{s0}", "n"});
  EXPECT_EQ(open(kNext, true), kNext + " open");
  EXPECT_THAT(kinds("m"), testing::Contains("2026-12 open"));
  EXPECT_EQ(shop_.redis({"ZCARD", "troubled:{s0}"}).integer, 1);
}

TEST_F(CyclesTest, AWithdrawalThatItsLedgerDoesNotTakeIsNotAcknowledged) {
  shop_.hello("n");
  ASSERT_EQ(integers(shop_.offer("n", 1, 1, {row("x", 10), row("y", 7)}))[0], 0);
  shop_.redis({"XADD", "ledger:{s0}:n", "1-999", "e", "foreign"});
  EXPECT_THAT(shop_.offer("n", 2, 1, {row("x", 10)}), testing::HasSubstr("takes no entry"));
  shop_.redis({"XDEL", "ledger:{s0}:n", "1-999"});
  shop_.redis({"XSETID", "ledger:{s0}:n", "1-1"});
  EXPECT_THAT(integers(shop_.offer("n", 2, 1, {row("x", 10)})), ElementsAre(0, 2, 1));
  EXPECT_EQ(shop_.stock("n:y")[1], 0) << "withdrawn";
}

TEST_F(CyclesTest, AHubThatCountsInAnotherCurrencyClosesNothing) {
  stock_up();
  EXPECT_EQ(shop_.call("open_store_v1", {"EUR"}), "O\xC0");
  state("set_cycle_end_v1", {kCycle, "0", "10000"});
  state("close_cycle_v1", {kCycle, "10000"});
  EXPECT_THAT(shop_.call("end_cycle_v1",
                         {kCycle, "0", "10000", kNext, "2", std::to_string(kFar), "USD", "250"}),
              testing::HasSubstr("the data counts EUR, config.yml says USD"));
  EXPECT_EQ(state(), std::string(kCycle) + " closing");
}

TEST_F(CyclesTest, FromItsEndOnNothingIsSoldThoughNoHubHasClosedItYet) {
  stock_up();
  state("set_cycle_end_v1", {kCycle, "0", "10000"});
  EXPECT_THAT(place(order("anna", "c", {line("m:x", 1)})), testing::HasSubstr("cycle_closed"));
}

TEST_F(CyclesTest, TheNewestCyclesAreListedAndThoseThatSettle) {
  stock_up();
  const auto listed = [&](const std::string& count) {
    const std::string answer = shop_.call("cycles_v1", {count});
    protocol::Reader in(std::string_view(answer).substr(1));
    EXPECT_EQ(in.array(), 3u);
    in.skip();
    std::vector<std::string> ids;
    for (std::size_t left = in.array(); left > 0; left -= 11) {
      ids.emplace_back(in.string());
      for (int i = 1; i < 11; ++i) in.skip();
    }
    return ids;
  };
  std::string before = kCycle;
  for (const char* next : {"a", "b", "c"}) {
    turn(before, next);
    open(next);
    before = next;
  }
  EXPECT_THAT(listed("0"), ElementsAre(kCycle, "a", "b", "c"));
  EXPECT_THAT(listed("1"), ElementsAre(kCycle, "a", "b", "c")) << "they settle";
  write_pack(statement("m", kCycle));
  for (int i = 0; i < 2; ++i) state("settle_cycle_v1", {kCycle, "0", "10000"});
  for (const char* id : {"a", "b"}) {
    for (int i = 0; i < 2; ++i) state("settle_cycle_v1", {id, "0", "10000"});
  }
  EXPECT_THAT(listed("2"), ElementsAre("b", "c"));
  EXPECT_THAT(listed("0"), ElementsAre(kCycle, "a", "b", "c"));
  EXPECT_EQ(shop_.call("cycles_v1", {"some"})[0], 'X');
}

TEST_F(CyclesTest, ExtendingMovesTheEndAndAnEarlyEndIsNow) {
  const std::int64_t before = time_now();
  EXPECT_EQ(state("set_cycle_end_v1", {kCycle, "99999999999998", "10000"}),
            std::string(kCycle) + " open");
  EXPECT_EQ(protocol::decode_cycle_reply(shop_.call("get_cycle_v1", {}))->closes_at_ms,
            99'999'999'999'998);
  state("set_cycle_end_v1", {kCycle, "0", "10000"});
  EXPECT_GE(protocol::decode_cycle_reply(shop_.call("get_cycle_v1", {}))->closes_at_ms, before);
  EXPECT_EQ(shop_.call("set_cycle_end_v1", {kCycle, "1e3", "10000"})[0], 'X');
}

TEST_F(CyclesTest, SaysWhetherEverythingIsSold) {
  const auto left_and_sold = [&] {
    const std::string answer = shop_.call("depletion_v1", {kCycle, "0"});
    protocol::Reader in(std::string_view(answer).substr(1));
    EXPECT_EQ(in.array(), 3u);
    EXPECT_EQ(in.string(), "0");
    return std::vector<bool>{in.boolean(), in.boolean()};
  };
  EXPECT_THAT(left_and_sold(), ElementsAre(false, false));
  stock_up(1);
  EXPECT_THAT(left_and_sold(), ElementsAre(true, false));
  ASSERT_EQ(place(order("anna", "a", {line("m:x", 1)}))[0], 'P');
  EXPECT_THAT(left_and_sold(), ElementsAre(true, true));
  ASSERT_EQ(place(order("anna", "b", {line("m:y", 1)}))[0], 'P');
  EXPECT_THAT(left_and_sold(), ElementsAre(false, true));
}

TEST_F(CyclesTest, AManufacturerMovesItsPartOfAnOrderOn) {
  stock_up();
  shop_.hello("n");
  ASSERT_EQ(integers(shop_.offer("n", 1, 1, {row("x", 10)}))[0], 0);
  const auto two = order("anna", "a", {line("m:x", 3), line("n:x", 1)});
  ASSERT_EQ(place(two)[0], 'P');
  const auto step = [&](const std::string& maker, int status) {
    return shop_.call("step_part_v1", {maker, two.order_id, std::to_string(status), "10000"});
  };
  const auto view = [&] {
    return text_of(
        *protocol::decode_order_view(shop_.with_id("get_order_v1", caller("anna"), two.order_id)));
  };
  EXPECT_THAT(step("m", 2), testing::HasSubstr("its part is paid"));
  shop_.call("accept_v1", {"m", "1", "2"});
  EXPECT_EQ(step("m", 2), "O\xC0");
  EXPECT_EQ(step("m", 2), "O\xC0") << "again";
  EXPECT_THAT(step("n", 2), testing::HasSubstr("its part is paid"));
  EXPECT_EQ(step("m", 3), "O\xC0");
  EXPECT_THAT(step("m", 2), testing::HasSubstr("its part is delivered, not in realisation"));
  shop_.call("accept_v1", {"n", "1", "2"});
  EXPECT_EQ(step("n", 2), "O\xC0") << "what was accepted meanwhile counts";
  EXPECT_THAT(step("other", 2), testing::HasSubstr("no part of this order is yours"));
  EXPECT_EQ(shop_.with_id("cancel_order_v1", caller("anna"), two.order_id)[0], 'X');
  EXPECT_THAT(kinds("m"), ElementsAre("2026-11 epoch", "2026-11 offer", "2026-11 sold",
                                      "2026-11 state", "2026-11 state"));
  EXPECT_THAT(view(), testing::HasSubstr("delivered"));
}

TEST_F(CyclesTest, DemandIsTheManufacturersOwn) {
  stock_up(2);
  place(order("anna", "a", {line("m:x", 5)}));
  EXPECT_EQ(shop_.call("demand_v1", {"m", "x", "y", "z"}),
            "O\x94\xA1x\x03\xA1y" + std::string(1, '\0'));
  EXPECT_EQ(shop_.call("demand_v1", {"n", "x"}), "O\x90");
}

}  // namespace
}  // namespace depot::store::test
