#include "manufacturer/agent.hpp"

#include <algorithm>
#include <tuple>

namespace depot::manufacturer {

using messaging::Follower;
using messaging::kNoPosition;
using messaging::SyncError;
using messaging::SyncHeader;
using messaging::SyncType;
using protocol::OfferRow;

namespace {

constexpr Duration kBusyWait = std::chrono::seconds(1);
constexpr Duration kRefusedWait = std::chrono::seconds(5);
constexpr int kSilencesMax = 3;  // Then the socket itself is in doubt.
constexpr Duration kFetchAgain = std::chrono::milliseconds(100);

bool same(const OfferRow& a, const OfferRow& b) {
  return std::tie(a.name, a.unit_price, a.offered) == std::tie(b.name, b.unit_price, b.offered);
}

}  // namespace

Agent::Agent(AgentOptions options, AgentActions& actions)
    : options_(std::move(options)), actions_(actions), sessions_(options_.hubs) {}

void Agent::set_wanted(const std::vector<OfferRow>& rows) {
  wanted_.clear();
  for (const OfferRow& row : rows) wanted_[row.sku] = row;
}

void Agent::set_offers(const std::vector<OfferRow>& rows) {
  set_wanted(rows);
  if (state_.epoch == 0) return;  // The snapshot will have them.
  std::vector<OfferRow> changed;
  for (const auto& [sku, row] : wanted_) {
    const auto stated = state_.offers.find(sku);
    if (stated == state_.offers.end() || !same(stated->second, row)) changed.push_back(row);
  }
  for (const auto& [sku, row] : state_.offers) {
    if (row.offered == 0 || wanted_.contains(sku)) continue;
    changed.push_back(row);
    changed.back().offered = 0;
  }
  state_offers(changed);
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
      return note_head(header.epoch, header.to);
    case SyncType::record:
      return on_entry(header, body, now);
    case SyncType::end:
      fetching_ = false;
      caught_up_ = true;
      fetch_due_ = now + kFetchAgain;  // Where we have not reached it even so.
      head_epoch_ = header.epoch;      // It ran to the end: a higher head heard before is no more.
      head_number_ = header.to == kNoPosition ? 0 : header.to;
      if (comparing_ && state_.records.empty()) compare_with_ledger();
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
  if (kind == "head" && id == options_.id) return note_head(header.epoch, header.to);
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

void Agent::on_tick(TimePoint now) {
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
    } else if (session.welcomed && now >= session.head_due && state_.epoch > 0) {
      session.head_due = now + options_.head_every;
      const SyncHeader head{SyncType::head, 0, state_.epoch, state_.made + 1, state_.made};
      publish(head);
      send(hub, head);
    }
  }
  const std::size_t hub = any_hub();
  if (hub == sessions_.size()) return;
  const bool unsure = state_.records.empty() && !compared_;
  if ((unsure || !ledger_.reaches(head_epoch_, head_number_)) && now >= fetch_due_) fetch(now);
  if (state_.records.empty()) {
    progress_ = now;
  } else if (now - progress_ >= options_.resend_after) {
    progress_ = now;
    send_records(hub, state_.acknowledged + 1);
  }
}

void Agent::on_welcome(const SyncHeader& header, std::string_view body, TimePoint now) {
  const std::optional<protocol::SyncWelcome> welcome = protocol::decode_sync_welcome(body);
  if (!welcome) return actions_.on_trouble(SyncError::refused, "malformed WELCOME");
  const auto epoch = static_cast<std::uint64_t>(welcome->agent_epoch);
  const auto last = static_cast<std::uint64_t>(welcome->last_number);
  const bool other_store = welcome->store_id != state_.store_id;
  if (other_store) {
    state_.store_id = welcome->store_id;
    ledger_ = {};
    head_epoch_ = head_number_ = 0;
    caught_up_ = fetching_ = false;
    actions_.on_new_ledger(welcome->store_id);
  }
  const bool forgot = epoch == state_.epoch ? last < state_.acknowledged
                                            : epoch < state_.epoch && state_.acknowledged > 0;
  const bool unknown = epoch > state_.epoch || (epoch == state_.epoch && last > state_.made);
  on_cycle(welcome->cycle);
  progress_ = {};  // Whatever is not acknowledged goes out again at the next tick,
  if (state_.epoch == 0 || other_store || forgot || unknown) {
    state_.epoch = std::max({epoch + 1, state_.epoch + 1, options_.epoch_min});
    state_.made = state_.acknowledged = published_ = 0;
    state_.records.clear();
    state_all();
    progress_ = now;  // save what has just gone out.
  }
  compared_ = fetching_ = false;  // What was asked for may have been of a session before.
  fetch_due_ = {};
  cycles_.set(header.epoch, header.to);
  note_head(static_cast<std::uint64_t>(welcome->ledger_epoch),
            static_cast<std::uint64_t>(welcome->ledger_number));
}

