// Decides what a manufacturer's production lines have made: each a batch of one sku every so often,
// all in parallel; and what is wanted on sale with it, the catalogue's total and what was made.
//
// What was made belongs to one cycle of one data set; the agent's journal keeps it, so that a
// restart takes nothing back.
//
// Threads: one.
// Source:  docs/MANUFACTURERS.md, "The agent's file".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "manufacturer/agent_state.hpp"
#include "manufacturer/catalogue.hpp"
#include "manufacturer/ledger.hpp"
#include "protocol/sync.hpp"

namespace depot::manufacturer {

class Production {
 public:
  explicit Production(const std::vector<ProductionLine>& lines);

  struct Line : ProductionLine {
    TimePoint due{};  // of the next batch; TimePoint{}: not begun
    bool standing = false;
  };
  const std::vector<Line>& lines() const { return lines_; }
  const Made& made() const { return made_; }

  void set_catalogue(std::vector<protocol::OfferRow> rows) { catalogue_ = std::move(rows); }
  void set_made(Made made) { made_ = std::move(made); }

  // The batches that are finished by `now`, at most one of each line; made() has them already.
  // `totals`: what the ledger says is on sale; of a sku that it does not know nothing is available.
  // A line that stood makes its next batch `every` after it could go on; one whose sku has left the
  // catalogue stands. The first batch comes after a part of `every` that follows from the sku, so
  // that lines are spread.
  // REQUIRES: the cycle is open. What was due while it was not is finished at the next call.
  Made decide(const std::map<std::string, Totals>& totals, TimePoint now);

  // The catalogue's offers with what was made of each.
  std::vector<protocol::OfferRow> wanted() const;

 private:
  std::vector<Line> lines_;
  std::vector<protocol::OfferRow> catalogue_;
  Made made_;
};

}  // namespace depot::manufacturer
