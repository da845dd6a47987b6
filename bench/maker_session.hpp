// A manufacturer's session with a hub by raw frames, on `sync` alone: what offer floods and crowds
// of manufacturers stand on.
//
// Threads: one.
// Source:  docs/PROTOCOL.md, "A manufacturer: offers in".
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "messaging/socket.hpp"
#include "messaging/sync_frame.hpp"
#include "protocol/sync.hpp"

namespace depot::bench {

class MakerSession {
 public:
  MakerSession(messaging::Context& context, const std::string& sync_endpoint, std::string id);
  // Reads what has come, and says HELLO until it is welcomed, which it returns.
  bool turn(TimePoint now);
  bool send(const messaging::SyncHeader& header, const std::string& body = "");  // false: full
  bool send(const std::string& frame);
  // A record that states `offered` of each of `skus` goods. REQUIRES: it is welcomed.
  std::string record(std::uint64_t number, int skus, std::int64_t offered) const;  // a frame
  std::uint64_t epoch() const { return epoch_; }
  std::uint64_t acknowledged() const { return acknowledged_; }  // the newest number that is

 private:
  void on_frame(std::string_view frame);

  const std::string id_;
  messaging::Socket socket_;
  std::string cycle_;
  std::uint64_t epoch_ = 0, acknowledged_ = 0;
  bool welcomed_ = false;
  TimePoint hello_due_{};
};

}  // namespace depot::bench