void Agent::on_error(Session& session, std::uint32_t code, std::string_view why, TimePoint now) {
  session.welcomed = false;
  const auto error = static_cast<SyncError>(code);
  if (error == SyncError::say_hello) return;
  session.hello_due = now + (error == SyncError::busy ? kBusyWait : kRefusedWait);
  actions_.on_trouble(error, why);
}

void Agent::on_entry(const SyncHeader& header, std::string_view body, TimePoint now) {
  fetch_due_ = now + options_.silence_max;
  switch (ledger_.add(header.epoch, header.to, body)) {
    case Ledger::Step::added:
      return actions_.on_entry(ledger_.newest(), caught_up_);
    case Ledger::Step::malformed:
      return actions_.on_trouble(SyncError::refused, "a ledger entry that cannot be read");
    default:
      return;
  }
}

void Agent::on_ack(const SyncHeader& header, TimePoint now) {
  if (header.epoch != state_.epoch || header.to > state_.made) return;
  for (; state_.acknowledged < header.to; ++state_.acknowledged) {
    state_.records.pop_front();
    progress_ = now;
  }
  if (state_.records.empty() && !fetching_) fetch_due_ = {};
  publish_records();
}

void Agent::on_cycle(const protocol::Cycle& cycle) {
  actions_.on_cycle(cycle);
  const bool other = std::exchange(state_.cycle, cycle.id) != cycle.id;
  if (other && state_.epoch > 0) state_all();  // Totals are a cycle's own.
}

void Agent::note_head(std::uint64_t epoch, std::uint64_t number) {
  if (std::tie(epoch, number) <= std::tie(head_epoch_, head_number_)) return;
  head_epoch_ = epoch;
  head_number_ = number;
  if (!fetching_) fetch_due_ = {};
}

// A snapshot. What the ledger has on sale besides, the comparison finds.
void Agent::state_all() {
  state_.offers.clear();
  std::vector<OfferRow> rows;
  for (const auto& [sku, row] : wanted_) rows.push_back(row);
  state_offers(rows);
}

// Whatever the cause (goods on sale that we have never heard of, records of an agent before us, a
// restored data set): what the ledger says otherwise is stated again.
void Agent::compare_with_ledger() {
  static const std::map<std::string, Totals> nothing;
  const auto& totals = ledger_.cycle() == state_.cycle ? ledger_.totals() : nothing;
  std::vector<OfferRow> rows;
  for (const auto& [sku, row] : state_.offers) {
    const auto total = totals.find(sku);
    const std::int64_t wanted = total == totals.end() ? 0 : total->second.wanted;
    const bool price = total == totals.end() || total->second.unit_price == row.unit_price;
    if (wanted != row.offered || !price) rows.push_back(row);
  }
  for (const auto& [sku, total] : totals) {  // Without a name it keeps its own.
    if (total.wanted == 0 || state_.offers.contains(sku)) continue;
    rows.push_back({sku, "", total.unit_price, 0});
  }
  compared_ = rows.empty();
  state_offers(rows);
}

void Agent::state_offers(const std::vector<OfferRow>& rows) {
  for (std::size_t begin = 0; begin < rows.size(); begin += protocol::kOfferRowsPerRecordMax) {
    const std::size_t end = std::min(rows.size(), begin + protocol::kOfferRowsPerRecordMax);
    protocol::OfferRecord record{state_.cycle, {}};
    for (std::size_t i = begin; i < end; ++i) {
      record.rows.push_back(rows[i]);
      state_.offers[rows[i].sku] = rows[i];
    }
    encode(record, state_.records.emplace_back());
    ++state_.made;
    compared_ = false;
  }
  publish_records();
}

void Agent::publish_records() {
  while (published_ < std::min(state_.made, state_.acknowledged + options_.window)) {
    ++published_;
    if (published_ <= state_.acknowledged) continue;
    publish({SyncType::record, 0, state_.epoch, published_, published_},
            state_.records[published_ - state_.acknowledged - 1]);
  }
}

void Agent::send_records(std::size_t hub, std::uint64_t from) {
  const std::uint64_t to = std::min(state_.made, state_.acknowledged + options_.window);
  for (std::uint64_t number = from; number <= to; ++number) {
    send(hub, {SyncType::record, 0, state_.epoch, number, number},
         state_.records[number - state_.acknowledged - 1]);
  }
  published_ = std::max(published_, to);
}

void Agent::fetch(TimePoint now) {
  fetching_ = true;
  comparing_ = state_.records.empty();
  fetch_due_ = now + options_.silence_max;
  SyncHeader header{.type = SyncType::fetch, .from = kNoPosition};
  if (!ledger_.empty()) {
    header.epoch = ledger_.newest().epoch;
    header.from = ledger_.newest().number + 1;
  }
  send(any_hub(), header);
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
  return state_.epoch > 0 && state_.records.empty() && compared_ && any_hub() < sessions_.size();
}

}  // namespace depot::manufacturer
