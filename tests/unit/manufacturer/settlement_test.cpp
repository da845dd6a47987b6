#include "manufacturer/settlement.hpp"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/crypto.hpp"
#include "manufacturer/statement_files.hpp"
#include "protocol/fields.hpp"
#include "tests/support/temp_dir.hpp"
#include "tests/unit/manufacturer/agent_fixture.hpp"

namespace depot::manufacturer {
namespace {

using protocol::CycleState;
using protocol::Statement;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SettlementTest : public AgentTest {
 protected:
  void SetUp() override {
    begin();
    sent_.clear();
  }
  void on_entry(const KeptEntry& kept, bool) override {
    entries_of_.push_back(kept);
    if (settlement_->on_entry(kept.entry, false)) agent_->forget(kept.entry.cycle);
  }
  void add(std::string_view body) { ledger_entry(++number_, body); }
  void add_cycle(const std::string& cycle, CycleState state) {
    std::string body;
    protocol::Writer(body).array(4).integer(5).integer(0).string(cycle);
    encode(protocol::Cycle{cycle, state, 0, 1}, body);
    add(body);
  }
  // A cycle with something sold, up to its end.
  void trade(const std::string& cycle, std::int64_t units, std::int64_t price = 5) {
    cycle_ = cycle;
    add(offered("a", 10));
    add_cycle(cycle, CycleState::open);
    std::string body;
    protocol::Writer(body).array(4).integer(2).integer(0).string(cycle).array(5);
    protocol::Writer(body).string("ORDER").string("a").integer(units).integer(price);
    protocol::Writer(body).integer(10 - units);
    add(body);
    add_cycle(cycle, CycleState::closed);
  }
  // As the hub would make it.
  Statement statement(const std::string& cycle, protocol::LedgerPosition from) {
    protocol::StatementBuilder builder(cycle, "m1", "EUR", 250, from);
    for (const KeptEntry& kept : entries_of_) {
      builder.add({static_cast<std::int64_t>(kept.epoch), static_cast<std::int64_t>(kept.number)},
                  kept.entry);
    }
    return builder.finish().value();
  }
  // What is asked, as "verb cycle agrees detail", since the last call.
  std::vector<std::string> asked(Duration step = 1s) {
    now_ += step;
    hub_says({.type = SyncType::head, .epoch = 1});  // It is alive.
    settlement_->on_tick(now_);
    agent_->on_tick(now_);
    std::vector<std::string> all;
    for (const Frame& f : sent(SyncType::ask)) {
      ticket_ = f.header.from;
      protocol::Reader reader(f.body);
      const std::size_t fields = reader.array();
      std::string verb, cycle, hash, detail;
      std::int64_t agrees = 0;
      read(reader, verb, cycle);
      if (fields == 5) read(reader, hash, agrees, detail);
      EXPECT_TRUE(reader.done());
      std::string& line = all.emplace_back(verb);
      line.append(" ").append(cycle);
      if (fields == 5) line.append(" ").append(std::to_string(agrees)).append(" ").append(detail);
      if (fields == 5) hash_ = hash;
    }
    return all;
  }
  void answer(const std::string& bytes) { hub_says({SyncType::answer, 0, 0, ticket_, 1}, bytes); }
  void answer(const Statement& pack, std::optional<std::int64_t> agrees = {}) {
    std::string bytes = "O";
    protocol::Writer(bytes).array(4);
    encode(pack, bytes);
    protocol::Writer writer(bytes);
    if (agrees) {
      writer.integer(*agrees).integer(1'000).string("why");
    } else {
      writer.nil().nil().nil();
    }
    answer(bytes);
  }

  std::uint64_t number_ = 0, ticket_ = 0;
  std::string hash_;
  std::vector<KeptEntry> entries_of_;
  std::vector<std::string> troubles_said_, kept_;
  std::vector<std::vector<std::string>> kept_differences_;
  bool disk_full_ = false;
  SettlementHooks hooks() {
    return {.keep =
                [this](const Statement& theirs, const auto& differences) {
                  if (disk_full_) return false;
                  kept_.push_back(theirs.cycle);
                  kept_differences_.push_back(differences);
                  return true;
                },
            .on_trouble = [this](std::string_view why) { troubles_said_.emplace_back(why); }};
  }
  std::optional<Settlement> settlement_{std::in_place, *agent_, "m1", std::nullopt, hooks()};
};

TEST_F(SettlementTest, AgreesWhereItsOwnIsTheSame) {
  trade("2026-11", 4);
  EXPECT_THAT(asked(), IsEmpty());
  add_cycle("2026-11", CycleState::settling);
  EXPECT_THAT(asked(), ElementsAre("statement 2026-11"));
  EXPECT_THAT(asked(), ElementsAre("statement 2026-11"));  // Until it is answered.
  const Statement pack = statement("2026-11", {1, 0});
  EXPECT_EQ(pack.gross, 20);
  answer(pack);
  EXPECT_THAT(kept_, ElementsAre("2026-11"));
  EXPECT_THAT(kept_differences_.at(0), IsEmpty());
  EXPECT_THAT(asked(), ElementsAre("agree 2026-11 1 "));
  EXPECT_EQ(hash_, hash_of(pack));
  answer("O\xC0");
  EXPECT_THAT(asked(20s), IsEmpty());
  EXPECT_THAT(troubles_said_, IsEmpty());
  EXPECT_EQ(agent_->ledger().entries().size(), 1u);  // The rest is not needed any more.
}

TEST_F(SettlementTest, DoesNotAgreeToAPriceThatWasNotOffered) {
  trade("2026-11", 4, 6);
  add_cycle("2026-11", CycleState::settling);
  const Statement pack = statement("2026-11", {1, 0});
  asked();
  answer(pack);
  EXPECT_THAT(asked(), ElementsAre("agree 2026-11 0 entry 1-3: a sold at 6, offered at 5"));
}

TEST_F(SettlementTest, SaysWhereItsOwnIsAnother) {
  trade("2026-11", 4);
  add_cycle("2026-11", CycleState::settling);
  Statement pack = statement("2026-11", {1, 0});
  pack.offers[0].sold = 5;
  asked();
  answer(pack);
  EXPECT_THAT(kept_differences_.at(0),
              ElementsAre("- offer a 10 0 0 5 0 6", "+ offer a 10 0 0 4 0 6"));
  EXPECT_THAT(asked(),
              ElementsAre("agree 2026-11 0 - offer a 10 0 0 5 0 6; + offer a 10 0 0 4 0 6"));
  answer("O\xC0");
  EXPECT_THAT(asked(20s), IsEmpty());
}

TEST_F(SettlementTest, SaysWhereTheFeeIsNotAsAgreed) {
  for (const std::int64_t agreed : {250, 300}) {
    settlement_.emplace(*agent_, "m1", agreed, hooks());
    const std::string cycle = "c" + std::to_string(agreed);
    const auto from = static_cast<std::int64_t>(number_);
    trade(cycle, 4);
    add_cycle(cycle, CycleState::settling);
    asked();
    answer(statement(cycle, {1, from}));
    const std::string differ =
        " 0 the fee is 2.50 %, and not 3.00 % as agreed; - total 4 20 250 1 19; + total 4 20 300 1 "
        "19";
    EXPECT_THAT(asked(), ElementsAre("agree " + cycle + (agreed == 250 ? " 1 " : differ)));
    answer("O\xC0");
  }
}

TEST_F(SettlementTest, SettlesOneCycleAfterTheOtherAndEachBeginsBehindTheLast) {
  trade("2026-11", 4);
  trade("2026-12", 2);
  add_cycle("2026-11", CycleState::settling);
  add_cycle("2026-12", CycleState::settling);
  asked();
  answer(statement("2026-11", {1, 0}));
  asked();
  answer("O\xC0");
  EXPECT_THAT(asked(), ElementsAre("statement 2026-12"));
  answer(statement("2026-12", {1, 5}));
  EXPECT_THAT(asked(), ElementsAre("agree 2026-12 1 "));
}

TEST_F(SettlementTest, WhatWasSaidIsNotSaidAgainButKept) {
  trade("2026-11", 4);
  add_cycle("2026-11", CycleState::settling);
  asked();
  answer(statement("2026-11", {1, 0}), 1);
  EXPECT_EQ(kept_.size(), 1u);
  EXPECT_THAT(asked(20s), IsEmpty());
}

TEST_F(SettlementTest, ThatItDisagreesMayBeTakenBack) {
  trade("2026-11", 4);
  add_cycle("2026-11", CycleState::settling);
  asked();
  answer(statement("2026-11", {1, 0}), 0);
  EXPECT_THAT(asked(), ElementsAre("agree 2026-11 1 "));
}

TEST_F(SettlementTest, WhatFailsIsTriedAgain) {
  trade("2026-11", 4);
  add_cycle("2026-11", CycleState::settling);
  const Statement pack = statement("2026-11", {1, 0});
  const auto again = [this] {
    EXPECT_THAT(asked(9s), IsEmpty());
    EXPECT_THAT(asked(10s), ElementsAre("statement 2026-11"));
  };
  asked();
  answer(protocol::encode_problem({protocol::Problem::unavailable, "Redis is away", {}, 0}));
  EXPECT_THAT(troubles_said_.back(), "Redis is away");
  again();
  answer("Ononsense");
  again();
  disk_full_ = true;
  answer(pack);
  again();
  disk_full_ = false;
  answer(pack);
  EXPECT_THAT(asked(), ElementsAre("agree 2026-11 1 "));
  answer(protocol::encode_problem({protocol::Problem::invalid, "another hash", {}, 0}));
  EXPECT_THAT(troubles_said_.back(), HasSubstr("another hash"));
  again();
}

TEST_F(SettlementTest, ACycleThatHasNoStatementThereIsLeft) {
  trade("2026-11", 4);
  add_cycle("2026-11", CycleState::settling);
  asked();
  answer("O\xC0");
  EXPECT_THAT(asked(20s), IsEmpty());
  EXPECT_EQ(troubles_said_.size(), 1u);
}

TEST_F(SettlementTest, ReadBackAtTheStartWhatIsNotDoneIsDue) {
  const auto entry = [](const std::string& cycle, CycleState state) {
    return protocol::LedgerEntry{.kind = protocol::LedgerKind::cycle,
                                 .cycle = cycle,
                                 .rows = {},
                                 .transition = {cycle, state, 0, 1}};
  };
  EXPECT_FALSE(settlement_->on_entry(entry("c1", CycleState::closed), true));
  EXPECT_FALSE(settlement_->on_entry(entry("c1", CycleState::settling), true));
  EXPECT_TRUE(settlement_->on_entry(entry("c1", CycleState::settled), true));
  EXPECT_FALSE(settlement_->on_entry(entry("c2", CycleState::settling), false));
  EXPECT_FALSE(settlement_->on_entry(entry("c2", CycleState::settled), false));  // No file.
  EXPECT_FALSE(settlement_->on_entry(entry("c3", CycleState::settling), true));  // Not answered?
  EXPECT_FALSE(settlement_->on_entry(entry("../x", CycleState::settling), false));
  EXPECT_THAT(asked(), ElementsAre("statement c2"));
  answer("O\xC0");
  EXPECT_THAT(asked(), ElementsAre("statement c3"));
  settlement_->on_other_ledger();
  answer("O\xC0");
  EXPECT_THAT(asked(20s), IsEmpty());
}

TEST(StatementFilesTest, AreReadAsTheyWereKeptTheNewestByTheLedger) {
  const test::TempDir temp;
  const std::string folder = temp / "";
  EXPECT_FALSE(find_statement(folder, ""));
  EXPECT_FALSE(find_statement(temp / "none", ""));
  Statement statement;
  statement.cycle = "b";
  statement.manufacturer = "m1";
  statement.currency = "EUR";
  statement.offers = {{"a", 10, 5, 1, 4, 2, 10}};
  statement.sales = {{"a", 250, 4, 1'000}};
  statement.demand = {{"a", 3, 1}};
  statement.to = {1, 9};
  EXPECT_EQ(keep_statement(folder, "s1", statement, {}), "");
  statement.cycle = "a";
  statement.to = {1, 10};
  EXPECT_EQ(keep_statement(folder, "s1", statement, {"- total 1", "+ total 2"}), "");
  std::ofstream(temp / "statement-c.json") << "{";  // Not ours.
  std::ofstream(temp / "statement-d.json") << "{}";

  EXPECT_TRUE(has_statement(folder, "s1", "a", {1, 10}));
  EXPECT_FALSE(has_statement(folder, "s1", "a", {2, 10}));
  EXPECT_FALSE(has_statement(folder, "s2", "a", {1, 10}));
  EXPECT_FALSE(has_statement(folder, "s1", "e", {1, 10}));
  EXPECT_EQ(find_statement(folder, "")->at("cycle_id").as_string(), "a");
  EXPECT_EQ(find_statement(folder, "b")->at("agrees").as_bool(), true);
  EXPECT_EQ(boost::json::serialize(find_statement(folder, "a")->at("differences")),
            R"(["- total 1","+ total 2"])");
  EXPECT_FALSE(find_statement(folder, "c"));
  EXPECT_THAT(csv_of(folder, "a"), HasSubstr("\r\na,m1,EUR,offer,a,10,5,1,4,2,10,,,\r\n"));
  EXPECT_THAT(table_of(*find_statement(folder, "b")), HasSubstr("our own ledger agrees"));
  EXPECT_THAT(table_of(*find_statement(folder, "b")), HasSubstr("a: 3 units refused, 1 short"));
  EXPECT_THAT(table_of(*find_statement(folder, "a")), HasSubstr("\n- total 1\n+ total 2"));
  EXPECT_THAT(keep_statement(temp / "none", "s1", statement, {}),
              HasSubstr("none/statement-a.csv"));
}

std::string text_of(const std::string& path) {
  return (std::ostringstream() << std::ifstream(path).rdbuf()).str();
}

TEST(StatementFilesTest, OthersGoAsideAndAreNotLost) {
  const test::TempDir temp;
  const std::string folder = temp / "";
  Statement statement;
  statement.cycle = "a";
  statement.manufacturer = "m1";
  statement.currency = "EUR";
  statement.to = {1, 9};
  const auto keep = [&](const std::string& store_id) {
    EXPECT_EQ(keep_statement(folder, store_id, statement, {}), "");
    return text_of(temp / "statement-a.json");
  };
  const std::string first = keep("s1");
  EXPECT_EQ(keep("s1"), first);
  statement.to = {2, 3};  // Of a state of the data that was restored.
  const std::string second = keep("s1");
  EXPECT_EQ(text_of(temp / "old-a-s1-1-9.json"), first);
  EXPECT_TRUE(std::filesystem::exists(temp / "old-a-s1-1-9.csv"));
  EXPECT_EQ(set_others_aside(folder, "s1"), "");
  EXPECT_TRUE(has_statement(folder, "s1", "a", {2, 3}));
  EXPECT_EQ(set_others_aside(folder, "s2"), "");
  EXPECT_FALSE(find_statement(folder, "a"));
  EXPECT_FALSE(find_statement(folder, ""));
  EXPECT_EQ(text_of(temp / "old-a-s1-2-3.json"), second);
}

}  // namespace
}  // namespace depot::manufacturer
