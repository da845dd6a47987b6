// The DEALER side of a session with a balancer: events, `now` and frames in, frames out.
//
// It says HELLO until welcomed, pings when nothing else was sent for 100 ms, finds the balancer
// dead after 1 s of silence (then a new connection and a new session), and packs what one loop turn
// had ready into frames of at most 256 records or 32 KiB. LinkState decides when; Session reads and
// writes the frames; a Link moves them.
//
// Threads: one owner.
// Errors:  none to the caller: a lost balancer is an event.
// Source:  docs/PROTOCOL.md, "Requests"; AMQP 1.0 for the cumulative credit.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "messaging/frame.hpp"
#include "messaging/link_state.hpp"

namespace depot::messaging {

struct SessionOptions {
  Role role = Role::gateway;
  std::string name;            // of this process, for the balancer's logs
  std::uint64_t instance = 0;  // random: tells its connections from those of another life
  Duration ping_every = std::chrono::milliseconds(100);
  Duration silence_max = std::chrono::seconds(1);
};

// What a Session tells its owner, called from within on_frame() and tick().
class LinkEvents {
 public:
  virtual ~LinkEvents() = default;
  virtual void on_welcome() {}
  // The session ended: whether what was sent in it and not answered was done is unknown (gateway),
  // or it must not be answered any more (worker).
  virtual void on_lost() {}
  virtual void on_reply(const ReplyRecord&) {}      // gateway
  virtual void on_request(const RequestRecord&) {}  // worker
  virtual void on_drain() {}                        // the balancer goes away: use another
  virtual void on_drained(std::uint64_t) {}         // worker: nothing more will come
};

// The connection that carries a Session's frames.
class Wire {
 public:
  virtual ~Wire() = default;
  virtual bool send(std::string_view frame) = 0;  // False: it never will be.
  virtual void reopen() = 0;                      // A new connection in place of this one.
};

class Session {
 public:
  Session(SessionOptions options, Wire& wire, LinkEvents& events);

  // Welcomed, and not draining.
  bool connected() const { return state_.open() && !state_.draining(); }
  // Gateway: how many more requests the balancer lets us send now.
  std::uint32_t credit() const { return state_.credit(); }
  // Gateway: the balancer has no worker that could do anything now; another may have.
  bool backend_down() const { return state_.backend_down(); }
  // Queues a record for the next flush(). False without a session or credit (gateway).
  bool send_request(const RequestRecord& record);
  // Worker. Dropped silently when the session it came in is over.
  void send_reply(const ReplyRecord& record);
  // Worker: "you may have sent me this many in this session", and whether Redis is there.
  void set_credit(std::uint32_t limit, bool backend_down);
  std::uint32_t session() const { return state_.session(); }
  // Worker: whether a request of this session may be run: nobody has been answered without us.
  bool timely(TimePoint now) const { return state_.timely(now); }
  // Worker: requests received in this session.
  std::uint64_t received() const { return state_.received(); }
  void drain();  // worker: no more work, please
  void bye();

  void on_frame(std::string_view frame, TimePoint now);
  void tick(TimePoint now);  // hello, ping, silence; call at least every 50 ms
  // One frame for what was queued since the last. True when anything was sent.
  bool flush(TimePoint now);
  std::uint64_t malformed() const { return malformed_; }

 private:
  void send(FrameType type, std::uint16_t records_in, std::uint64_t aux, std::string& frame);
  void say(FrameType type, std::uint64_t aux = 0, std::string_view body = {});
  void say_hello();
  void open_record(std::size_t size);
  void flush_records();
  void forget_session();
  void deliver(std::string_view frame, const Header& header);

  const SessionOptions options_;
  Wire& wire_;
  LinkEvents& events_;
  LinkState state_;
  TimePoint now_{};
  std::string records_;  // the frame being filled
  std::uint16_t count_ = 0;
  std::string control_;
  std::uint32_t limit_ = 0;  // granted by us
  bool backend_down_ = false;
  bool credit_said_ = true;
  std::uint64_t malformed_ = 0;
};

}  // namespace depot::messaging
