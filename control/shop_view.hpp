// What `depot shop` shows while it runs: some lines redrawn each second on a terminal, else one
// every ten; and its status as JSON.
//
// Threads: one.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "bench/shop.hpp"
#include "control/load.hpp"

namespace depot::control {

class ShopView {
 public:
  // `what`: the first line, above the figures.
  ShopView(std::string what, bool quiet);
  ~ShopView();  // Leaves the last state behind.
  void show(const bench::Figures& figures, const bench::Tally& tally);

 private:
  const std::string what_;
  const bool quiet_, terminal_, colours_;
  std::size_t drawn_ = 0;  // lines that the next ones take the place of
  TimePoint due_{};
};

// What is special to it in the closing table and document.
Extras extras_of(const bench::Figures& figures, std::uint64_t seed);
// Of its process: the same numbers as they are now.
boost::json::object status_of(const bench::Figures& figures, const bench::Tally& tally);

}  // namespace depot::control
