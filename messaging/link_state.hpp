// When the dealer side of a session says what, and what a frame of the balancer means: the half of
// a Link that decides.
//
//   greeting --WELCOME--> open --RESET, BYE, silence, failed send--> greeting        close():
//   closed
//
// Threads: one owner.
// Source:  docs/PROTOCOL.md, "Requests".
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.hpp"
#include "messaging/frame.hpp"

namespace depot::messaging {

class LinkState {
 public:
  enum class Due { nothing, hello, ping, reopen };
  enum class Heard { ignored, welcomed, lost, replaced, records, drain, drained };

  static constexpr Duration kHelloEvery = std::chrono::milliseconds(200);

  LinkState(Duration ping_every, Duration silence_max)
      : ping_every_(ping_every), silence_max_(silence_max) {}

  // What is due now. reopen: the session, where there was one, is over: take a new socket.
  Due due(TimePoint now);
  // A frame came. lost: the session is over, the socket stays. replaced: over, and a new one open.
  Heard hear(const Header& header, TimePoint now);
  // A frame was sent, or could not be: then the session is over at the next due().
  void said(FrameType type, bool sent, TimePoint now);
  void leave() { leaving_ = true; }  // Once lost, say no HELLO again.
  void close() { phase_ = Phase::closed; }

  bool open() const { return phase_ == Phase::open; }
  bool draining() const { return draining_; }
  std::uint32_t session() const { return open() ? session_ : 0; }
  std::uint32_t credit() const;
  bool backend_down() const { return backend_down_; }  // as the balancer said last
  std::uint64_t stamp() const { return stamp_; }  // the balancer's newest, or the newest it heard
  // Worker: the balancer has not given up this session's requests, nor will it within another half
  // of silence_max: it heard us that lately.
  bool timely(TimePoint now) const { return open() && age_of(stamp_, now) < silence_max_ / 2; }
  void count_sent() { ++sent_; }
  std::uint64_t sent() const { return sent_; }
  // Worker: requests of the session that came, or were lost on the way.
  std::uint64_t received() const { return received_; }

 private:
  enum class Phase { greeting, open, closed };
  void start(const Header& welcome, TimePoint now);
  void lose();

  Duration ping_every_;
  Duration silence_max_;
  Phase phase_ = Phase::greeting;
  bool broken_ = false;    // a send failed
  bool draining_ = false;  // the balancer goes away
  bool leaving_ = false;   // we go away
  bool backend_down_ = false;
  std::uint32_t session_ = 0;
  std::uint32_t limit_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t stamp_ = 0;
  TimePoint heard_{};
  TimePoint said_{};
  TimePoint hello_due_{};
  TimePoint looked_{};
};

}  // namespace depot::messaging
