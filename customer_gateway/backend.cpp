#include "customer_gateway/backend.hpp"

#include <fcntl.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "base/crypto.hpp"

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;

constexpr Duration kDeadlineTick = 20ms;

}  // namespace

// A balancer: its link, and the descriptor by which Asio hears of it.
struct LinkBackend::Line final : messaging::LinkEvents {
  Line(LinkBackend& backend, std::size_t line_index, messaging::Context& context,
       const messaging::LinkOptions& options)
      : owner(backend), index(line_index), link(context, options, *this), descriptor(backend.io_) {}

  void on_lost() override { owner.requests_.on_lost(index, owner.now_); }
  void on_reply(const messaging::ReplyRecord& record) override {
    owner.requests_.on_reply(record, owner.now_);
  }

  LinkBackend& owner;
  const std::size_t index;
  messaging::Link link;
  boost::asio::posix::stream_descriptor descriptor;
  std::uint32_t generation = 0;
  bool watching = false;  // a wait on the descriptor is under way
  bool posted = false;    // pump() will run in the next turn
};

LinkBackend::LinkBackend(boost::asio::io_context& io, messaging::Context& context,
                         const Config& config, const std::string& link_name,
                         BackendMetrics& metrics, Log& log)
    : io_(io), metrics_(metrics), requests_(config.gateway, metrics, log, random_u64), timer_(io) {
  for (int i = 0; i < config.load_balancer.count; ++i) {
    const messaging::LinkOptions options{.endpoint = config.frontend_endpoint(i),
                                         .role = messaging::Role::gateway,
                                         .name = link_name,
                                         .ping_every = config.load_balancer.ping_every,
                                         .silence_max = config.load_balancer.silence_max};
    lines_.push_back(std::make_unique<Line>(*this, lines_.size(), context, options));
    requests_.add(lines_.back()->link);
  }
  tick();
}

LinkBackend::~LinkBackend() {
  for (auto& line : lines_) line->link.bye();
}

void LinkBackend::call(Call call, Duration budget, Done done) {
  requests_.call(std::move(call), budget, std::move(done), steady_now());
}

void LinkBackend::flush() {
  const TimePoint now = steady_now();
  for (auto& line : lines_) {
    // A send may have consumed the edge of a reply that came meanwhile.
    if (line->link.flush(now)) look_again(*line);
  }
}

void LinkBackend::pump(Line& line) {
  now_ = steady_now();
  const bool more = line.link.receive(now_);
  requests_.send_waiting(now_);
  flush();
  if (more) {
    look_again(line);
  } else if (!line.posted) {
    watch(line);
  }
}

// Runs pump() in the next turn, so that HTTP gets its share in between.
void LinkBackend::look_again(Line& line) {
  if (std::exchange(line.posted, true)) return;
  boost::asio::post(io_, [this, &line] {
    line.posted = false;
    pump(line);
  });
}

// REQUIRES: the last call on the socket was a receive that found nothing.
void LinkBackend::watch(Line& line) {
  if (!line.descriptor.is_open() || line.generation != line.link.generation()) {
    line.generation = line.link.generation();
    // A duplicate, since the socket closes its own whenever it likes: neither closes the other's.
    boost::system::error_code ignored;
    line.descriptor.close(ignored);
    line.descriptor.assign(::fcntl(line.link.socket().fd(), F_DUPFD_CLOEXEC, 0));
    line.watching = false;
  }
  if (std::exchange(line.watching, true)) return;
  line.descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                             [this, &line](const boost::system::error_code& error) {
                               if (error) return;  // Closed above, and watched anew.
                               line.watching = false;
                               pump(line);
                             });
}

void LinkBackend::tick() {
  int up = 0;
  for (auto& line : lines_) {
    now_ = steady_now();
    line->link.tick(now_);
    pump(*line);
    up += line->link.connected() ? 1 : 0;
  }
  requests_.tick(now_);
  flush();
  metrics_.links_up.set(up);
  metrics_.in_flight.set(static_cast<std::int64_t>(requests_.size()));
  timer_.expires_after(kDeadlineTick);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) tick();
  });
}

}  // namespace depot::customer_gateway
