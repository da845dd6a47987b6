#include "manufacturer/agent.hpp"

#include <algorithm>

#include "base/fatal.hpp"

namespace depot::manufacturer {

using messaging::Follower;
using messaging::kNoPosition;
using messaging::SyncError;
using messaging::SyncHeader;
using messaging::SyncType;
using protocol::CycleState;
using protocol::OfferRow;

namespace {

constexpr Duration kBusyWait = std::chrono::seconds(1);
constexpr Duration kRefusedWait = std::chrono::seconds(5);
constexpr int kSilencesMax = 3;  // Then the socket itself is in doubt.

}  // namespace

Agent::Agent(AgentOptions options, AgentActions& actions, AgentState state)
    : options_(std::move(options)),
      actions_(actions),
      state_(std::move(state)),
      sessions_(options_.hubs),
      published_(state_.acknowledged) {
  if (!state_.store_id.empty()) open_ledger(state_.store_id);
}

void Agent::set_wanted(const std::vector<OfferRow>& rows) {
  wanted_.clear();
  for (const OfferRow& row : rows) wanted_[row.sku] = row;
}

void Agent::set_offers(const std::vector<OfferRow>& rows) {
  set_wanted(rows);
  if (!resting()) state_changes();  // Else what begins a cycle will have them.
}

void Agent::state_changes() {
  std::vector<OfferRow> changed;
  for (const auto& [sku, row] : wanted_) {
    const auto stated = state_.offers.find(sku);
    if (stated == state_.offers.end() || stated->second != row) changed.push_back(row);
  }
  for (const auto& [sku, row] : state_.offers) {
    if (row.offered == 0 || wanted_.contains(sku)) continue;
    changed.push_back(row);
    changed.back().offered = 0;
  }
  state_offers(changed);
}

void Agent::set_made(const Made& made) {
  for (const auto& [sku, units] : made) {
    const auto known = state_.produced.find(sku);
    if (known != state_.produced.end() && known->second == units) continue;
    change({Change::Kind::produced, static_cast<std::uint64_t>(units), 0, sku});
  }
}

void Agent::on_sync(std::size_t hub, std::string_view frame, TimePoint now) {
  SyncHeader header;
  if (!read_sync_header(frame, header)) return;
  const std::string_view body = frame.substr(messaging::kSyncHeaderSize);
  Session& session = sessions_[hub];
  session.heard = now;
  if (header.type == SyncType::error) return on_error(session, header.flags, body, now);
  if (header.type == SyncType::welcome) {
    session.welcomed = true;
    session.doubted = false;
    return on_welcome(header, body, now);
  }
  if (!session.welcomed) return;
  switch (header.type) {
    case SyncType::ack:
      return on_ack(header, now);
    case SyncType::fetch:
      if (header.epoch == state_.epoch && header.from > state_.acknowledged) {
        return send_records(hub, header.from);
      }
      session.doubted = true;  // It lacks what was acknowledged.
      return;
    case SyncType::head:
      return note_head({header.epoch, header.to});
    case SyncType::record:
      return on_entry({header.epoch, header.to}, body, now);
    case SyncType::accept:
      accepted_ = std::max(accepted_, Position{header.epoch, header.to});
      return;
    case SyncType::answer:
      return asks_.on_answer(hub, header, body);
    case SyncType::end:
      fetching_ = false;
      caught_up_ = true;
      fetch_due_ = now + kFetchAgain;  // Where we have not reached it even so.
      // It ran to the end: a higher head heard before is no more.
      head_ = {header.epoch, header.to == kNoPosition ? 0 : header.to};
      // What got lost of the answer must not be taken for what the ledger lacks.
      if (head_.epoch > 0 && !ledger_.reaches(head_)) return;
      if (comparing_ && state_.records.empty() && !resting()) compare_with_ledger();
      return;
    default:
      return;
  }
}

void Agent::on_published(std::string_view topic, std::string_view header_bytes,
                         std::string_view body, TimePoint) {
  SyncHeader header;
  std::string_view kind, id;
  if (!messaging::split_topic(topic, kind, id) || !read_sync_header(header_bytes, header)) return;
  if (kind == "head" && id == options_.id) return note_head({header.epoch, header.to});
  if (kind != "cycle" || !cycles_.has_position()) return;
  switch (cycles_.see(header)) {
    case Follower::Step::duplicate:
      return;
    case Follower::Step::apply:
      if (header.type != SyncType::record) return;
      if (const auto cycle = protocol::decode_cycle(body)) on_cycle(*cycle);
      return;
    case Follower::Step::gap:
    case Follower::Step::other_epoch:
      cycles_.forget();
      for (Session& session : sessions_) session.doubted = true;  // WELCOME has the cycle too.
  }
}

void Agent::on_tick(TimePoint now, WallTime wall) {
  keep_sessions(now);
  const std::size_t hub = any_hub();
  if (hub == sessions_.size()) return;
  const bool unsure = state_.records.empty() && !compared_ && !resting();
  if ((unsure || !ledger_.reaches(head_)) && now >= fetch_due_) fetch(now);
  if (state_.records.empty()) {
    progress_ = now;
  } else if (now - progress_ >= options_.resend_after) {
    progress_ = now;
    send_records(hub, state_.acknowledged + 1);
  }
  accept_due(now, wall);
  asks_.on_tick(now, [this, hub](const SyncHeader& header, std::string_view body) {
    send(hub, header, body);
  });
}

void Agent::keep_sessions(TimePoint now) {
  for (std::size_t hub = 0; hub < sessions_.size(); ++hub) {
    Session& session = sessions_[hub];
    if (session.heard == TimePoint{}) session.heard = now;
    if (now - session.heard >= kSilencesMax * options_.silence_max) {
      session = {.heard = now};
      actions_.reopen(hub);
    }
    if (session.welcomed && now - session.heard > options_.silence_max) session.welcomed = false;
    if ((!session.welcomed || session.doubted) && now >= session.hello_due) {
      session.hello_due = now + options_.hello_every;
      say_hello(hub);
    } else if (session.welcomed && now >= session.head_due && state_.epoch > 0) {
      session.head_due = now + options_.head_every;
      const SyncHeader head{SyncType::head, 0, state_.epoch, state_.made + 1, state_.made};
      publish(head);
      send(hub, head);
    }
  }
}

void Agent::say_hello(std::size_t hub) {
  protocol::SyncHello hello{true, options_.id, options_.name, {}, {}, {}, {}};
  if (state_.epoch > 0) {
    hello.agent_epoch = static_cast<std::int64_t>(state_.epoch);
    hello.last_number = static_cast<std::int64_t>(state_.made);
  }
  if (!ledger_.empty()) {
    hello.ledger_epoch = static_cast<std::int64_t>(ledger_.newest().epoch);
    hello.ledger_number = static_cast<std::int64_t>(ledger_.newest().number);
  }
  std::string body;
  encode(hello, body);
  send(hub, {.type = SyncType::hello}, body);
}

void Agent::on_welcome(const SyncHeader& header, std::string_view body, TimePoint now) {
  const std::optional<protocol::SyncWelcome> welcome = protocol::decode_sync_welcome(body);
  if (!welcome) return actions_.on_trouble(SyncError::refused, "malformed WELCOME");
  const auto epoch = static_cast<std::uint64_t>(welcome->agent_epoch);
  const auto last = static_cast<std::uint64_t>(welcome->last_number);
  const bool other_store = welcome->store_id != state_.store_id;
  const bool forgot = epoch == state_.epoch ? last < state_.acknowledged
                                            : epoch < state_.epoch && state_.acknowledged > 0;
  const bool unknown = epoch > state_.epoch || (epoch == state_.epoch && last > state_.made);
  const bool anew = state_.epoch == 0 || other_store || forgot || unknown;
  progress_ = {};  // Whatever is not acknowledged goes out again at the next tick,
  if (anew) {
    const std::uint64_t begins = std::max({epoch + 1, state_.epoch + 1, options_.epoch_min});
    change({Change::Kind::epoch, begins, 0, welcome->store_id});
    published_ = 0;
    progress_ = now;  // save what has just gone out.
  }
  if (other_store) {
    open_ledger(welcome->store_id);
    cycles_.forget();
  }
  const bool older = cycles_.has_position() && cycles_.epoch() == header.epoch &&
                     header.to < cycles_.last();  // Said before what we heard meanwhile.
  if (!older) cycles_.set(header.epoch, header.to);
  if (!older) on_cycle(welcome->cycle);
  if (older && anew && !resting()) state_all();  // For the newer cycle that we have heard of.
  accepted_ = {};                 // An older state of the data may not have it: it is said again.
  compared_ = fetching_ = false;  // What was asked for may have been of a session before.
  early_.clear();                 // HELLO did not say that we hold it, so it may be otherwise now.
  fetch_due_ = {};
  note_head({static_cast<std::uint64_t>(welcome->ledger_epoch),
             static_cast<std::uint64_t>(welcome->ledger_number)});
}

void Agent::on_error(Session& session, std::uint32_t code, std::string_view why, TimePoint now) {
  session.welcomed = false;
  const auto error = static_cast<SyncError>(code);
  if (error == SyncError::say_hello) return;
  session.hello_due = now + (error == SyncError::busy ? kBusyWait : kRefusedWait);
  actions_.on_trouble(error, why);
}

void Agent::on_ack(const SyncHeader& header, TimePoint now) {
  if (header.epoch != state_.epoch || header.to > state_.made) return;
  if (header.to > state_.acknowledged) {
    change({Change::Kind::acknowledged, header.to, 0, ""});
    progress_ = now;
  }
  if (state_.records.empty() && !fetching_) fetch_due_ = {};
  publish_records();
}

void Agent::on_cycle(const protocol::Cycle& cycle) {
  // Totals are a cycle's own.
  if (cycle.id != state_.cycle) change({Change::Kind::cycle, 0, 0, cycle.id});
  cycle_state_ = cycle.state;
  actions_.on_cycle(cycle);
  if (resting()) return;
  if (!state_.stated) state_all();
  state_changes();
}

void Agent::change(const Change& what) {
  DEPOT_ASSERT(apply(state_, what));
  actions_.keep(what);
}

// A snapshot. What the ledger has on sale besides, the comparison finds. One who offers nothing
// says so, since a cycle that begins waits for it.
void Agent::state_all() {
  std::vector<OfferRow> rows;
  for (const auto& [sku, row] : wanted_) rows.push_back(row);
  if (!rows.empty()) return state_offers(rows);
  state_record({state_.cycle, {}}, 0);
  publish_records();
}

void Agent::state_offers(const std::vector<OfferRow>& rows) {
  for (std::size_t begin = 0; begin < rows.size();) {
    const std::size_t end = std::min(rows.size(), begin + protocol::kOfferRowsPerRecordMax);
    const auto at = [&rows](std::size_t i) {
      return rows.begin() + static_cast<std::ptrdiff_t>(i);
    };
    state_record({state_.cycle, {at(begin), at(end)}},
                 end < rows.size() ? messaging::kMoreFollows : 0);
    begin = end;
  }
  publish_records();
}

void Agent::state_record(const protocol::OfferRecord& record, std::uint32_t flags) {
  Change stated{Change::Kind::record, state_.made + 1, flags, ""};
  encode(record, stated.text);
  change(stated);
  compared_ = false;
}

void Agent::publish_records() {
  while (!resting() && published_ < std::min(state_.made, state_.acknowledged + options_.window)) {
    ++published_;
    if (published_ <= state_.acknowledged) continue;
    const StatedRecord& record = state_.records[published_ - state_.acknowledged - 1];
    publish({SyncType::record, record.flags, state_.epoch, published_, published_}, record.body);
  }
}

void Agent::send_records(std::size_t hub, std::uint64_t from) {
  if (resting()) return;
  const std::uint64_t to = std::min(state_.made, state_.acknowledged + options_.window);
  for (std::uint64_t number = from; number <= to; ++number) {
    const StatedRecord& record = state_.records[number - state_.acknowledged - 1];
    send(hub, {SyncType::record, record.flags, state_.epoch, number, number}, record.body);
  }
  published_ = std::max(published_, to);
}

void Agent::publish(const SyncHeader& header, std::string_view body) {
  std::string bytes;
  write_sync_header(header, bytes);
  actions_.publish("offer/" + options_.id + "/", bytes, body);
}

void Agent::send(std::size_t hub, const SyncHeader& header, std::string_view body) {
  std::string frame;
  write_sync_header(header, frame);
  frame += body;
  actions_.send(hub, frame);
}

std::size_t Agent::any_hub() const {
  const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                  [](const Session& session) { return session.welcomed; });
  return static_cast<std::size_t>(found - sessions_.begin());
}

bool Agent::settled() const {
  return !resting() && state_.records.empty() && compared_ && connected();
}

bool Agent::resting() const {
  return state_.epoch == 0 || cycle_state_ == CycleState::planned ||
         cycle_state_ >= CycleState::closed;
}

}  // namespace depot::manufacturer
