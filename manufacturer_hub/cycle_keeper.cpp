#include "manufacturer_hub/cycle_keeper.hpp"

#include <algorithm>
#include <utility>

namespace depot::manufacturer_hub {

using namespace std::chrono_literals;
using protocol::LedgerPosition;
using protocol::Statement;
using store::Reply;

namespace {

constexpr Duration kLookEvery = 500ms;
constexpr Duration kSettleEvery = 2s;  // Whether all agree; it may take days.
constexpr Duration kAgainAfter = 60s;  // a pack that the ledger as it is does not allow
constexpr std::string_view kLedgerPage = "500";
constexpr std::size_t kDemandPage = 500;
constexpr std::size_t kWhyBytesMax = 200;  // fail_pack_v1 takes no more

std::string text(std::int64_t number) { return std::to_string(number); }
std::string text(WallTime time) { return text(time.time_since_epoch().count()); }
std::string text(Millis duration) { return text(duration.count()); }

// Whether nothing is missing before the entry: it has the number that is due, or opens an epoch and
// names the entry before it (the first of a ledger: 0-0).
bool follows(LedgerPosition at, const protocol::LedgerEntry& entry, LedgerPosition due) {
  if (at == due) return true;
  const LedgerPosition named{entry.previous_epoch, entry.previous_number};
  const bool first = due == LedgerPosition{1, 0} && named == LedgerPosition{};
  return entry.kind == protocol::LedgerKind::epoch && at.number == 0 && at.epoch > due.epoch &&
         (first || named == LedgerPosition{due.epoch, due.number - 1});
}

}  // namespace

CycleKeeper::CycleKeeper(const Config& config, store::RedisClient& redis, Log& log,
                         Metrics& metrics)
    : config_(config),
      redis_(redis),
      log_(log),
      driver_(config.cycle),
      feed_max_(std::to_string(config.limits.feed_entries_max)),
      transitions_(metrics.counter("depot_cycle_transitions_total", "Transitions made here")),
      packs_(metrics.counter("depot_settlement_packs_total", "Settlement packs written")),
      troubles_(metrics.gauge("depot_settlement_troubles",
                              "Settlements that the operator has to see to; each hub says "
                              "the same number")) {}

// A purchase moves stock and is not an offer or a cancellation.
void CycleKeeper::on_feed(const FeedEntry& entry) {
  bool stock = false, offer = false;
  for (const auto& [name, bytes] : entry.fields) {
    stock = stock || name == "s";
    offer = offer || name == "o";
    if (name == "y") look_due_ = {};
  }
  if (!stock) return;
  if (!offer) driver_.on_purchase(now_);
  driver_.on_stock();
}

void CycleKeeper::on_store() { driver_.on_store(now_); }

void CycleKeeper::on_tick(TimePoint now, const IsConnected& connected) {
  now_ = now;
  if (now < look_due_ || looking_ || under_way_ > 0) return;
  look_due_ = now + kLookEvery;
  looking_ = true;
  const std::string settle_after = text(config_.cycle.settle_after);
  call(redis_, {"FCALL", "cycle_work_v1", "0", settle_after}, [this, connected](const auto& row) {
    looking_ = false;
    const auto work = row ? decode_cycle_work(*row) : std::nullopt;
    if (!work) {
      return log_.warning("the cycle cannot be looked at",
                          {{"why", row ? "an answer that cannot be read" : row.error().message}});
    }
    const bool asks_again = now_ >= settle_due_;
    if (asks_again) settle_due_ = now_ + kSettleEvery;
    for (const CycleStep& step : driver_.due(*work, now_, connected, asks_again)) take(step);
    troubles_.set(work->troubles);
    if (work->settling.empty()) failed_.clear();
    if (driver_.wants_depletion() && !judging_) judge_depletion(work->current.id, "0", false);
  });
}

void CycleKeeper::take(const CycleStep& due) {
  using Kind = CycleStep::Kind;
  const CycleConfig& config = config_.cycle;
  const std::string& id = due.cycle;
  switch (due.kind) {
    case Kind::open:
      return step(due, {"FCALL", "open_cycle_v1", "0", id,
                        config.silent == SilentPolicy::carry ? "1" : "0", feed_max_});
    case Kind::end_now:
      return step(due, {"FCALL", "set_cycle_end_v1", "0", id, "0", feed_max_});
    case Kind::close:
      return step(due, {"FCALL", "close_cycle_v1", "0", id, feed_max_});
    case Kind::finish:
      return step(due, {"FCALL", "end_cycle_v1", "0", id, text(config.closing_grace), feed_max_,
                        due.next.id, text(due.next.opens), text(due.next.closes),
                        config_.currency.code, text(config.fee_rate())});
    case Kind::collect:
      return step(due, {"FCALL", "collect_cycle_v1", "0", id, feed_max_});
    case Kind::settle:
      return step(due, {"FCALL", "settle_cycle_v1", "0", id, text(config.settle_after), feed_max_});
    case Kind::pack:
      if (!packing_) begin_pack(id, due.pack);
  }
}

void CycleKeeper::step(const CycleStep& due, std::initializer_list<std::string_view> arguments) {
  ++under_way_;
  call(redis_, arguments, [this, due](const Result<std::string_view>& row) {
    --under_way_;
    const auto cycle = row ? protocol::decode_cycle(*row) : std::nullopt;
    if (cycle) {
      look_due_ = {};  // The next step may be due at once.
      transitions_.add();
      step_failed_.clear();
      log_.info("cycle", {{"cycle", cycle->id},
                          {"state", name_of(cycle->state)},
                          {"why", due.reason.empty() ? "due" : std::string(due.reason)}});
    } else if (!row && row.error().code != ErrorCode::not_executed) {
      const std::string failed = due.cycle + ": " + row.error().message;
      if (std::exchange(step_failed_, failed) == failed) return;  // It is tried twice a second.
      log_.error("a step of the cycle failed",
                 {{"cycle", due.cycle}, {"why", row.error().message}});
    }
  });
}

void CycleKeeper::begin_pack(const std::string& cycle, const CycleWork::Pack& task) {
  const auto put_off = failed_.find({cycle, task.manufacturer});
  if (put_off != failed_.end() && now_ < put_off->second.again) return;
  packing_.emplace(Packing{
      cycle, task, {cycle, task.manufacturer, task.currency, task.fee_rate, task.from}, task.from});
  read_ledger();
}

void CycleKeeper::read_ledger() {
  const std::string stream = "ledger:{s0}:" + packing_->task.manufacturer;
  const auto id = [](LedgerPosition at) { return text(at.epoch) + "-" + text(at.number); };
  const std::string from = id(packing_->next), to = id(packing_->task.to);
  const std::string_view arguments[] = {"XRANGE", stream, from, to, "COUNT", kLedgerPage};
  redis_.command(arguments, [this](const Result<Reply>& reply) {
    const auto lines = read_array(reply, ledger_lines);
    lines ? add_to_pack(*lines) : put_off_pack(lines.error(), reply.has_value());
  });
}

void CycleKeeper::add_to_pack(const std::vector<LedgerLine>& lines) {
  for (const LedgerLine& line : lines) {
    const auto entry = protocol::decode_ledger_entry(line.entry);
    if (!entry) return put_off_pack("a ledger entry that cannot be read", true);
    const LedgerPosition at{static_cast<std::int64_t>(line.epoch),
                            static_cast<std::int64_t>(line.number)};
    if (!follows(at, *entry, packing_->next)) {
      return put_off_pack("an entry of its ledger is missing", true);
    }
    packing_->builder.add(at, *entry);
    packing_->next = {at.epoch, at.number + 1};
  }
  if (!lines.empty() && packing_->next <= packing_->task.to) return read_ledger();
  if (!packing_->builder.complete())
    return put_off_pack("its ledger does not say that it closed", true);
  auto statement = packing_->builder.finish();
  if (!statement) return put_off_pack("its sales are worth more than 9 * 10^15 minor units", true);
  packing_->statement = std::move(*statement);
  read_demand();
}

// What customers asked for in vain is in the stock's rows alone.
void CycleKeeper::read_demand() {
  const Statement& statement = packing_->statement;
  const std::size_t from = packing_->refused.size();
  const std::size_t to = std::min(from + kDemandPage, statement.offers.size());
  if (from == to) return write_pack();
  std::vector<std::string> texts = {"HMGET", "stock:{s0}:" + statement.cycle};
  for (std::size_t i = from; i < to; ++i) {
    texts.push_back(statement.manufacturer + ":" + statement.offers[i].sku);
  }
  const std::vector<std::string_view> arguments(texts.begin(), texts.end());
  redis_.command(arguments, [this](const Result<Reply>& reply) {
    const auto counted = read_array(reply, [&](const Reply& rows) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        protocol::Reader in(rows[i].is_string() ? rows[i].text() : std::string_view());
        for (int before = 0; before < 5; ++before) in.skip();
        packing_->refused.push_back(in.integer());
      }
      return rows.size();
    });
    counted ? read_demand() : put_off_pack(counted.error(), reply.has_value());
  });
}

