#include "manufacturer/agent_loop.hpp"

#include <fmt/core.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <filesystem>

#include "base/fatal.hpp"
#include "messaging/poller.hpp"

namespace depot::manufacturer {

using namespace std::chrono_literals;
using messaging::Message;
using messaging::SocketKind;

namespace {

constexpr auto kTick = 50ms;
constexpr auto kSettle = 200ms;  // Editors write a file in several steps.
constexpr auto kReportEvery = 500ms;
constexpr auto kUnsettledMax = 2s;  // Each batch that is made is under way for a moment.
constexpr int kMessagesPerTurn = 256;

}  // namespace

AgentLoop::AgentLoop(messaging::Context& context, const Config& config, AgentFile file,
                     std::string data, Log& log, Metrics& metrics)
    : context_(context),
      config_(config),
      file_(std::move(file)),
      data_(std::filesystem::path(data) / file_.id),
      log_(log),
      out_(context, SocketKind::pub),
      in_(context, SocketKind::sub),
      agent_({.id = file_.id,
              .name = file_.name,
              .hubs = static_cast<std::size_t>(config.hub.count),
              .epoch_min = static_cast<std::uint64_t>(wall_now().time_since_epoch().count()),
              .head_every = config.hub.head_every},
             *this),
      production_(file_.production),
      unacknowledged_(
          metrics.gauge("depot_manufacturer_unacknowledged", "Offer records under way")),
      behind_(metrics.gauge("depot_manufacturer_ledger_entries", "Ledger entries that are here")) {
  production_.set_catalogue(read_offers(file_, config.currency));
  std::filesystem::create_directories(data_);
  in_.subscribe("head/" + file_.id + "/");
  in_.subscribe("cycle/");
  for (int hub = 0; hub < config.hub.count; ++hub) {
    out_.connect(config.hub_in_endpoint(hub));
    in_.connect(config.hub_out_endpoint(hub));
    sync_.emplace_back(context, SocketKind::dealer);
    reopen(static_cast<std::size_t>(hub));
  }
  // The folder, not the file: editors put a new file in its place.
  watch_fd_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  const std::string folder = std::filesystem::path(file_.catalogue).parent_path();
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
    watch_file(now);
    produce(now);
    agent_.on_tick(now);
    if (agent_.settled()) settled_ = now;
    const bool ready = now - settled_ < kUnsettledMax;
    board_.set_not_ready(ready ? "" : "not every offer is acknowledged by the hub yet");
    if (now >= report_due_) report();
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

void AgentLoop::watch_file(TimePoint now) {
  alignas(inotify_event) char events[4'096];
  const std::string name = std::filesystem::path(file_.catalogue).filename();
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
    production_.set_catalogue(read_offers(file_.catalogue, config_.currency));
    agent_.set_offers(production_.wanted());
    log_.info("catalogue read", {{"file", file_.catalogue}});
  } catch (const StartupError& error) {
    log_.error("catalogue refused; the offers stay as they were", {{"why", error.what()}});
  }
}

// Only while all that was stated is in the ledger: then that says what is available.
void AgentLoop::produce(TimePoint now) {
  static const std::map<std::string, Totals> nothing;
  if (cycle_.state != protocol::CycleState::open || !agent_.settled()) return;
  const Ledger& ledger = agent_.ledger();
  const Made batches =
      production_.decide(ledger.cycle() == cycle_.id ? ledger.totals() : nothing, now);
  if (batches.empty()) return;
  // Before it is offered: what was offered once must never be taken back.
  const std::string why = save_made(made_path_, cycle_.id, production_.made());
  if (!why.empty()) log_.error("what was made cannot be kept", {{"why", why}});
  agent_.set_offers(production_.wanted());
  for (const auto& [sku, units] : batches) {
    fmt::print("made {} x {}\n", units, agent_.state().offers.at(sku).name);
  }
}

void AgentLoop::send(std::size_t hub, std::string_view frame) {
  // Nobody connected, or the pipe full: what matters is sent again.
  static_cast<void>(sync_[hub].send(frame));
}

void AgentLoop::reopen(std::size_t hub) {
  sync_[hub] = messaging::Socket(context_, SocketKind::dealer);
  sync_[hub].connect(config_.hub_sync_endpoint(static_cast<int>(hub)));
}

void AgentLoop::publish(std::string_view topic, std::string_view header, std::string_view body) {
  static_cast<void>(out_.publish(topic, header, body));
}

// One file per data set, written anew from the beginning: without a journal everything is fetched.
void AgentLoop::on_new_ledger(const std::string& store_id) {
  const std::string path = fmt::format("{}/ledger-{}.jsonl", data_, store_id);
  kept_ = std::ofstream(path, std::ios::trunc);
  if (!kept_) log_.error("the ledger cannot be kept", {{"file", path}});
  made_path_ = fmt::format("{}/production-{}.json", data_, store_id);
  cycle_ = {};  // What was made is another's.
}

void AgentLoop::on_entry(const KeptEntry& entry, bool news) {
  kept_ << to_json(entry) << '\n';
  if (!news) return;
  for (const std::string& line : news_of(entry.entry, agent_.state().offers, config_.currency)) {
    std::puts(line.c_str());
  }
}

void AgentLoop::on_cycle(const protocol::Cycle& cycle) {
  if (cycle.id == cycle_.id && cycle.state == cycle_.state) return;
  if (std::exchange(cycle_, cycle).id != cycle.id) {
    Made made;
    const std::string why = load_made(made_path_, cycle.id, made);
    if (!why.empty()) log_.error("what was made is not known, and counts as 0", {{"why", why}});
    std::int64_t units = 0;
    for (const auto& [sku, count] : made) units += count;
    if (!file_.production.empty()) {
      log_.info("production", {{"cycle", cycle.id}, {"made", units}, {"file", made_path_}});
    }
    production_.set_made(std::move(made));
    agent_.set_wanted(production_.wanted());
  }
  const WallTime closes{std::chrono::milliseconds(cycle.closes_at_ms)};
  fmt::print("cycle {} is {}, until {}\n", cycle.id, name_of(cycle.state), to_rfc3339(closes));
}

void AgentLoop::on_trouble(messaging::SyncError code, std::string_view why) {
  const bool busy = code == messaging::SyncError::busy;
  log_.warning(busy ? "not let in yet" : "refused by the hub", {{"why", why}});
}

void AgentLoop::report() {
  report_due_ = steady_now() + kReportEvery;
  const AgentState& state = agent_.state();
  const Ledger& ledger = agent_.ledger();
  unacknowledged_.set(static_cast<std::int64_t>(state.records.size()));
  std::map<std::string, Totals> totals = ledger.totals();
  for (const auto& [sku, row] : state.offers) totals.try_emplace(sku);
  boost::json::array skus;
  for (const auto& [sku, total] : totals) {
    const auto offer = state.offers.find(sku);
    skus.push_back({{"sku", sku},
                    {"name", offer == state.offers.end() ? "" : offer->second.name},
                    {"unit_price", total.unit_price},
                    {"wanted", total.wanted},
                    {"offered", total.offered},
                    {"sold", total.sold},
                    {"cut", total.cut},
                    {"available", total.available}});
  }
  boost::json::array lines;
  for (const Production::Line& line : production_.lines()) {
    const auto made = production_.made().find(line.sku);
    lines.push_back({{"sku", line.sku},
                     {"batch", line.batch},
                     {"every_ms", line.every.count()},
                     {"pause_at", line.pause_at},
                     {"made", made == production_.made().end() ? 0 : made->second},
                     {"standing", line.standing}});
  }
  const KeptEntry newest = ledger.empty() ? KeptEntry{} : ledger.newest();
  board_.set_status(boost::json::serialize(
      boost::json::object{{"id", file_.id},
                          {"name", file_.name},
                          {"offers", state.offers.size()},
                          {"acknowledged", agent_.settled()},
                          {"ledger", {{"epoch", newest.epoch}, {"number", newest.number}}},
                          {"skus", std::move(skus)},
                          {"lines", std::move(lines)}}));
}

}  // namespace depot::manufacturer
