// ZeroMQ sockets with every option explicit; the one home of zmq.h.
//
// Single-frame messages only, except that a ROUTER's come with the peer's routing id and PUB/SUB's
// with a topic and a header. All receives and sends are non-blocking. Never ZMQ_HEARTBEAT_*: in
// libzmq 4.3.4 a heartbeat decoded after a stall aborts the process; liveness is ours (link.hpp).
//
// Threads: a Socket belongs to the thread that made it. Only Context crosses threads.
// Errors:  binding or connecting throws StartupError; sends say what became of the message.
// Source:  docs/PROTOCOL.md, "Sockets".
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "messaging/security.hpp"

namespace depot::messaging {

class Context {
 public:
  // security: of the tcp endpoints of its sockets; without it they take anybody, as tests do.
  explicit Context(int io_threads = 1, std::unique_ptr<Security> security = nullptr);
  ~Context();  // Blocks until every socket of it is closed; all have LINGER 0 or a bound.
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  void* handle() const { return handle_; }
  const Security* security() const { return security_.get(); }

 private:
  void* handle_;
  std::unique_ptr<Security> security_;
};

enum class SocketKind { router, dealer, pub, sub, xpub };

struct SocketOptions {
  std::int64_t message_bytes_max = 1 << 20;
  int send_queue_max = 1'000;  // SNDHWM: an alarm, not flow control (10,000 on PUB and XPUB)
  int linger_ms = 0;
};

enum class Sent { yes, full, unreachable };

// A received message. Views into it die with the next receive into it; copy what outlives that.
class Message {
 public:
  Message();
  ~Message();
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  std::string_view bytes() const;
  // The name of the key of who sent it; "" where the endpoint asks for none.
  std::string_view user() const;
  void* handle() { return storage_; }

 private:
  alignas(8) unsigned char storage_[64];  // a zmq_msg_t, kept out of this header
};

class Socket {
 public:
  Socket(Context& context, SocketKind kind, const SocketOptions& options = {});
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  // An ipc endpoint is taken under a lock file, since libzmq would silently steal it from another
  // process; a left-over socket file of a dead one is removed. Throws StartupError.
  void bind(const std::string& endpoint);
  void connect(const std::string& endpoint);
  // How long what was sent may still travel once the socket is closed. For an orderly goodbye.
  void linger(int milliseconds);
  // The endpoint as bound, with the port that `tcp://127.0.0.1:*` got.
  std::string bound_endpoint() const;

  void subscribe(std::string_view topic_prefix);  // SUB only

  // DEALER. `full`: the pipe is at SNDHWM or nobody is connected (IMMEDIATE is set).
  Sent send(std::string_view frame);
  bool receive(Message& frame);  // False when nothing is there.

  // ROUTER (MANDATORY is set): `unreachable` is a peer that is gone.
  Sent send_to(std::string_view routing_id, std::string_view frame);
  bool receive_from(Message& routing_id, Message& frame);

  // PUB, XPUB: topic, header and body as three frames. SUB: the same, received. A message of
  // another number of frames is swallowed and counted.
  Sent publish(std::string_view topic, std::string_view header, std::string_view body);
  bool receive_published(Message& topic, Message& header, Message& body);
  // XPUB: a subscription (true) or its end (false) and its topic.
  // Where keys are asked for, it takes effect only if `granted` says so of the key's name.
  using Granted = bool (*)(std::string_view user, std::string_view topic);
  bool receive_subscription(bool& subscribed, std::string& topic, Granted granted = nullptr);

  // Readable when there MAY be something, and edge-triggered. Wait on it only behind a receive that
  // returned false, and look once more behind every send: both consume the edge. Never read it.
  int fd() const;
  void* handle() const { return handle_; }
  std::uint64_t malformed() const { return malformed_; }

 private:
  bool is_revoked(const Message& message) const;
  bool receive_known(Message* const* parts, int count);

  void* handle_ = nullptr;
  std::uint64_t malformed_ = 0;
  const Security* security_ = nullptr;
  bool guarded_ = false;  // bound where keys are asked for
  struct EndpointLock;
  std::unique_ptr<EndpointLock> lock_;
};

}  // namespace depot::messaging