void CycleKeeper::write_pack() {
  Statement& statement = packing_->statement;
  statement.add_refused(packing_->refused);
  std::string pack;
  encode(statement, pack);
  call(redis_,
       {"FCALL", "write_pack_v1", "0", statement.cycle, statement.manufacturer, pack, feed_max_},
       [this](const auto& row) { row ? end_pack() : put_off_pack(row.error(), false); });
}

// answered: Redis did, by an error; of a connection that is gone nobody need be told.
void CycleKeeper::put_off_pack(const Error& error, bool answered) {
  const bool lasting =
      (answered && error.code == ErrorCode::unknown) || error.code == ErrorCode::refused;
  put_off_pack(error.message.substr(0, kWhyBytesMax), lasting);
}

void CycleKeeper::end_pack() {
  packs_.add();
  failed_.erase({packing_->cycle, packing_->task.manufacturer});
  look_due_ = {};
  packing_.reset();
}

void CycleKeeper::put_off_pack(const std::string& why, bool lasting) {
  const std::string &cycle = packing_->cycle, &manufacturer = packing_->task.manufacturer;
  Failed& failed = failed_[{cycle, manufacturer}];
  if (failed.why != why) {  // Once for each reason, and not for each time.
    log_.error("a settlement pack was not made",
               {{"cycle", cycle}, {"manufacturer", manufacturer}, {"why", why}});
  }
  failed = {now_ + (lasting ? kAgainAfter : kLookEvery), why};
  if (lasting) {
    call(redis_, {"FCALL", "fail_pack_v1", "0", cycle, manufacturer, why}, [this](const auto& row) {
      if (!row) log_.warning("a trouble is not on record", {{"why", row.error().message}});
    });
  }
  look_due_ = lasting ? TimePoint{} : now_ + kLookEvery;
  packing_.reset();
}

// Looks through the stock until something is found that is left. Where nothing was sold yet,
// nothing is depleted: manufacturers may be about to offer.
void CycleKeeper::judge_depletion(const std::string& cycle, const std::string& cursor,
                                  bool any_sold) {
  judging_ = true;
  if (cursor == "0") judged_ = driver_.begin_judgement();
  call(redis_, {"FCALL", "depletion_v1", "0", cycle, cursor},
       [this, cycle, any_sold](const Result<std::string_view>& row) {
         judging_ = false;
         struct Page {
           std::string next;
           bool left, sold;
         };
         const auto page = read_row<Page>(row, [](protocol::Reader& in) {
           std::string next(in.string());
           return Page{std::move(next), in.boolean(), in.boolean()};
         });
         if (!page) return;
         const bool sold = any_sold || page->sold;
         if (!page->left && page->next != "0") return judge_depletion(cycle, page->next, sold);
         driver_.on_depletion_judged(judged_, !page->left && sold);
         if (!page->left && sold) look_due_ = {};
       });
}

}  // namespace depot::manufacturer_hub
