#include "manufacturer_hub/hub_loop.hpp"

#include <algorithm>
#include <memory>

#include "base/fatal.hpp"
#include "base/fault_point.hpp"
#include "base/ids.hpp"
#include "manufacturer_hub/cycle_clock.hpp"
#include "manufacturer_hub/identity.hpp"
#include "manufacturer_hub/store_answers.hpp"
#include "messaging/poller.hpp"
#include "protocol/orders.hpp"

namespace depot::manufacturer_hub {

using namespace std::chrono_literals;
using messaging::Message;
using messaging::Sent;
using messaging::SocketKind;
using store::Reply;

namespace {

constexpr int kMessagesPerTurn = 256;
constexpr auto kTick = 50ms;
constexpr std::string_view kPageCount = "200";
constexpr std::string_view kCataloguePageCount = "400";  // About 100 KiB a part.
static_assert(kPageEntries == 200);

std::string text(std::uint64_t number) { return std::to_string(number); }
// What a manufacturer may ask, and the function that answers: it is given its id and what it said.
struct Verb {
  std::string_view name, function;
  std::size_t arguments_min, arguments_max;
  bool feeds = false;  // The last argument of the function is the feed's length.
};
constexpr Verb kVerbs[] = {{"statement", "statement_v1", 1, 1},
                           {"agree", "answer_pack_v1", 4, 4},
                           {"step", "step_part_v1", 2, 2, true},
                           {"demand", "demand_v1", 0, protocol::kAskArgumentsMax}};

std::string text(std::optional<std::int64_t> number) { return std::to_string(number.value_or(-1)); }

}  // namespace

HubLoop::HubLoop(messaging::Context& context, const Config& config, int index, Log& log,
                 Metrics& metrics)
    : config_(config),
      log_(log),
      in_(context, SocketKind::sub),
      out_(context, SocketKind::xpub),
      sync_(context, SocketKind::router),
      hub_(config.hub, *this, metrics),
      commands_(config.redis_login(RedisRole::hub)),
      feed_(config.redis_login(RedisRole::hub)),
      feed_max_(std::to_string(config.limits.feed_entries_max)),
      keeper_(config, commands_, log, metrics),
      feed_number_(metrics.gauge("depot_hub_feed_number", "Newest entry read of the feed")),
      connected_(metrics.gauge("depot_hub_redis_connected", "1 while Redis is there")),
      misshapen_(metrics.gauge("depot_hub_misshapen", "Messages of a wrong number of frames")),
      behind_sum_(metrics.gauge("depot_hub_behind_entries",
                                "Ledger entries that connected manufacturers were not told of")),
      behind_max_(metrics.gauge("depot_hub_behind_entries_max", "The most of one of them")),
      unsent_(metrics.counter("depot_hub_unsent_total", "Frames to peers that are gone or slow")) {
  in_.bind(config.hub_in_endpoint(index));
  out_.bind(config.hub_out_endpoint(index));
  sync_.bind(config.hub_sync_endpoint(index));
  in_.subscribe("offer/");
}

void HubLoop::run(StopSignal& stop) {
  messaging::Poller poller;
  poller.add_fd(stop.fd());
  poller.add(in_);
  poller.add(out_);
  poller.add(sync_);
  store::RedisClient* const clients[] = {&commands_, &feed_};
  const std::size_t places[] = {poller.add_fd(-1), poller.add_fd(-1)};
  bool more = false;
  while (!stop.requested()) {
    for (std::size_t i = 0; i < 2; ++i) {
      clients[i]->tick(now_ = steady_now());
      clients[i]->flush();
      poller.set_fd(places[i], clients[i]->fd(), clients[i]->wants_write());
    }
    poller.wait(more ? 0ms : hub_.publishing() ? config_.hub.pace : Millis(kTick));
    now_ = steady_now();
    for (std::size_t i = 0; i < 2; ++i) {
      if (!poller.ready(places[i])) continue;
      if (clients[i]->wants_write()) clients[i]->on_writable(now_);
      clients[i]->on_readable(now_);
    }
    follow_store();
    board_.set_not_ready(ready_ ? "" : "Redis is not there, or holds no cycle yet");
    more = drain_sockets();
    hub_.on_tick(now_, wall_now());
    if (ready_) keeper_.on_tick(now_, [this](const auto& id) { return hub_.is_connected(id); });
    if (now_ >= next_report_) report();
  }
}

bool HubLoop::drain_sockets() {
  Message first, second, third;
  int count = 0;
  for (; count < kMessagesPerTurn && sync_.receive_from(first, second); ++count) {
    hub_.on_sync(std::string(first.bytes()), second.bytes(), now_, second.user());
  }
  bool more = count == kMessagesPerTurn;
  for (count = 0; count < kMessagesPerTurn && in_.receive_published(first, second, third);
       ++count) {
    hub_.on_published(first.bytes(), second.bytes(), third.bytes(), now_, third.user());
  }
  more = more || count == kMessagesPerTurn;  // The subscriptions can wait for their poll.
  bool subscribed = false;
  std::string topic;
  for (count = 0;
       count < kMessagesPerTurn && out_.receive_subscription(subscribed, topic, may_subscribe);
       ++count) {
    if (subscribed) hub_.on_subscription(topic);
  }
  return more;
}

void HubLoop::follow_store() {
  const bool connected = commands_.connected() && feed_.connected();
  if (up_ && !connected) {
    log_.warning("redis lost: offers and fetches wait",
                 {{"why", commands_.connected() ? feed_.last_error() : commands_.last_error()}});
    ready_ = preparing_ = false;  // Not reading_: the XREAD may still be out, and is answered.
  }
  up_ = connected;
  connected_.set(connected);
  if (!connected) return;
  if (now_ < next_try_) return;
  if (!ready_ && !preparing_) prepare();
  if (ready_ && !reading_) read_more();
}

// What must be known before anybody is served. The first hub of an empty data set opens its cycle.
void HubLoop::prepare() {
  preparing_ = true;
  const auto failed = [this](const std::string& why) {
    if (preparing_) log_.warning("redis is not ready for the hub", {{"why", why}});
    preparing_ = false;
    next_try_ = now_ + 1s;
  };
  const CycleBounds bounds = cycle_bounds(config_.cycle, wall_now());
  const auto ms = [](WallTime time) { return std::to_string(time.time_since_epoch().count()); };
  call(commands_,
       {"FCALL", "start_cycle_v1", "0", bounds.id, ms(bounds.opens), ms(bounds.closes), feed_max_},
       [failed](const Result<std::string_view>& row) {
         if (!row) failed(row.error().message);
       });
  auto state = std::make_shared<StoreState>();
  const std::string_view store_id[] = {"HGET", "meta:{s0}", "store_id"};
  commands_.command(store_id, [state](const Result<Reply>& reply) {
    if (reply && reply->is_string()) state->store_id = reply->text();
  });
  const std::string_view info[] = {"INFO", "server"};
  commands_.command(info, [state](const Result<Reply>& reply) {
    const std::string_view all = reply ? reply->text() : "";
    const std::size_t at = std::min(all.find("run_id:"), all.size());
    state->run_id = all.substr(at, std::min(all.find('\r', at), all.size()) - at);
  });
  call(commands_, {"FCALL", "readiness_v1", "0"}, [this, state, failed](const auto& row) {
    if (!preparing_) return;
    if (!row) return failed(row.error().message);
    protocol::Reader in(*row);
    in.array();
    const std::string_view from_cycle = in.rest();
    in.skip();
    const auto cycle =
        protocol::decode_cycle(from_cycle.substr(0, from_cycle.size() - in.rest().size()));
    state->feed_number = in.unsigned_integer();
    if (!cycle || !in.done() || state->store_id.empty() || state->run_id.empty())
      return failed("no cycle or no store id");
    state->cycle = *cycle;
    preparing_ = false;
    ready_ = true;
    log_.info(
        "following the feed",
        {{"store", state->store_id}, {"cycle", cycle->id}, {"feed_number", state->feed_number}});
    hub_.on_store(*state);
    keeper_.on_store();
  });
}

void HubLoop::read_more() {
  reading_ = true;
  const std::string from = "1-" + text(hub_.feed_number());
  const std::string_view arguments[] = {"XREAD", "COUNT",   kPageCount,  "BLOCK",
                                        "1000",  "STREAMS", "feed:{s0}", from};
  feed_.command(arguments, [this](const Result<Reply>& reply) {
    reading_ = false;
    if (reply && reply->is_error()) {
      log_.error("the feed cannot be read", {{"why", reply->text()}});
      next_try_ = now_ + 1s;
    }
    if (!reply || reply->is_error()) return;
    if (reply->size() == 0) return;  // Nothing new within the second.
    for (const FeedEntry& entry : feed_entries((*reply)[0][1])) {
      hub_.on_feed(entry);
      keeper_.on_feed(entry);
    }
  });
}

Sent HubLoop::send(std::string_view peer, std::string_view frame) {
  const Sent sent = sync_.send_to(peer, frame);
  if (sent != Sent::yes) unsent_.add();
  return sent;
}

void HubLoop::publish(std::string_view topic, std::string_view header, std::string_view body) {
  if (out_.publish(topic, header, body) != Sent::yes) unsent_.add();
}

void HubLoop::warn(std::string_view what, std::string_view who) {
  const bool printable = is_name_part(who);
  log_.warning(what, {{"peer", printable ? std::string(who) : to_hex(who)}});
}

void HubLoop::greet(const std::string& peer, const protocol::SyncHello& hello) {
  // Anybody may come by ipc, which only our own user reaches; by tcp nobody may who is not known.
  const bool open = config_.manufacturers.open && config_.hub_sync_endpoint().starts_with("ipc:");
  call(commands_,
       {"FCALL", "hello_v1", "0", hello.id, hello.name, open ? "1" : "0", text(hello.ledger_epoch),
        text(hello.ledger_number), feed_max_},
       [this, peer](const Result<std::string_view>& row) {
         if (!row) return hub_.on_greeted(peer, tl::unexpected(row.error()));
         const std::optional<protocol::SyncWelcome> welcome = protocol::decode_sync_welcome(*row);
         if (welcome) return hub_.on_greeted(peer, *welcome);
         hub_.on_greeted(peer, fail(ErrorCode::unknown, "hello_v1: an answer that cannot be read"));
       });
}

void HubLoop::apply(const std::string& manufacturer, std::uint64_t epoch, std::uint64_t number,
                    std::string_view record, bool whole) {
  call(commands_,
       {"FCALL", "offer_v1", "0", manufacturer, text(epoch), text(number), record, feed_max_,
        whole ? "1" : "0"},
       [this, manufacturer](const Result<std::string_view>& row) {
         const auto read = [](protocol::Reader& in) {
           const auto verdict = static_cast<OfferVerdict>(in.integer(0, 4));
           return OfferAnswer{verdict, in.unsigned_integer(), in.unsigned_integer()};
         };
         if (row) fault_point("hub.applied");
         hub_.on_applied(manufacturer, read_row<OfferAnswer>(row, read), now_);
       });
}

void HubLoop::accept(const std::string& peer, const std::string& manufacturer, std::uint64_t epoch,
                     std::uint64_t number) {
  call(commands_, {"FCALL", "accept_v1", "0", manufacturer, text(epoch), text(number)},
       [this, peer, epoch, number](const Result<std::string_view>& row) {
         hub_.on_accepted(peer, epoch, number, row.has_value());
       });
}

void HubLoop::read_ledger(std::uint64_t ticket, const std::string& manufacturer,
                          std::uint64_t epoch, std::uint64_t from) {
  read_range("ledger:{s0}:" + manufacturer, epoch, from, [this, ticket](const auto& reply) {
    hub_.on_ledger(ticket, read_array(reply, ledger_lines));
  });
}

void HubLoop::read_feed(std::uint64_t ticket, std::uint64_t from) {
  read_range("feed:{s0}", 1, from, [this, ticket](const auto& reply) {
    hub_.on_feed_page(ticket, read_array(reply, feed_entries));
  });
}

void HubLoop::read_range(const std::string& stream, std::uint64_t epoch, std::uint64_t from,
                         store::RedisClient::Done done) {
  const std::string first = text(epoch) + "-" + text(from);
  const std::string_view arguments[] = {"XRANGE", stream, first, "+", "COUNT", kPageCount};
  commands_.command(arguments, std::move(done));
}

void HubLoop::read_catalogue(std::uint64_t ticket, const std::string& cursor) {
  call(commands_, {"FCALL", "catalogue_v1", "0", cursor, kCataloguePageCount},
       [this, ticket](const Result<std::string_view>& row) {
         hub_.on_catalogue(ticket, read_row<CataloguePage>(row, [](protocol::Reader& in) {
                             const std::string next(in.string());
                             const std::uint64_t number = in.unsigned_integer();
                             return CataloguePage{next, number, in.rest()};
                           }));
       });
}

void HubLoop::ask(const std::string& peer, std::uint64_t ticket, const std::string& manufacturer,
                  const protocol::SyncAsk& ask) {
  const auto verb = std::ranges::find(kVerbs, ask.verb, &Verb::name);
  if (verb == std::end(kVerbs) || ask.arguments.size() < verb->arguments_min ||
      ask.arguments.size() > verb->arguments_max) {
    const std::string why =
        "no such verb, or not with so many arguments: " + ask.verb.substr(0, kNamePartMax);
    const std::string refusal =
        protocol::encode_problem({.problem = protocol::Problem::invalid, .detail = why});
    return hub_.on_answer(peer, ticket, refusal);
  }
  std::vector<std::string_view> arguments = {"FCALL", verb->function, "0", manufacturer};
  arguments.insert(arguments.end(), ask.arguments.begin(), ask.arguments.end());
  if (verb->feeds) arguments.push_back(feed_max_);
  commands_.command(arguments, [this, peer, ticket](const Result<Reply>& reply) {
    const auto answer = read_array(reply, [](const Reply& all) { return all.text(); });
    hub_.on_answer(peer, ticket, answer);
  });
}

void HubLoop::report() {
  next_report_ = now_ + config_.hub.head_every;
  feed_number_.set(static_cast<std::int64_t>(hub_.feed_number()));
  misshapen_.set(static_cast<std::int64_t>(in_.malformed() + out_.malformed() + sync_.malformed()));
  const Behind behind = hub_.behind();
  behind_sum_.set(static_cast<std::int64_t>(behind.sum));
  behind_max_.set(static_cast<std::int64_t>(behind.max));
  board_.set_status(hub_.status_json());
}

}  // namespace depot::manufacturer_hub
