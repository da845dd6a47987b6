#include <fmt/format.h>

#include <algorithm>

#include "protocol/msgpack.hpp"
#include "tests/simulator/request_nodes.hpp"

namespace depot::simulator {

using namespace std::chrono_literals;
using distributor_worker::Origin;

namespace {

constexpr Duration kWorkerTick = 50ms;  // the loop looks each 20 ms, a Session asks for 50

// The HTTP request that a body is of.
std::uint64_t http_in(std::string_view body) {
  protocol::Reader reader(body);
  reader.array();
  return http_of(reader.string());
}

}  // namespace

struct WorkerNode::Line final : messaging::Wire, messaging::LinkEvents {
  Line(WorkerNode& node, std::uint32_t line_index)
      : owner(node),
        index(line_index),
        dealer(node.world_.net, node.number_, kFirstBalancer + line_index,
               Random(node.random_.next())),
        session({.role = messaging::Role::worker,
                 .name = name_of_node(node.number_),
                 .instance = node.random_.next()},
                *this, *this) {}

  bool send(std::string_view frame) override { return dealer.send(frame); }
  void reopen() override { dealer.reopen(); }
  void on_welcome() override {
    granted = 0;
    drained = false;
  }
  void on_drained(std::uint64_t) override { drained = true; }
  void on_lost() override;
  void on_request(const messaging::RequestRecord& record) override;

