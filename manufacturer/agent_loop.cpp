#include "manufacturer/agent_loop.hpp"

#include <fmt/core.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "base/fatal.hpp"
#include "base/fault_point.hpp"
#include "manufacturer/agent_status.hpp"
#include "manufacturer/statement_files.hpp"
#include "messaging/poller.hpp"
#include "protocol/fields.hpp"

namespace depot::manufacturer {

using namespace std::chrono_literals;
using messaging::Message;
using messaging::SocketKind;

namespace {

constexpr auto kTick = 50ms;
constexpr auto kSettle = 200ms;  // Editors write a file in several steps.
constexpr auto kReportEvery = 500ms;
constexpr auto kUnsettledMax = 2s;  // Each batch that is made is under way for a moment.
constexpr auto kDemandEvery = 5s;
constexpr auto kAloneMax = 5s;     // without a hub, then it is said
constexpr auto kAloneEvery = 60s;  // and said again
constexpr int kMessagesPerTurn = 256;

std::string make_folder(const std::filesystem::path& path) {
  std::filesystem::create_directories(path);
  return path;
}

// What the offers are read from.
const std::string& offers_file(const AgentFile& file) {
  return file.catalogue.empty() ? file.path : file.catalogue;
}

}  // namespace

AgentLoop::AgentLoop(messaging::Context& context, const Config& config, AgentFile file,
                     std::string data, Log& log, Metrics& metrics)
    : context_(context),
      config_(config),
      file_(std::move(file)),
      data_(make_folder(std::filesystem::path(data) / file_.id)),
      log_(log),
      out_(context, SocketKind::pub),
      in_(context, SocketKind::sub),
      journal_(data_ + "/journal"),
      settlement_(agent_, file_.id, file_.fee_rate,
                  {.keep =
                       [this](const protocol::Statement& theirs, const auto& differences) {
                         const std::string why =
                             keep_statement(data_, agent_.state().store_id, theirs, differences);
                         log_trouble(why);
                         return why.empty();
                       },
                   .on_trouble = [this](std::string_view why) { log_trouble(std::string(why)); }}),
      agent_({.id = file_.id,
              .name = file_.name,
              .hubs = static_cast<std::size_t>(config.hub.count),
              .epoch_min = static_cast<std::uint64_t>(wall_now().time_since_epoch().count()),
              .head_every = config.hub.head_every,
              .accept_after = file_.accept_after},
             *this, std::move(journal_.state())),
      commands_(agent_),
      production_(file_.production),
      unacknowledged_(
          metrics.gauge("depot_manufacturer_unacknowledged", "Offer records under way")),
      behind_(metrics.gauge("depot_manufacturer_behind_entries",
                            "Entries of the ledger that are not here yet")) {
  if (journal_.dropped_bytes() > 0) {
    log_.warning("the journal's end was damaged", {{"bytes", journal_.dropped_bytes()}});
  }
  production_.set_catalogue(read_offers(file_, config.currency));
  production_.set_made(agent_.state().produced);
  agent_.set_wanted(production_.wanted());
  in_.subscribe("head/" + file_.id + "/");
  in_.subscribe("cycle/");
  for (int hub = 0; hub < config.hub.count; ++hub) {
    out_.connect(config.hub_in_endpoint(hub));
    in_.connect(config.hub_out_endpoint(hub));
    sync_.emplace_back(context, SocketKind::dealer);
    reopen(static_cast<std::size_t>(hub));
  }
  watch_fd_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  watch(offers_file(file_));
}

// The folder, not the file: editors put a new file in its place.
void AgentLoop::watch(const std::string& file) {
  const std::string folder = std::filesystem::path(file).parent_path();
  if (inotify_add_watch(watch_fd_, folder.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO) < 0) {
    throw StartupError(folder + ": cannot be watched for changes", kExitUnavailable);
  }
}

AgentLoop::~AgentLoop() { close(watch_fd_); }

void AgentLoop::run(StopSignal& stop) {
  messaging::Poller poller;
  poller.add_fd(stop.fd());
  poller.add_fd(watch_fd_);
  poller.add(in_);
  std::vector<std::size_t> places;
  for (const messaging::Socket& sync : sync_) places.push_back(poller.add(sync));
  while (!stop.requested()) {
    for (std::size_t hub = 0; hub < sync_.size(); ++hub) poller.set_socket(places[hub], sync_[hub]);
    poller.wait(kTick);
    const TimePoint now = steady_now();
    drain_sockets(now);
    watch_files(now);
    produce(now);
    settlement_.on_tick(now);
    commands_.on_tick(now);
    ask_demand(now);
    agent_.on_tick(now, wall_now());
    journal_.flush();
    const bool between_cycles = cycle_.state >= protocol::CycleState::closed;
    if (agent_.settled() || between_cycles) settled_ = now;
    const bool ready = now - settled_ < kUnsettledMax;
    board_.set_not_ready(ready ? "" : "not every offer is acknowledged by the hub yet");
    if (now >= report_due_) report();
    say_where_alone(now);
  }
}

void AgentLoop::drain_sockets(TimePoint now) {
  Message first, second, third;
  for (std::size_t hub = 0; hub < sync_.size(); ++hub) {
    for (int i = 0; i < kMessagesPerTurn && sync_[hub].receive(first); ++i) {
      agent_.on_sync(hub, first.bytes(), now);
    }
  }
  for (int i = 0; i < kMessagesPerTurn && in_.receive_published(first, second, third); ++i) {
    agent_.on_published(first.bytes(), second.bytes(), third.bytes(), now);
  }
  kept_.flush();
  std::fflush(stdout);
}

void AgentLoop::watch_files(TimePoint now) {
  alignas(inotify_event) char events[4'096];
  const std::string name = std::filesystem::path(offers_file(file_)).filename();
  for (ssize_t size; (size = read(watch_fd_, events, sizeof events)) > 0;) {
    for (const char* at = events; at < events + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      if (event->len > 0 && name == event->name) read_due_ = now + kSettle;
      at += sizeof(inotify_event) + event->len;
    }
  }
  if (now < read_due_) return;
  read_due_ = TimePoint::max();
  try {
    if (file_.catalogue.empty()) file_.offers = read_agent_file(file_.path).offers;
    AgentFile offers = file_;
    offers.production.clear();  // A line of what is no longer offered stands.
    production_.set_catalogue(read_offers(offers, config_.currency));
    agent_.set_offers(production_.wanted());
    log_.info("catalogue read", {{"file", offers_file(file_)}});
  } catch (const StartupError& error) {
    log_.error("catalogue refused; the offers stay as they were", {{"why", error.what()}});
  }
}

// Only while all that was stated is in the ledger: then that says what is available.
void AgentLoop::produce(TimePoint now) {
  if (cycle_.state != protocol::CycleState::open || !agent_.settled()) return;
  const Made batches = production_.decide(agent_.ledger().totals_of(cycle_.id), now);
  if (batches.empty()) return;
  // Before it is offered: what was offered once must never be taken back.
  agent_.set_made(production_.made());
  agent_.set_offers(production_.wanted());
  for (const auto& [sku, units] : batches) {
    fmt::print("made {} x {}\n", units, agent_.state().offers.at(sku).name);
  }
}

// Of some goods after the other, so that no question is long.
void AgentLoop::ask_demand(TimePoint now) {
  if (agent_.resting() || asking_demand_ || now < demand_due_) return;
  std::string last;
  protocol::SyncAsk ask{"demand", {}};
  const auto& offers = agent_.state().offers;
  auto row = offers.upper_bound(demand_asked_);
  for (; row != offers.end() && ask.arguments.size() < protocol::kAskArgumentsMax; ++row) {
    ask.arguments.push_back(last = row->first);
  }
  demand_asked_ = row == offers.end() ? "" : last;
  demand_due_ = row == offers.end() ? now + kDemandEvery : now;
  if (ask.arguments.empty()) return;
  std::string body;
  encode(ask, body);
  asking_demand_ = agent_.ask(std::move(body), [this](std::string_view answer) {
    asking_demand_ = false;
    std::vector<protocol::StatementDemand> rows;
    protocol::Reader reader(answer.substr(answer.starts_with('O') ? 1 : 0));
    protocol::read_rows(reader, 2, rows,
                        [&](auto& demand) { read(reader, demand.sku, demand.refused); });
    if (!reader.done()) return;
    for (const protocol::StatementDemand& demand : rows) refused_[demand.sku] = demand.refused;
  });
}

// What is not on disk must not be heard of: a restart would say something else by the same number.
bool AgentLoop::may_send() {
  std::string why;
  const bool safe = journal_.sync(agent_.state(), why);
  if (!why.empty()) log_.error("the journal cannot be kept; nothing is sent", {{"why", why}});
  return safe;
}

void AgentLoop::send(std::size_t hub, std::string_view frame) {
  // Nobody connected, or the pipe full: what matters is sent again.
  if (may_send()) static_cast<void>(sync_[hub].send(frame));
}

void AgentLoop::reopen(std::size_t hub) {
  sync_[hub] = messaging::Socket(context_, SocketKind::dealer);
  sync_[hub].connect(config_.hub_sync_endpoint(static_cast<int>(hub)));
}

void AgentLoop::publish(std::string_view topic, std::string_view header, std::string_view body) {
  if (may_send()) static_cast<void>(out_.publish(topic, header, body));
}

// One file per data set.
Ledger AgentLoop::open_ledger(const std::string& store_id) {
  settlement_.on_other_ledger();
  cycle_ = {};
  Ledger ledger;
  const auto on_kept = [&](const KeptEntry& kept) {
    const std::string& cycle = kept.entry.cycle;
    const bool settled = kept.entry.transition.state == protocol::CycleState::settled;
    const auto end = settled ? ledger.end_of(cycle) : std::nullopt;
    const bool done =
        settlement_.on_entry(kept.entry, end && has_statement(data_, store_id, cycle, *end));
    if (done) ledger.forget(cycle);
  };
  log_trouble(set_others_aside(data_, store_id));
  log_trouble(kept_.read(fmt::format("{}/ledger-{}.jsonl", data_, store_id), ledger, on_kept));
  return ledger;
}

void AgentLoop::on_dropped(Position left) {
  log_.warning("an older state of the data was restored; what the ledger has above is dropped",
               {{"epoch", left.epoch}, {"number", left.number}});
  log_trouble(kept_.cut(left));
}

void AgentLoop::on_entry(const KeptEntry& entry, bool news) {
  if (news) fault_point("agent.received");
  kept_.add(entry);
  if (settlement_.on_entry(entry.entry, false)) agent_.forget(entry.entry.cycle);
  if (!news) return;
  for (const std::string& line : news_of(entry.entry, agent_.state().offers, config_.currency)) {
    std::puts(line.c_str());
  }
}

void AgentLoop::on_cycle(const protocol::Cycle& cycle) {
  if (cycle.id == cycle_.id && cycle.state == cycle_.state) return;
  if (std::exchange(cycle_, cycle).id != cycle.id) {
    const Made& made = agent_.state().produced;
    std::int64_t units = 0;
    for (const auto& [sku, count] : made) units += count;
    if (!file_.production.empty()) {
      log_.info("production", {{"cycle", cycle.id}, {"made", units}});
    }
    production_.set_made(made);
    agent_.set_wanted(production_.wanted());
    refused_.clear();
  }
  const WallTime closes{std::chrono::milliseconds(cycle.closes_at_ms)};
  fmt::print("cycle {} is {}, until {}\n", cycle.id, name_of(cycle.state), to_rfc3339(closes));
}

void AgentLoop::on_trouble(messaging::SyncError code, std::string_view why) {
  const bool busy = code == messaging::SyncError::busy;
  log_.warning(busy ? "not let in yet" : "refused by the hub", {{"why", why}});
}

void AgentLoop::say_where_alone(TimePoint now) {
  if (agent_.connected() || alone_due_ == TimePoint{}) alone_due_ = now + kAloneMax;
  if (now < alone_due_) return;
  alone_due_ = now + kAloneEvery;
  log_.warning("no hub answers: is depot up running, and is this the config.yml that it goes by?",
               {{"sync", config_.hub_sync_endpoint()},
                {"config", config_.path.empty() ? "none, the defaults hold" : config_.path}});
}

void AgentLoop::log_trouble(const std::string& why) {
  if (!why.empty()) log_.warning(why);
}

void AgentLoop::report() {
  report_due_ = steady_now() + kReportEvery;
  unacknowledged_.set(static_cast<std::int64_t>(agent_.state().records.size()));
  behind_.set(static_cast<std::int64_t>(agent_.behind()));
  board_.set_status(status_of(file_, agent_, production_, cycle_, refused_));
}

}  // namespace depot::manufacturer
