// A Session over a DEALER socket, for gateways and workers: one Link per balancer.
//
// Threads: the one that made it.
// Errors:  none to the caller: a lost balancer is an event.
// Source:  docs/PROTOCOL.md, "Requests".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "messaging/session.hpp"
#include "messaging/socket.hpp"

namespace depot::messaging {

struct LinkOptions {
  std::string endpoint;
  Role role = Role::gateway;
  std::string name;  // of this process, for the balancer's logs
  Duration ping_every = std::chrono::milliseconds(100);
  Duration silence_max = std::chrono::seconds(1);
};

class Link final : private Wire, public Session {
 public:
  Link(Context& context, const LinkOptions& options, LinkEvents& events);

  void bye();
  // Reads at most `frames_max` frames. True when there may be more: call again soon.
  bool receive(TimePoint now, int frames_max = 256);
  // Of the current socket; changes when a dead link was reopened: see generation().
  const Socket& socket() const { return *socket_; }
  std::uint32_t generation() const { return generation_; }
  std::uint64_t malformed() const {
    return Session::malformed() + misshapen_ + socket_->malformed();
  }

 private:
  bool send(std::string_view frame) override { return socket_->send(frame) == Sent::yes; }
  void reopen() override;

  Context& context_;
  const std::string endpoint_;
  std::unique_ptr<Socket> socket_;
  Message incoming_;
  std::uint32_t generation_ = 0;
  std::uint64_t misshapen_ = 0;  // of sockets before
};

}  // namespace depot::messaging
