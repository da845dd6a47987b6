// Decides how cycles that have ended are settled: of each it asks for the distributor's statement,
// makes its own of the ledger, says whether the two agree, and has what came of it kept.
//
// One after the other, in the ledger's order. All of it may be done again: the answers are the
// same.
//
// Threads: one.
// Errors:  on_trouble(), and the same cycle again after a while.
// Source:  docs/MANUFACTURERS.md, "Statements".
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "manufacturer/agent.hpp"
#include "protocol/statement.hpp"

namespace depot::manufacturer {

struct SettlementHooks {
  // To be kept: the distributor's statement, and where ours is another. False: it could not be.
  std::function<bool(const protocol::Statement& theirs,
                     const std::vector<std::string>& differences)>
      keep;
  std::function<void(std::string_view why)> on_trouble;
};

class Settlement {
 public:
  // `fee_rate`: another one in a statement is a difference; nullopt: any will do.
  Settlement(Agent& agent, std::string manufacturer, std::optional<std::int64_t> fee_rate,
             SettlementHooks hooks);

  // The ledger's entries, those read back at the start too; `kept`: the statement of its cycle is
  // in a file from before. True where the ledger need not hold what it is made of.
  bool on_entry(const protocol::LedgerEntry& entry, bool kept);
  void on_other_ledger() { due_.clear(); }
  void on_tick(TimePoint now);

 private:
  void on_statement(const std::string& cycle, std::string_view answer);
  void on_agreed(const std::string& cycle, std::string_view answer);
  void finish();
  void fail(const std::string& why);

  Agent& agent_;
  const std::string manufacturer_;
  const std::optional<std::int64_t> fee_rate_;
  const SettlementHooks hooks_;
  std::deque<std::string> due_;  // cycles
  bool asking_ = false, failed_ = false;
  TimePoint again_{};
};

}  // namespace depot::manufacturer
