#include "customer_gateway/stock_streams.hpp"

#include <boost/asio/post.hpp>

#include "base/crypto.hpp"
#include "customer_gateway/routes.hpp"

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;
using protocol::Problem;

// Of the 500 ms that a stream may lag: 50 of the feed's loop, `stream_every`, and this.
constexpr auto kLookEvery = 20ms;
// For who has left, has taken what it had, or needs a heartbeat.
constexpr auto kPassEvery = 250ms;
// About half a millisecond's work, which is what a purchase may wait for.
constexpr int kTurnStreams = 64;
constexpr std::size_t kTurnBytes = 256 * 1024;

std::string retry_line(std::uint64_t min_ms, std::uint64_t max_ms) {
  return "retry: " + std::to_string(min_ms + random_u64() % (max_ms - min_ms + 1)) + "\n";
}

http::Stream::Frame frame_of(std::string text) {
  return std::make_shared<const std::string>(std::move(text));
}

void get_stream(const Visit& visit) { visit.streams.open(visit); }

constexpr Route kStreamRoutes[] = {{http::Method::get, "/v1/catalogue/stream", get_stream}};

}  // namespace

std::span<const Route> stream_routes() { return kStreamRoutes; }

StreamMetrics::StreamMetrics(Metrics& metrics, const Labels& thread)
    : frames(metrics.counter("depot_stream_frames_total", "Frames of changes sent", thread)),
      snapshots(metrics.counter("depot_stream_snapshots_total", "Snapshots sent", thread)),
      slow(metrics.counter("depot_stream_slow_total", "Clients that fell behind", thread)),
      streams(metrics.gauge("depot_http_streams", "Open streams", thread)) {}

StockStreams::StockStreams(boost::asio::io_context& io, StockNews& news,
                           const GatewayConfig& limits, StreamMetrics& metrics)
    : io_(io), news_(news), limits_(limits), metrics_(metrics), timer_(io) {}

void StockStreams::open(const Visit& visit) {
  if (draining_) return visit.fail(Problem::unavailable, "This gateway is about to stop.");
  if (!news_.ready()) return visit.fail(Problem::unavailable, "The catalogue is not here yet.");
  if (!news_.enter()) return visit.fail(Problem::unavailable, "There are too many streams.");
  const std::uint64_t seen = news_.position_of(visit.request.header("last-event-id"));
  http::Response begin{.content_type = "text/event-stream",
                       .headers = {{"Cache-Control", "no-store"}, {"X-Accel-Buffering", "no"}},
                       .body = retry_line(2'000, 5'000) + "\n"};
  const TimePoint now = steady_now();
  Client client{.stream = visit.exchange->stream(std::move(begin)), .position = seen};
  client.written = client.drained = now;
  if (!serve(client, now)) return news_.leave();
  clients_.push_back(std::move(client));
  metrics_.streams.set(std::ssize(clients_));
  if (!looking_) look();
}

void StockStreams::drain() {
  draining_ = true;
  for (Client& client : clients_) {
    client.stream.write(frame_of("event: bye\n" + retry_line(1'000, 5'000) + "data: {}\n\n"));
    news_.leave();
  }
  clients_.clear();
  metrics_.streams.set(0);
}

void StockStreams::look() {
  looking_ = !clients_.empty();
  if (!looking_) return;
  const TimePoint now = steady_now();
  if (!passing_ && (news_.newest() != passed_ || now >= pass_due_)) {
    passing_ = true;
    at_ = 0;
    passed_ = news_.newest();
    pass_due_ = now + kPassEvery;
    pass();
  }
  timer_.expires_after(kLookEvery);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look();
  });
}

void StockStreams::pass() {
  const TimePoint now = steady_now();
  turn_bytes_ = 0;
  for (int count = 0; at_ < clients_.size(); ++count) {
    if (count == kTurnStreams || turn_bytes_ > kTurnBytes) {
      return boost::asio::post(io_, [this] { pass(); });
    }
    if (serve(clients_[at_], now)) {
      ++at_;
      continue;
    }
    std::swap(clients_[at_], clients_.back());
    clients_.pop_back();
    news_.leave();
  }
  passing_ = false;
  metrics_.streams.set(std::ssize(clients_));
}

// False once the client has gone.
bool StockStreams::serve(Client& client, TimePoint now) {
  const auto unsent_max = static_cast<std::size_t>(limits_.stream_buffer_max);
  if (client.stream.unsent() > 0) {
    // It would hold on to a snapshot that others are past; it may come again.
    if (now - client.drained >= limits_.stream_drain_max) return false;
  } else {
    client.drained = now;
    client.unsent_max = unsent_max;
    if (std::exchange(client.slow, false)) client.position = 0;
    if (now - client.written >= limits_.stream_heartbeat) {
      static const auto heartbeat = frame_of(": \n\n");
      send(client, heartbeat, now);
    }
  }
  while (client.stream.open() && !client.slow) {
    auto [frame, snapshot] = news_.next(client.position);
    if (!frame) break;
    const std::size_t unsent = client.stream.unsent();
    client.slow = unsent > (snapshot ? 0 : client.unsent_max);
    if (client.slow) {
      metrics_.slow.add();
      break;
    }
    (snapshot ? metrics_.snapshots : metrics_.frames).add();
    if (snapshot) client.unsent_max = unsent_max + frame->size();
    send(client, std::move(frame), now);
  }
  return client.stream.open();
}

void StockStreams::send(Client& client, http::Stream::Frame frame, TimePoint now) {
  turn_bytes_ += frame->size();
  client.written = now;
  client.stream.write(std::move(frame));
}

}  // namespace depot::customer_gateway
