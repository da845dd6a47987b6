// Decides what a manufacturer's production lines have made: each a batch of one sku every so often,
// all in parallel; and what is wanted on sale with it, the catalogue's total and what was made.
//
// What was made belongs to one cycle of one data set, and is kept in a small file, so that a
// restart takes nothing back.
//
// Threads: one.
// Errors:  load_made() and save_made() say in words why the file was of no use; "" is good.
// Source:  docs/OPERATIONS.md, "Files".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "manufacturer/catalogue.hpp"
#include "manufacturer/ledger.hpp"
#include "protocol/sync.hpp"

namespace depot::manufacturer {

using Made = std::map<std::string, std::int64_t>;  // units in this cycle, by sku

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

// {"cycle":"2026-11","made":{"AM-101":24}}. A file of another cycle, or none, means nothing made.
std::string load_made(const std::string& path, const std::string& cycle, Made& made);
std::string save_made(const std::string& path, const std::string& cycle, const Made& made);

}  // namespace depot::manufacturer
