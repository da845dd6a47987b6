// A manufacturer who states new offers as fast as the hub's connection takes them, each of which
// has to be written: what it must not take from anybody else.
//
// Threads: one.
// Source:  docs/PROTOCOL.md, "A manufacturer: offers in".
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "messaging/socket.hpp"
#include "messaging/sync_frame.hpp"

namespace depot::bench {

class OfferFlood {
 public:
  // `rows`: goods that each record states, with another total each time; 1 to 200.
  OfferFlood(messaging::Context& context, const std::string& sync_endpoint, std::string id,
             int rows);
  // Reads what has come and says a burst. To be called about every millisecond.
  void turn(TimePoint now);
  std::uint64_t said() const { return said_; }             // frames
  std::uint64_t written() const { return acknowledged_; }  // records

 private:
  void on_frame(std::string_view frame);
  void say_next(std::uint64_t number);
  void send(const messaging::SyncHeader& header, const std::string& body = "");

  const std::string id_;
  const int rows_;
  messaging::Socket socket_;
  std::string cycle_;
  std::uint64_t epoch_ = 0, acknowledged_ = 0, next_ = 1, said_ = 0;
  bool welcomed_ = false;
  TimePoint hello_due_{}, resend_due_{};
};

}  // namespace depot::bench
