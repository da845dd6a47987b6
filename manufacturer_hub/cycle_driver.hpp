// Decides which transition of the cycle, and which settlement, is due. It keeps nothing that Redis
// has not, and Redis' functions judge once more: two hubs that drive at once do each step once.
//
// Threads: one.
// Errors:  StartupError for a period or zone that there is not.
// Source:  docs/ARCHITECTURE.md, "Cycle".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "manufacturer_hub/cycle_clock.hpp"
#include "protocol/statement.hpp"

namespace depot::manufacturer_hub {

// What Redis says there is to do: cycle_work_v1.
struct CycleWork {
  std::int64_t now_ms = 0;  // Redis' own
  protocol::Cycle current = {};
  std::optional<protocol::Cycle> planned = {};
  std::vector<std::string> silent = {};  // They have not answered, while it collects.
  struct Pack {                          // to be written
    std::string manufacturer;
    protocol::LedgerPosition from, to;
    std::string currency = {};
    std::int64_t fee_rate = 0;  // as it was when the cycle closed
    bool failed = false;        // when it was tried last: the others do not wait for it
  };
  struct Settling {
    std::string cycle;
    protocol::CycleState state{};
    std::int64_t closed_at_ms = 0;
    std::vector<Pack> packs = {};
  };
  std::vector<Settling> settling = {};
  std::int64_t troubles = 0;  // that the operator has to see to
};
std::optional<CycleWork> decode_cycle_work(std::string_view row);  // without its 'O'

struct CycleStep {
  enum class Kind {
    open,     // collecting -> open
    end_now,  // Its end becomes now: it is depleted, or quiet.
    close,    // open -> closing
    finish,   // closing -> closed, and `next` begins or is planned
    collect,  // planned -> collecting
    settle,   // closed -> settling -> settled
    pack,     // The pack of a manufacturer is to be made and written.
  };
  Kind kind;
  std::string cycle = {};
  CycleBounds next = {};         // finish
  CycleWork::Pack pack = {};     // pack
  std::string_view reason = {};  // end_now
};

class CycleDriver {
 public:
  explicit CycleDriver(const CycleConfig& config);

  // Redis is there (again): who is connected shows in a moment, and nobody could buy meanwhile.
  void on_store(TimePoint now);
  // `connected`: whether an agent of that manufacturer is. `asks_again`: whether those that settle
  // are asked about, too.
  std::vector<CycleStep> due(const CycleWork& work, TimePoint now,
                             const std::function<bool(const std::string&)>& connected,
                             bool asks_again = true);
  void on_purchase(TimePoint now) { purchase_ = now; }
  void on_stock();  // It moved: is there anything left?
  bool wants_depletion() const { return config_.close_when_depleted && look_for_goods_; }
  // What was looked at may have changed since the look began.
  std::uint64_t begin_judgement() const { return stock_moves_; }
  void on_depletion_judged(std::uint64_t begun, bool depleted);

 private:
  const CycleConfig config_;
  std::string collecting_;  // the cycle, since
  TimePoint since_{};
  std::optional<TimePoint> purchase_;
  std::string quiet_;  // the cycle that purchase_ is of
  bool look_for_goods_ = true, depleted_ = false;
  std::uint64_t stock_moves_ = 0;
  TimePoint served_since_{};
};

// The cycle behind `ending`, which closes at its closes_at: the calendar's period that holds the
// end of the gap, or a duration from then on. Part of a period that has had a cycle already is
// "<period>.2", "<period>.3".
CycleBounds next_bounds(const CycleConfig& config, const protocol::Cycle& ending, WallTime now);

}  // namespace depot::manufacturer_hub
