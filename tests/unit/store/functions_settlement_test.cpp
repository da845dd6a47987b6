// The settlement of a cycle, in a real Redis.
#include <gmock/gmock.h>

#include "protocol/fields.hpp"
#include "tests/unit/store/cycles_fixture.hpp"

namespace depot::store::test {
namespace {

using testing::ElementsAre;

TEST_F(CyclesTest, APackIsWrittenOnceAndItsCycleIsSettledWhenAllAgree) {
  stock_up();
  shop_.hello("n");
  ASSERT_EQ(integers(shop_.offer("n", 1, 1, {row("x", 10)}))[0], 0);
  ASSERT_EQ(place(order("anna", "a", {line("m:x", 3)}))[0], 'P');
  turn(kCycle, kNext);
  const auto settle = [&] { return state("settle_cycle_v1", {kCycle, "60000", "10000"}); };
  EXPECT_EQ(settle(), "") << "packs are missing";
  const auto first = statement("m", kCycle), second = statement("n", kCycle);
  EXPECT_EQ(write_pack(first), "O\xC0");
  EXPECT_EQ(settle(), "");
  EXPECT_EQ(write_pack(second), "O\xC0");
  auto forged = first;
  forged.gross = 1;
  EXPECT_EQ(write_pack(forged), "O\xC0");
  EXPECT_EQ(settle(), std::string(kCycle) + " settling");
  EXPECT_EQ(settle(), "") << "nobody has answered";

  const auto kept = [&](const std::string& maker) {
    const std::string answer = shop_.call("statement_v1", {maker, kCycle});
    protocol::Reader in(std::string_view(answer).substr(1));
    in.array();
    const std::string_view from_pack = in.rest();
    in.skip();
    return protocol::decode_statement(from_pack.substr(0, from_pack.size() - in.rest().size()));
  };
  ASSERT_TRUE(kept("m"));
  EXPECT_EQ(hash_of(*kept("m")), hash_of(first)) << "the first one stays";
  const auto answer = [&](const protocol::Statement& pack, const std::string& agrees) {
    return shop_.call("answer_pack_v1", {pack.manufacturer, kCycle, hash_of(pack), agrees, "why"});
  };
  EXPECT_EQ(answer(forged, "1")[0], 'X') << "another hash";
  EXPECT_EQ(answer(first, "1"), "O\xC0");
  EXPECT_EQ(answer(first, "0"), "O\xC0") << "that it agrees is final";
  EXPECT_EQ(answer(second, "0"), "O\xC0");
  EXPECT_EQ(settle(), "") << "one disagrees";
  EXPECT_EQ(answer(second, "1"), "O\xC0");
  EXPECT_EQ(settle(), std::string(kCycle) + " settled");
  EXPECT_EQ(settle(), "") << "done";
  EXPECT_THAT(kinds("n"), ElementsAre("2026-11 epoch", "2026-11 offer", "2026-11 closed",
                                      "2026-11 settling", "2026-11 settled"));
}

TEST_F(CyclesTest, AClosedCycleKeepsTheFeeThatWasInForce) {
  stock_up();
  turn(kCycle, kNext);
  EXPECT_THAT(shop_.call("cycle_work_v1", {"60000"}), testing::HasSubstr("\xA3"
                                                                         "EUR\xCC\xFA"));
}

TEST_F(CyclesTest, AStatementThatCannotBeMadeKeepsBackNobodyElse) {
  stock_up();
  shop_.hello("n");
  ASSERT_EQ(integers(shop_.offer("n", 1, 1, {row("x", 10)}))[0], 0);
  turn(kCycle, kNext);
  const auto settle = [&] { return state("settle_cycle_v1", {kCycle, "60000", "10000"}); };
  const auto troubles = [&] { return shop_.redis({"HKEYS", "troubles:{s0}"}).items; };
  const auto resolve = [&](const std::string& maker) {
    return shop_.call("resolve_pack_v1", {kCycle, maker, "by letter"});
  };
  const auto first = statement("m", kCycle);
  write_pack(first);
  EXPECT_EQ(shop_.call("fail_pack_v1", {kCycle, "m", "why"}), "O\xC0");
  EXPECT_THAT(troubles(), testing::IsEmpty()) << "it is written";
  EXPECT_EQ(settle(), "");
  EXPECT_EQ(shop_.call("fail_pack_v1", {kCycle, "n", "why"}), "O\xC0");
  ASSERT_EQ(troubles().size(), 1u);
  EXPECT_EQ(troubles()[0].text, std::string(kCycle) + ":n");
  EXPECT_THAT(shop_.call("troubles_v1", {}), testing::HasSubstr("why"));
  EXPECT_EQ(settle(), std::string(kCycle) + " settling");
  EXPECT_THAT(kinds("m"), testing::Contains("2026-11 settling"));
  EXPECT_THAT(kinds("n"), testing::Not(testing::Contains("2026-11 settling")));
  EXPECT_THAT(resolve("m"), testing::HasSubstr("has not answered yet"));
  EXPECT_THAT(resolve("nobody"), testing::HasSubstr("nothing to settle"));
  EXPECT_EQ(shop_.call("answer_pack_v1", {"m", kCycle, hash_of(first), "1", ""}), "O\xC0");
  EXPECT_THAT(resolve("m"), testing::HasSubstr("agrees to its statement"));
  EXPECT_EQ(settle(), "") << "n has nothing yet";
  // Its ledger is mended, and the others are settled with already.
  write_pack(statement("n", kCycle));
  EXPECT_THAT(troubles(), testing::IsEmpty());
  EXPECT_THAT(kinds("n"), testing::Contains("2026-11 settling"));
  const auto second = statement("n", kCycle);
  EXPECT_EQ(shop_.call("answer_pack_v1", {"n", kCycle, hash_of(second), "0", "no"}), "O\xC0");
  EXPECT_EQ(settle(), "") << "n does not agree";
  EXPECT_EQ(resolve("n"), "O\xC0");
  EXPECT_THAT(resolve("n"), testing::HasSubstr("resolved already: by letter"));
  EXPECT_EQ(settle(), std::string(kCycle) + " settled");
}

TEST_F(CyclesTest, NobodyWaitsForAStatementThatIsResolvedInstead) {
  stock_up();
  shop_.hello("n");
  ASSERT_EQ(integers(shop_.offer("n", 1, 1, {row("x", 10)}))[0], 0);
  turn(kCycle, kNext);
  const auto settle = [&] { return state("settle_cycle_v1", {kCycle, "60000", "10000"}); };
  const auto hub_waits = [&] {  // As manufacturer_hub/cycle_driver.cpp reads it.
    const std::string work = shop_.call("cycle_work_v1", {"60000"});
    protocol::Reader in(std::string_view(work).substr(1));
    in.array();
    for (int i = 0; i < 4; ++i) in.skip();
    if (in.array() != 4) return false;
    for (int i = 0; i < 3; ++i) in.skip();
    bool waits = false;
    for (std::size_t left = in.array(); left > 0; left -= 8) {
      for (int i = 0; i < 7; ++i) in.skip();
      waits = !in.boolean() || waits;
    }
    return waits;
  };
  const auto first = statement("m", kCycle);
  write_pack(first);
  EXPECT_EQ(shop_.call("fail_pack_v1", {kCycle, "n", "why"}), "O\xC0");
  EXPECT_EQ(shop_.call("resolve_pack_v1", {kCycle, "n", "by letter"}), "O\xC0");
  EXPECT_FALSE(hub_waits());
  EXPECT_EQ(settle(), std::string(kCycle) + " settling") << "m is told of its own";
  EXPECT_EQ(shop_.call("answer_pack_v1", {"m", kCycle, hash_of(first), "1", ""}), "O\xC0");
  EXPECT_FALSE(hub_waits());
  EXPECT_EQ(settle(), std::string(kCycle) + " settled");
}

TEST_F(CyclesTest, ADisputeStandsUntilItIsAgreedToOrResolved) {
  stock_up();
  turn(kCycle, kNext);
  const auto settle = [&] { return state("settle_cycle_v1", {kCycle, "0", "10000"}); };
  const auto pack = statement("m", kCycle);
  write_pack(pack);
  settle();
  const auto answer = [&](const std::string& agrees) {
    return shop_.call("answer_pack_v1", {"m", kCycle, hash_of(pack), agrees, "- sale x"});
  };
  const auto troubles = [&] { return shop_.redis({"HLEN", "troubles:{s0}"}).integer; };
  EXPECT_EQ(answer("0"), "O\xC0");
  EXPECT_EQ(settle(), std::string(kCycle) + " settled");
  EXPECT_EQ(troubles(), 1) << "though the time is over";
  EXPECT_EQ(shop_.call("resolve_pack_v1", {kCycle, "m", "paid in cash"}), "O\xC0");
  EXPECT_EQ(troubles(), 0);
  EXPECT_EQ(answer("0"), "O\xC0");
  EXPECT_EQ(troubles(), 0) << "resolved for good";
  EXPECT_THAT(shop_.call("packs_v1", {kCycle}), testing::HasSubstr("paid in cash"));
  EXPECT_EQ(answer("1"), "O\xC0");
  EXPECT_EQ(shop_.call("resolve_pack_v1", {kCycle, "m", "again"})[0], 'X');
}

// What is looked at twice a second does not grow with the cycles that wait for an answer.
TEST_F(CyclesTest, ACycleThatWaitsForAnswersIsLookedAtWhenOneComesOrItsTimeIsOver) {
  stock_up();
  turn(kCycle, kNext);
  const auto pack = statement("m", kCycle);
  write_pack(pack);
  const auto settle = [&] { return state("settle_cycle_v1", {kCycle, "60000", "10000"}); };
  const auto is_work = [&](const std::string& after) {
    const std::string work = shop_.call("cycle_work_v1", {after});
    protocol::Reader in(std::string_view(work).substr(1));
    in.array();
    for (int i = 0; i < 4; ++i) in.skip();
    return in.array() > 0;
  };
  EXPECT_TRUE(is_work("60000"));
  EXPECT_EQ(settle(), std::string(kCycle) + " settling");
  EXPECT_EQ(settle(), "");
  EXPECT_FALSE(is_work("60000"));
  EXPECT_TRUE(is_work("0"));
  shop_.call("answer_pack_v1", {"m", kCycle, hash_of(pack), "1", ""});
  EXPECT_TRUE(is_work("60000"));
  EXPECT_EQ(settle(), std::string(kCycle) + " settled");
  EXPECT_FALSE(is_work("0"));
}

TEST_F(CyclesTest, TheDataAreInOneCurrencyForGood) {
  EXPECT_EQ(shop_.call("open_store_v1", {"EUR"}), "O\xC0");
  EXPECT_EQ(shop_.call("open_store_v1", {"EUR"}), "O\xC0");
  EXPECT_THAT(shop_.call("open_store_v1", {"USD"}), testing::HasSubstr("the data counts EUR"));
  shop_.redis({"HSET", "meta:{s0}", "schema", "1"});
  EXPECT_THAT(shop_.call("open_store_v1", {"EUR"}), testing::HasSubstr("another version"));
}

TEST_F(CyclesTest, WhoDoesNotAnswerIsSettledInTheEnd) {
  stock_up();
  turn(kCycle, kNext);
  write_pack(statement("m", kCycle));
  EXPECT_EQ(state("settle_cycle_v1", {kCycle, "0", "10000"}), std::string(kCycle) + " settling");
  EXPECT_EQ(state("settle_cycle_v1", {kCycle, "0", "10000"}), std::string(kCycle) + " settled");
}

}  // namespace
}  // namespace depot::store::test
