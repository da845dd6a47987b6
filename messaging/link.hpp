// The DEALER side of the request protocol, for gateways and workers: one Link per balancer.
//
// It says HELLO until welcomed, pings when nothing else was sent for 100 ms, finds the balancer
// dead after 1 s of silence (then a new socket and a new session), and packs what one loop turn had
// ready into frames of at most 256 records or 32 KiB. LinkState decides; Link moves frames.
//
// Threads: the one that made it.
// Errors:  none to the caller: a lost balancer is an event.
// Source:  docs/PROTOCOL.md, "Requests"; AMQP 1.0 for the cumulative credit.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "messaging/frame.hpp"
#include "messaging/link_state.hpp"
#include "messaging/socket.hpp"

namespace depot::messaging {

struct LinkOptions {
  std::string endpoint;
  Role role = Role::gateway;
  std::string name;  // of this process, for the balancer's logs
  Duration ping_every = std::chrono::milliseconds(100);
  Duration silence_max = std::chrono::seconds(1);
};

// What a Link tells its owner, called from within receive() and tick().
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

class Link {
 public:
  Link(Context& context, const LinkOptions& options, LinkEvents& events);

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

  // Reads at most `frames_max` frames. True when there may be more: call again soon.
  bool receive(TimePoint now, int frames_max = 256);
  void tick(TimePoint now);   // hello, ping, silence; call at least every 50 ms
  void flush(TimePoint now);  // one frame for what was queued since the last
  // Of the current socket; changes when a dead link was reopened: see generation().
  const Socket& socket() const { return *socket_; }
  std::uint32_t generation() const { return generation_; }
  std::uint64_t malformed() const { return malformed_ + socket_->malformed(); }

 private:
  void send(FrameType type, std::uint16_t records_in, std::uint64_t aux, std::string& frame);
  void say(FrameType type, std::uint64_t aux = 0, std::string_view body = {});
  void say_hello();
  void open_record(std::size_t size);
  void flush_records();
  void forget_session();
  void handle(std::string_view frame);
  void deliver(std::string_view frame, const Header& header);

  Context& context_;
  const LinkOptions options_;
  LinkEvents& events_;
  LinkState state_;
  std::unique_ptr<Socket> socket_;
  TimePoint now_;
  const std::uint64_t instance_;
  Message incoming_;
  std::string records_;  // the frame being filled
  std::uint16_t count_ = 0;
  std::string control_;
  std::uint32_t limit_ = 0;  // granted by us
  bool backend_down_ = false;
  bool credit_said_ = true;
  std::uint32_t generation_ = 0;
  std::uint64_t malformed_ = 0;
};

}  // namespace depot::messaging
