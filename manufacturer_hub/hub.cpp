#include "manufacturer_hub/hub.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "base/crypto.hpp"
#include "base/ids.hpp"
#include "manufacturer_hub/identity.hpp"

namespace depot::manufacturer_hub {

using messaging::kNoPosition;
using messaging::PublicKind;
using messaging::Sent;
using messaging::SyncError;
using messaging::SyncHeader;
using messaging::SyncType;

namespace {

constexpr std::size_t kWarnedMax = 1'000;  // Peers remembered for one warning a minute.
constexpr Duration kSilenceMax = std::chrono::seconds(3);  // Of a manufacturer on sync.
constexpr Duration kWarnEvery = std::chrono::minutes(1);
constexpr Duration kAskEvery = std::chrono::milliseconds(50);
constexpr std::string_view kSayHello = "no session here, or of another epoch: say HELLO";

}  // namespace

Hub::Hub(const HubConfig& config, HubActions& actions, Metrics& metrics)
    : config_(config),
      actions_(actions),
      applied_(metrics.counter("depot_hub_offers_applied_total", "Offer records written")),
      repeated_(metrics.counter("depot_hub_offers_repeated_total", "Offer records known already")),
      gaps_(metrics.counter("depot_hub_gaps_total", "Times that records were asked for again")),
      malformed_(metrics.counter("depot_hub_malformed_total", "Frames dropped as malformed")),
      flooded_(metrics.counter("depot_hub_flooded_total", "Frames dropped of peers that flood")),
      kinds_{Kind{PublicKind::catalogue, "catalogue/"}, Kind{PublicKind::stock, "stock/"},
             Kind{PublicKind::cycle, "cycle/"}} {}

void Hub::on_store(StoreState state) {
  std::uint64_t data_set = 0;
  for (const char c : sha256(state.store_id + state.run_id).substr(0, 8)) {
    data_set = data_set << 8 | static_cast<unsigned char>(c);
  }
  store_id_ = std::move(state.store_id);
  cycle_ = std::move(state.cycle);
  if (std::exchange(data_set_, data_set) != data_set) {
    window_ = {};  // Of the same run, what we have not read of its feed is still to come.
    feed_number_ = state.feed_number;
    for (Kind& kind : kinds_) kind.last = feed_number_;
  }
  for (const auto& [peer, session] : sessions_) send_error(peer, SyncError::say_hello, kSayHello);
  sessions_.clear();
  jobs_.clear();
  manufacturers_.clear();
  dirty_heads_.clear();
  heads_due_ = {};
}

void Hub::on_sync(const std::string& peer, std::string_view frame, TimePoint now,
                  std::string_view user) {
  const auto found = sessions_.find(peer);
  // Somebody else may come under the routing id of one that is gone.
  const bool known = found != sessions_.end() && found->second.user == user;
  const std::string who =
      known && !found->second.manufacturer.empty() ? found->second.manufacturer : peer;
  if (known && floods(found->second.said, who, now)) {
    found->second.heard = now;
    return;
  }
  SyncHeader header;
  if (!read_sync_header(frame, header)) return complain(who, "malformed frame on sync", now);
  const std::string_view body = frame.substr(messaging::kSyncHeaderSize);
  if (store_id_.empty()) return;  // There is nothing true to say yet; they ask again.
  if (header.type == SyncType::hello) return on_hello(peer, body, now, user);
  if (!known) {
    if (floods(strangers_, "peers without a session", now)) return;
    return send_error(peer, SyncError::say_hello, kSayHello);
  }
  Session& session = found->second;
  if (!session.welcomed) return;
  session.heard = now;
  if (header.type == SyncType::fetch || header.type == SyncType::snapshot) {
    return on_fetch(peer, session, header);
  }
  const auto maker = manufacturers_.find(session.manufacturer);
  if (maker == manufacturers_.end()) {
    if (header.type != SyncType::head) complain(peer, "only a manufacturer may say that", now);
  } else if (header.type == SyncType::ask) {
    on_ask(peer, session, header.from, body, now);
  } else if (header.type == SyncType::accept) {
    if (session.asked >= config_.asks_in_flight_max) return;  // It is said again.
    ++session.asked;
    actions_.accept(peer, session.manufacturer, header.epoch, header.to);
  } else {
    on_offer(maker->first, maker->second, header, body, now);
  }
}

void Hub::on_hello(const std::string& peer, std::string_view body, TimePoint now,
                   std::string_view user) {
  const std::optional<protocol::SyncHello> hello = protocol::decode_sync_hello(body);
  if (!hello || (hello->manufacturer && !is_name_part(hello->id))) {
    complain(peer, "malformed HELLO", now);
    return send_error(peer, SyncError::refused, "malformed HELLO");
  }
  if (!may_say_hello(user, *hello)) {
    complain(user, "HELLO of somebody else", now);
    return send_error(peer, SyncError::refused, "the key is another's: " + std::string(user));
  }
  auto session = sessions_.find(peer);
  if (session != sessions_.end()) {
    const bool same = session->second.user == user;
    if (same && session->second.greeting) return;  // Its answer is on the way.
    if (!same || session->second.manufacturer != hello->id) drop(peer);
  } else if (std::cmp_greater_equal(sessions_.size(), config_.sessions_max)) {
    return send_error(peer, SyncError::busy, "the hub has as many sessions as it may");
  }
  if (!hello->manufacturer) {
    sessions_[peer].heard = now;
    sessions_[peer].user = user;
    return on_greeted(peer, protocol::SyncWelcome{.store_id = store_id_, .cycle = cycle_});
  }
  const auto known = manufacturers_.find(hello->id);
  if (known != manufacturers_.end() && known->second.peer != peer) {
    if (alive(known->second.peer, now)) {
      return send_error(peer, SyncError::busy, "an agent of " + hello->id + " is connected");
    }
    drop(std::string(known->second.peer));
  }
  Session& mine = sessions_[peer];
  mine.manufacturer = hello->id;
  mine.heard = now;
  mine.user = user;
  mine.greeting = true;
  Manufacturer& maker = manufacturers_[hello->id];
  maker.name = hello->name;
  maker.peer = peer;
  maker.told.reset();
  if (hello->ledger_epoch && hello->ledger_number) {
    maker.told.emplace(*hello->ledger_epoch, *hello->ledger_number);
  }
  actions_.greet(peer, *hello);
}

void Hub::on_greeted(const std::string& peer, const Result<protocol::SyncWelcome>& answer) {
  const auto found = sessions_.find(peer);
  if (found == sessions_.end()) return;
  Session& session = found->second;
  session.greeting = false;
  if (!answer) {
    if (answer.error().code == ErrorCode::refused) {
      send_error(peer, SyncError::refused, answer.error().message);
      actions_.warn("HELLO refused: " + answer.error().message, session.manufacturer);
    }
    return drop(peer);  // It says HELLO again.
  }
  session.welcomed = true;
  if (!session.manufacturer.empty()) {
    Manufacturer& maker = manufacturers_[session.manufacturer];
    maker.epoch = maker.sent_epoch = static_cast<std::uint64_t>(answer->agent_epoch);
    maker.last = maker.sent_last = static_cast<std::uint64_t>(answer->last_number);
    maker.head_epoch = static_cast<std::uint64_t>(answer->ledger_epoch);
    maker.head_number = static_cast<std::uint64_t>(answer->ledger_number);
  }
  std::string body;
  encode(*answer, body);
  send(peer, {.type = SyncType::welcome, .epoch = data_set_, .to = feed_number_}, body);
}

void Hub::on_published(std::string_view topic, std::string_view header_bytes, std::string_view body,
                       TimePoint now, std::string_view user) {
  std::string_view kind, id;
  SyncHeader header;
  if (!messaging::split_topic(topic, kind, id) || kind != "offer" || !is_name_part(id) ||
      !read_sync_header(header_bytes, header)) {
    return complain(topic.substr(0, kNamePartMax), "malformed message on in", now);
  }
  if (!may_publish(user, id)) return complain(user, "an offer of somebody else", now);
  // Over ipc anybody can publish under any topic: only a manufacturer with a session is listened
  // to, and of it the function takes nothing but the next number.
  const auto maker = manufacturers_.find(id);
  if (maker == manufacturers_.end()) return;
  const auto session = sessions_.find(maker->second.peer);
  if (session == sessions_.end() || !session->second.welcomed) return;
  if (floods(session->second.published, id, now)) return;
  on_offer(maker->first, maker->second, header, body, now);
}

// A manufacturer's RECORD, or its HEAD, in which a lost tail shows.
void Hub::on_offer(const std::string& id, Manufacturer& maker, const SyncHeader& header,
                   std::string_view body, TimePoint now) {
  const bool head = header.type == SyncType::head;
  if ((!head && header.type != SyncType::record) || header.to == kNoPosition) {
    return complain(id, "neither RECORD nor HEAD", now);
  }
  if (header.epoch < maker.epoch) return send_error(maker.peer, SyncError::say_hello, kSayHello);
  if (header.epoch == maker.epoch && header.to <= maker.last) {
    if (head) return;
    repeated_.add();
    send(maker.peer, {.type = SyncType::ack, .epoch = maker.epoch, .to = maker.last});
    return;
  }
  if (header.epoch < maker.sent_epoch) return;
  const std::uint64_t next = header.epoch == maker.sent_epoch ? maker.sent_last + 1 : 1;
  if (header.to < next) return;  // The store has it already.
  if (head || header.to > next) return ask_again(maker, header.epoch, next, now);
  if (std::cmp_greater_equal(maker.in_flight, config_.offers_in_flight_max))
    return;  // It is sent again.
  std::string why;
  if (header.from != header.to || !protocol::decode_offer_record(body, &why)) {
    why.insert(0, why.empty() ? "malformed offer record" : "malformed offer record: ");
    complain(id, why, now);
    return send_error(maker.peer, SyncError::refused, why);
  }
  maker.sent_epoch = header.epoch;
  maker.sent_last = header.to;
  ++maker.in_flight;
  actions_.apply(id, header.epoch, header.to, body, (header.flags & messaging::kMoreFollows) == 0);
}

void Hub::on_applied(const std::string& id, const Result<OfferAnswer>& answer, TimePoint now) {
  const auto found = manufacturers_.find(id);
  if (found == manufacturers_.end() || found->second.in_flight == 0) return;  // Of before on_store.
  Manufacturer& maker = found->second;
  --maker.in_flight;
  const auto known = [&maker] { return std::pair(maker.epoch, maker.last); };
  if (answer) {
    std::tie(maker.epoch, maker.last) = std::max(known(), std::pair(answer->epoch, answer->last));
  }
  const bool gap = answer && answer->verdict == OfferVerdict::gap;
  if (!answer || gap || known() > std::pair(maker.sent_epoch, maker.sent_last)) {
    // Lost, or another hub was faster: what comes is judged from what is known to be applied.
    std::tie(maker.sent_epoch, maker.sent_last) = known();
  }
  if (!answer) {
    warn_seldom(id, "offer not written: " + answer.error().message, now);
    if (answer.error().code != ErrorCode::refused) return;  // It is sent again.
    return send_error(maker.peer, SyncError::refused, answer.error().message);
  }
  if (gap) return ask_again(maker, maker.epoch, maker.last + 1, now);
  if (answer->verdict == OfferVerdict::old_epoch) {
    return send_error(maker.peer, SyncError::say_hello, kSayHello);
  }
  (answer->verdict == OfferVerdict::duplicate ? repeated_ : applied_).add();
  send(maker.peer, {.type = SyncType::ack, .epoch = maker.epoch, .to = maker.last});
}

void Hub::on_accepted(const std::string& peer, std::uint64_t epoch, std::uint64_t number,
                      bool written) {
  const auto session = sessions_.find(peer);
  if (session == sessions_.end()) return;
  if (session->second.asked > 0) --session->second.asked;  // Else of a session before this one.
  if (!written) return;                                    // It is said again.
  send(peer, {.type = SyncType::accept, .epoch = epoch, .to = number});
}

void Hub::ask_again(Manufacturer& maker, std::uint64_t epoch, std::uint64_t from, TimePoint now) {
  if (now - maker.asked < kAskEvery) return;
  maker.asked = now;
  gaps_.add();
  send(maker.peer, {.type = SyncType::fetch, .epoch = epoch, .from = from});
}

// Says HEAD to the peer: the router knows who is gone.
bool Hub::alive(const std::string& peer, TimePoint now) {
  const auto found = sessions_.find(peer);
  if (found == sessions_.end()) return false;
  SyncHeader head{SyncType::head, 0, data_set_, feed_number_ + 1, feed_number_};
  if (const std::string& id = found->second.manufacturer; !id.empty()) {
    if (now - found->second.heard > kSilenceMax) return false;
    const Manufacturer& maker = manufacturers_[id];
    head = {SyncType::head, 0, maker.head_epoch, maker.head_number + 1, maker.head_number};
  }
  return send(peer, head) != Sent::unreachable;
}

void Hub::drop(const std::string& peer) {
  const auto found = sessions_.find(peer);
  if (found == sessions_.end()) return;
  const auto maker = manufacturers_.find(found->second.manufacturer);
  jobs_.erase(found->second.ticket);
  sessions_.erase(found);
  if (maker == manufacturers_.end() || maker->second.peer != peer) return;
  maker->second.peer.clear();
  // An id that the store does not know either is forgotten: names are a stranger's to make up.
  if (maker->second.head_epoch == 0) manufacturers_.erase(maker);
}

// Beyond its rate nothing is listened to for the rest of the second; what was meant is sent again.
bool Hub::floods(Rate& rate, std::string_view who, TimePoint now) {
  if (now - rate.since >= std::chrono::seconds(1)) rate = {now, 0};
  if (++rate.frames <= config_.frames_per_second_max) return false;
  flooded_.add();
  if (rate.frames > config_.frames_per_second_max + 1) return true;
  warn_seldom(who,
              "floods the hub; frames beyond hub.frames_per_second_max, " +
                  std::to_string(config_.frames_per_second_max) + ", are dropped",
              now, "flood ");
  return true;
}

void Hub::complain(std::string_view who, std::string_view what, TimePoint now) {
  malformed_.add();
  warn_seldom(who, what, now);
}

// Of each peer, and of what it is about, once a minute.
void Hub::warn_seldom(std::string_view who, std::string_view what, TimePoint now,
                      std::string_view about) {
  if (warned_.size() >= kWarnedMax) warned_.clear();
  const auto [last, first_time] = warned_.try_emplace(std::string(about).append(who), now);
  if (!first_time && now - last->second < kWarnEvery) return;
  last->second = now;
  actions_.warn(what, who);
}

Sent Hub::send(std::string_view peer, SyncHeader header, std::string_view body) {
  if (peer.empty()) return Sent::unreachable;
  std::string frame;
  frame.reserve(messaging::kSyncHeaderSize + body.size());
  header.time_us = time_us_;
  write_sync_header(header, frame);
  frame += body;
  return actions_.send(peer, frame);
}

void Hub::send_error(std::string_view peer, SyncError code, std::string_view text) {
  send(peer, {.type = SyncType::error, .flags = static_cast<std::uint32_t>(code)}, text);
}

bool Hub::connected(const Manufacturer& maker) const {
  const auto session = sessions_.find(maker.peer);
  return session != sessions_.end() && session->second.welcomed;
}

bool Hub::is_connected(const std::string& manufacturer) const {
  const auto found = manufacturers_.find(manufacturer);
  return found != manufacturers_.end() && connected(found->second);
}

std::optional<std::uint64_t> Hub::Manufacturer::behind() const {
  if (!told) return head_epoch == 0 ? 0 : head_number + 1;
  if (told->first != head_epoch) return std::nullopt;
  return head_number - std::min(head_number, told->second);
}

Behind Hub::behind() const {
  Behind all;
  for (const auto& [id, maker] : manufacturers_) {
    const std::uint64_t one = connected(maker) ? maker.behind().value_or(0) : 0;
    all.sum += one;
    all.max = std::max(all.max, one);
  }
  return all;
}

std::string Hub::status_json() const {
  namespace json = boost::json;
  json::array rows;
  std::size_t sessions = 0;
  for (const auto& [id, maker] : manufacturers_) {
    sessions += sessions_.contains(maker.peer);
    const auto behind = maker.behind();
    json::value told;
    if (maker.told) told = {{"epoch", maker.told->first}, {"number", maker.told->second}};
    rows.push_back({{"id", id},
                    {"name", maker.name},
                    {"connected", connected(maker)},
                    {"last_number", maker.last},
                    {"in_flight", maker.in_flight},
                    {"head_epoch", maker.head_epoch},
                    {"head", maker.head_number},
                    {"told", std::move(told)},
                    {"behind", behind ? json::value(*behind) : json::value()}});
  }
  json::value cycle;  // null before Redis was there once
  if (!store_id_.empty()) {
    cycle = {{"id", cycle_.id},
             {"state", protocol::name_of(cycle_.state)},
             {"opens_at_ms", cycle_.opens_at_ms},
             {"closes_at_ms", cycle_.closes_at_ms}};
  }
  return json::serialize(json::object{{"manufacturers", std::move(rows)},
                                      {"gateways", sessions_.size() - sessions},
                                      {"feed_number", feed_number_},
                                      {"cycle", std::move(cycle)}});
}

}  // namespace depot::manufacturer_hub
