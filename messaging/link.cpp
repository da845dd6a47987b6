#include "messaging/link.hpp"

#include "base/crypto.hpp"

namespace depot::messaging {
namespace {

constexpr int kByeLingerMs = 500;  // for the last replies and the goodbye itself

std::unique_ptr<Socket> open_socket(Context& context, const std::string& endpoint) {
  auto socket = std::make_unique<Socket>(context, SocketKind::dealer);
  socket->connect(endpoint);
  return socket;
}

}  // namespace

Link::Link(Context& context, const LinkOptions& options, LinkEvents& events)
    : Session({.role = options.role,
               .name = options.name,
               .instance = random_u64(),
               .ping_every = options.ping_every,
               .silence_max = options.silence_max},
              *this, events),
      context_(context),
      endpoint_(options.endpoint),
      socket_(open_socket(context, options.endpoint)) {}

void Link::bye() {
  Session::bye();
  socket_->linger(kByeLingerMs);
}

bool Link::receive(TimePoint now, int frames_max) {
  for (int i = 0; i < frames_max; ++i) {
    if (!socket_->receive(incoming_)) return false;
    on_frame(incoming_.bytes(), now);
  }
  return true;
}

void Link::reopen() {
  misshapen_ += socket_->malformed();
  socket_ = open_socket(context_, endpoint_);
  ++generation_;
}

}  // namespace depot::messaging