  WorkerNode& owner;
  const std::uint32_t index;
  Dealer dealer;
  messaging::Session session;
  std::uint32_t granted = 0;
  bool unwritten = false;
  bool drained = true;
};

struct WorkerNode::Life {
  explicit Life(WorkerNode& node) : worker(node.world_.config, node, metrics) {
    for (std::uint32_t i = 0; i < kBalancers; ++i) lines.push_back(std::make_unique<Line>(node, i));
  }
  Metrics metrics;
  distributor_worker::Worker worker;
  std::vector<std::unique_ptr<Line>> lines;
  TimePoint drain_end = TimePoint::max();
  bool ended = false;
};

void WorkerNode::Line::on_lost() {
  owner.life_->worker.on_lost(index);
  drained = true;
}

void WorkerNode::Line::on_request(const messaging::RequestRecord& record) {
  if (static_cast<std::int32_t>(granted - static_cast<std::uint32_t>(session.received())) < 0) {
    throw Violation("a worker was sent more than it granted");
  }
  owner.came_[http_in(record.body)] = {owner.world_.now, owner.world_.frozen_for[owner.number_]};
  owner.life_->worker.on_request({index, session.session(), record.tag}, record, owner.now_);
}

WorkerNode::WorkerNode(World& world, unsigned number)
    : Node(world, number), store_(world.net, number, Random(random_.next())) {}
WorkerNode::~WorkerNode() = default;

void WorkerNode::start() {
  life_ = std::make_unique<Life>(*this);
  came_.clear();
  half_way_ = false;
  stop_within_ = {};
  memory_due_ = {};
}

void WorkerNode::stop() {
  store_.forget();
  life_.reset();
}

void WorkerNode::turn() {
  now_ = local();
  if (!std::exchange(half_way_, false)) {
    ++turns_;
    receive();
    drop_late_commands();
    store_.tick(world_.now);
    watch_store();
    life_->worker.turn(now_);
    if (stop_within_ > Duration{} && store_.wants_write()) {  // SIGSTOP, right here
      const Duration time = std::exchange(stop_within_, Duration{});
      world_.net.frozen_until[number_] = world_.now + time;
      world_.frozen_for[number_] += time;
      half_way_ = true;
      tick_due = world_.now;
      return;
    }
  }
  finish_turn();
  tick_due = world_.now + kWorkerTick;
}

void WorkerNode::drain() {
  if (life_->drain_end != TimePoint::max()) return;
  life_->drain_end = local() + world_.config.workers.drain_timeout;
  for (auto& line : life_->lines) line->session.drain();
}

bool WorkerNode::ended() const { return life_ && life_->ended; }

void WorkerNode::end_where_drained() {
  if (life_->drain_end == TimePoint::max()) return;
  const bool drained = std::ranges::all_of(life_->lines, [](auto& line) { return line->drained; });
  if (life_->drain_end > now_ && !(drained && life_->worker.idle())) return;
  for (auto& line : life_->lines) line->session.bye();
  life_->ended = true;
}

void WorkerNode::receive() {
  while (Item* item = world_.net.take(number_)) {
    if (item->kind == Item::Kind::done) {
      item->done();
      continue;
    }
    if (item->kind == Item::Kind::closed) store_.on_closed(item->connection);
    for (auto& line : life_->lines) {
      if (item->connection != line->dealer.connection()) continue;
      if (item->kind == Item::Kind::closed) {
        line->dealer.on_closed(item->connection);
      } else {
        line->session.on_frame(item->bytes, now_);
      }
      break;
    }
  }
}

void WorkerNode::finish_turn() {
  drop_late_commands();
  store_.flush();
  if (!store_.wants_write()) {
    for (auto& line : life_->lines) line->unwritten = false;
  }
  auto& worker = life_->worker;
  for (auto& line : life_->lines) {
    messaging::Session& session = line->session;
    const std::uint32_t credit = worker.credit(line->index, session.received());
    if (static_cast<std::int32_t>(credit - line->granted) > 0) line->granted = credit;
    session.set_credit(credit, worker.backend_down());
    line->dealer.tick(world_.now);
    session.tick(now_);
    session.flush(now_);
  }
  end_where_drained();
}

void WorkerNode::drop_late_commands() {
  if (world_.options.mistake == Mistake::late_requests_run) return;
  const auto late = [&](auto& line) { return line->unwritten && !line->session.timely(local()); };
  if (std::ranges::any_of(life_->lines, late)) store_.disconnect();
}

void WorkerNode::watch_store() {
  const bool connected = store_.connected();
  life_->worker.on_redis(connected);
  if (!connected || now_ < memory_due_) return;
  memory_due_ = now_ + 1s;
  store_.command(
      [this](const StoreClient::Respond& respond) {
        const char* used = world_.store_full ? "90000" : "10000";
        respond([this, text = fmt::format("\nmaxmemory:100000\nused_memory:{}\n", used)] {
          life_->worker.on_memory(text);
        });
      },
      [](ErrorCode) {});
}

void WorkerNode::call(std::uint32_t tag, std::span<const std::string_view> arguments) {
  struct Command {
    bool batch = false;
    std::vector<std::string> arguments;  // of the function
    std::uint64_t turn = 0;
  };
  auto command = std::make_shared<Command>();
  command->batch = arguments[1] == "place_orders_v1";
  command->turn = turns_;
  command->arguments.assign(arguments.begin() + 3, arguments.end());
  store_.command(
      [this, tag, command](const StoreClient::Respond& respond) {
        std::vector<std::string> answers =
            command->batch ? world_.store.place_orders(command->arguments)
                           : std::vector{world_.store.get_order(command->arguments[0])};
        respond([this, tag, answers = std::move(answers)] {
          const std::vector<std::string_view> views(answers.begin(), answers.end());
          life_->worker.on_answers(tag, views);
        });
      },
      [this, tag](ErrorCode code) {
        const bool lies = world_.options.mistake == Mistake::unknown_as_not_done;
        if (life_) life_->worker.on_failed(tag, lies ? ErrorCode::not_executed : code);
      },
      [this, command] {
        if (command->turn != turns_) return;  // It waited for a slow store: that is not late.
        for (std::size_t i = command->batch ? 1 : 0; i < command->arguments.size(); ++i) {
          on_written(command->arguments[i]);
        }
      });
}

// Nobody may have been answered without us, but for two cases. A connection broke: who saw that
// went on at once, and we may not have seen it yet. Or we were well, and it waited for a slow
// store.
void WorkerNode::on_written(std::string_view body) const {
  const std::uint64_t number = http_in(body);
  const Http& http = world_.books.http(number);
  const auto& [came, frozen] = came_.at(number);
  const Duration waited = world_.now - came - (world_.frozen_for[number_] - frozen);
  const bool whole = world_.broken_at[number_] < http.sent &&
                     world_.broken_at[http.gateway] < http.sent && waited < kWorkerTick;
  world_.books.on_written(number, whole);
}

bool WorkerNode::timely(const Origin& origin) {
  Line& line = *life_->lines[origin.link];
  if (world_.options.mistake == Mistake::late_requests_run) return true;
  const bool timely = line.session.session() == origin.session && line.session.timely(now_);
  line.unwritten = line.unwritten || timely;
  return timely;
}

void WorkerNode::answer(const Origin& origin, protocol::Status status, std::uint16_t retry_after_ms,
                        std::string_view body) {
  messaging::Session& session = life_->lines[origin.link]->session;
  if (session.session() != origin.session) return;
  session.send_reply({.tag = origin.tag,
                      .status = static_cast<std::uint16_t>(status),
                      .retry_after_ms = retry_after_ms,
                      .body = body});
}

std::string WorkerNode::unfinished() const {
  auto& worker = life_->worker;
  if (!worker.idle()) return "not idle";
  const auto window = static_cast<std::uint32_t>(world_.config.workers.batches_in_flight_max *
                                                 world_.config.workers.batch_orders_max);
  for (const auto& line : life_->lines) {
    const auto received = line->session.received();
    if (!line->session.connected()) return "no session";
    if (worker.credit(line->index, received) != static_cast<std::uint32_t>(received) + window) {
      return "credit that has leaked";
    }
  }
  return "";
}

}  // namespace depot::simulator
