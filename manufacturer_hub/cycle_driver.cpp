#include "manufacturer_hub/cycle_driver.hpp"

#include <algorithm>
#include <charconv>

#include "protocol/fields.hpp"

namespace depot::manufacturer_hub {

using protocol::CycleState;
using protocol::Reader;

namespace {

constexpr Duration kGreeting = std::chrono::seconds(3);  // within which agents say HELLO again

WallTime wall(std::int64_t ms) { return WallTime{Millis(ms)}; }

std::int64_t ms(Duration duration) { return std::chrono::duration_cast<Millis>(duration).count(); }

// "2026-11.3" is the third of "2026-11".
std::string behind(const std::string& period, const std::string& ending) {
  if (ending == period) return period + ".2";
  const std::string prefix = period + ".";
  if (!ending.starts_with(prefix)) return period;
  int count = 0;
  const char* const end = ending.data() + ending.size();
  const auto read = std::from_chars(ending.data() + prefix.size(), end, count);
  return read.ptr == end ? prefix + std::to_string(count + 1) : period;
}

void read_cycle_array(Reader& reader, protocol::Cycle& cycle) {
  if (reader.array() != protocol::kCycleFields) return reader.fail();
  protocol::read_cycle(reader, cycle);
}

void read_packs(Reader& reader, std::vector<CycleWork::Pack>& packs) {
  protocol::read_rows(reader, 8, packs, [&](CycleWork::Pack& pack) {
    protocol::read(reader, pack.manufacturer, pack.from.epoch, pack.from.number, pack.to.epoch,
                   pack.to.number, pack.currency, pack.fee_rate, pack.failed);
  });
}

}  // namespace

std::optional<CycleWork> decode_cycle_work(std::string_view row) {
  return protocol::decode_array<CycleWork>(row, 6, [](Reader& reader, CycleWork& work) {
    protocol::read(reader, work.now_ms);
    read_cycle_array(reader, work.current);
    if (!reader.absent()) read_cycle_array(reader, work.planned.emplace());
    protocol::read(reader, work.silent);
    protocol::read_rows(reader, 4, work.settling, [&](CycleWork::Settling& settling) {
      protocol::read(reader, settling.cycle, protocol::up_to(settling.state, CycleState::settled),
                     settling.closed_at_ms);
      read_packs(reader, settling.packs);
    });
    protocol::read(reader, work.troubles);
  });
}

CycleDriver::CycleDriver(const CycleConfig& config) : config_(config) {
  cycle_bounds(config, wall_now());  // A bad zone or period is said now.
}

void CycleDriver::on_store(TimePoint now) {
  served_since_ = now;
  quiet_.clear();
  on_stock();
}

void CycleDriver::on_stock() {
  ++stock_moves_;
  look_for_goods_ = true;
  depleted_ = false;
}

void CycleDriver::on_depletion_judged(std::uint64_t begun, bool depleted) {
  if (begun != stock_moves_) return;
  look_for_goods_ = false;
  depleted_ = depleted;
}

std::vector<CycleStep> CycleDriver::due(const CycleWork& work, TimePoint now,
                                        const std::function<bool(const std::string&)>& connected,
                                        bool asks_again) {
  using Kind = CycleStep::Kind;
  std::vector<CycleStep> steps;
  const protocol::Cycle& cycle = work.current;
  const auto step = [&](Kind kind) -> CycleStep& {
    return steps.emplace_back(CycleStep{.kind = kind, .cycle = cycle.id});
  };
  if (cycle.state == CycleState::collecting) {
    if (std::exchange(collecting_, cycle.id) != cycle.id) since_ = now;
    const bool all = work.silent.empty() || (now - served_since_ >= kGreeting &&
                                             std::ranges::none_of(work.silent, connected));
    // One that should have closed meanwhile waits for nobody.
    const bool late = work.now_ms >= cycle.closes_at_ms;
    if (all || late || now - since_ >= config_.collect_for) step(Kind::open);
  }
  if (cycle.state == CycleState::open) {
    if (std::exchange(quiet_, cycle.id) != cycle.id) {
      purchase_ = now;  // Or since this hub has Redis.
      on_stock();
    }
    const bool quiet = config_.close_after_quiet > Duration::zero() &&
                       now - *purchase_ >= config_.close_after_quiet;
    if (work.now_ms >= cycle.closes_at_ms) {
      step(Kind::close);
    } else if (quiet || (config_.close_when_depleted && depleted_)) {
      step(Kind::end_now).reason = quiet ? "no purchase came for long" : "everything is sold";
    }
  }
  if (cycle.state == CycleState::closing &&
      work.now_ms >= cycle.closes_at_ms + ms(config_.closing_grace)) {
    step(Kind::finish).next = next_bounds(config_, cycle, wall(work.now_ms));
  }
  if (work.planned && work.now_ms >= work.planned->opens_at_ms) {
    step(Kind::collect).cycle = work.planned->id;
  }
  for (const CycleWork::Settling& settling : work.settling) {
    for (const CycleWork::Pack& pack : settling.packs) {
      steps.push_back({.kind = Kind::pack, .cycle = settling.cycle, .pack = pack});
    }
    const bool made = std::ranges::all_of(settling.packs, &CycleWork::Pack::failed);
    if (made && (settling.state == CycleState::closed || asks_again))
      steps.push_back({.kind = Kind::settle, .cycle = settling.cycle});
  }
  return steps;
}

CycleBounds next_bounds(const CycleConfig& config, const protocol::Cycle& ending, WallTime now) {
  const WallTime opens = wall(ending.closes_at_ms + ms(config.gap));
  const bool calendar = config.period == "monthly" || config.period == "weekly";
  // A duration runs from when it begins, so that an outage is not followed by a row of empty ones.
  CycleBounds bounds = cycle_bounds(config, calendar ? opens : std::max(opens, now));
  if (!calendar) return bounds;
  bounds.opens = opens;
  bounds.id = behind(bounds.id, ending.id);
  return bounds;
}

}  // namespace depot::manufacturer_hub
