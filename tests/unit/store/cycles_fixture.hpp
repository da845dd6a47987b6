// Cycles that are turned and settled by the functions, in a real Redis.
#pragma once

#include "protocol/statement.hpp"
#include "tests/unit/store/functions_fixture.hpp"

namespace depot::store::test {

inline const std::string kNext = "2026-12";
inline constexpr std::int64_t kFar = 99'999'999'999'999;

class CyclesTest : public FunctionsTest {
 protected:
  // The state a function answers with; "" for a refusal.
  std::string state(const std::string& function, std::vector<std::string> arguments) {
    const auto cycle = protocol::decode_cycle_reply(shop_.call(function, arguments));
    return cycle ? cycle->id + " " + std::string(name_of(cycle->state)) : "";
  }
  std::string state() { return state("get_cycle_v1", {}); }
  // Closes what is open, and begins `next`.
  void turn(const std::string& cycle, const std::string& next) {
    EXPECT_EQ(state("set_cycle_end_v1", {cycle, "0", "10000"}), cycle + " open");
    EXPECT_EQ(state("close_cycle_v1", {cycle, "10000"}), cycle + " closing");
    EXPECT_EQ(state("end_cycle_v1", {cycle, "0", "10000", next, std::to_string(++opens_),
                                     std::to_string(kFar), "EUR", "250"}),
              next + " collecting");
  }
  std::string open(const std::string& cycle, bool carry = false) {
    return state("open_cycle_v1", {cycle, carry ? "1" : "0", "10000"});
  }
  std::int64_t time_now() {
    const Value time = shop_.redis({"TIME"});
    return std::stoll(time.items[0].text) * 1'000;
  }
  std::vector<std::string> kinds(const std::string& maker) {
    std::vector<std::string> all;
    for (const auto& entry : shop_.ledger(maker)) {
      const bool cycle = entry.kind == protocol::LedgerKind::cycle;
      all.push_back(entry.cycle + " " +
                    std::string(cycle ? name_of(entry.transition.state) : name_of(entry.kind)));
    }
    return all;
  }
  // As the hub makes it, from the whole ledger.
  protocol::Statement statement(const std::string& maker, const std::string& cycle,
                                protocol::LedgerPosition from = {1, 0}) {
    protocol::StatementBuilder builder(cycle, maker, "EUR", 250, from);
    std::int64_t number = 0;
    for (const auto& entry : shop_.ledger(maker)) {
      if (number >= from.number) builder.add({1, number}, entry);
      ++number;
    }
    EXPECT_TRUE(builder.complete());
    return builder.finish().value();
  }
  std::string write_pack(const protocol::Statement& statement) {
    std::string pack;
    encode(statement, pack);
    return shop_.call("write_pack_v1", {statement.cycle, statement.manufacturer, pack, "10000"});
  }
  int opens_ = 1;
};

}  // namespace depot::store::test
