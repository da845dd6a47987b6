#include "messaging/socket.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <zmq.h>

#include <cerrno>
#include <utility>

#include "base/fatal.hpp"

namespace depot::messaging {
namespace {

constexpr std::string_view kIpc = "ipc://";
constexpr int kPublishQueueMax = 10'000;
// How many messages of a wrong shape one receive call passes over before the loop goes on.
constexpr int kMalformedPerCall = 256;

zmq_msg_t* as_message(Message& message) { return static_cast<zmq_msg_t*>(message.handle()); }

// In the order of SocketKind.
constexpr int kTypes[] = {ZMQ_ROUTER, ZMQ_DEALER, ZMQ_PUB, ZMQ_SUB, ZMQ_XPUB};

template <typename T>
void set(void* socket, int option, T value) {
  DEPOT_ASSERT(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

// Everything before bind and connect: libzmq does not apply most of it later.
void set_options(void* socket, SocketKind kind, const SocketOptions& options) {
  const bool publishes = kind == SocketKind::pub || kind == SocketKind::xpub;
  const bool own_queue = options.send_queue_max != SocketOptions{}.send_queue_max;
  const std::pair<int, int> values[] = {
      // 0 = no limit: back-pressure is credit. A finite one loses messages, in 4.3.4 may abort.
      {ZMQ_RCVHWM, 0},
      {ZMQ_SNDHWM, publishes && !own_queue ? kPublishQueueMax : options.send_queue_max},
      {ZMQ_LINGER, options.linger_ms},
      {ZMQ_HANDSHAKE_IVL, 3'000},
      {ZMQ_CONNECT_TIMEOUT, 1'000},
      {ZMQ_RECONNECT_IVL, 20},
      {ZMQ_RECONNECT_IVL_MAX, 1'000},
      {ZMQ_BACKLOG, 1'024},
      {ZMQ_TCP_KEEPALIVE, 1},
      {ZMQ_TCP_KEEPALIVE_IDLE, 10},
      {ZMQ_TCP_KEEPALIVE_INTVL, 3},
      {ZMQ_TCP_KEEPALIVE_CNT, 3},
  };
  for (const auto& [option, value] : values) set(socket, option, value);
  set(socket, ZMQ_MAXMSGSIZE, options.message_bytes_max);
  // A dealer that queued for an absent peer would deliver stale requests to the next one.
  if (kind == SocketKind::dealer) set(socket, ZMQ_IMMEDIATE, 1);
  // A router that drops silently hides a dead peer; with DONTWAIT it says EHOSTUNREACH.
  if (kind == SocketKind::router) set(socket, ZMQ_ROUTER_MANDATORY, 1);
  if (kind == SocketKind::xpub) set(socket, ZMQ_XPUB_VERBOSE, 1);
}

[[noreturn]] void fail_endpoint(const char* what, const std::string& endpoint, int error) {
  throw StartupError(std::string("cannot ") + what + " " + endpoint + ": " + zmq_strerror(error),
                     kExitUnavailable);
}

Sent send_part(void* socket, std::string_view bytes, int flags) {
  for (;;) {
    if (zmq_send(socket, bytes.data(), bytes.size(), flags | ZMQ_DONTWAIT) >= 0) return Sent::yes;
    switch (zmq_errno()) {
      case EINTR:
        continue;
      case EAGAIN:
        return Sent::full;
      case EHOSTUNREACH:
        return Sent::unreachable;
      default:
        assert_failed("zmq_send on an open socket of ours", __FILE__, __LINE__);
    }
  }
}

// A refusal can only meet the first part: with that libzmq has chosen a pipe with room.
Sent send_parts(void* socket, std::initializer_list<std::string_view> parts) {
  std::size_t left = parts.size();
  for (const std::string_view part : parts) {
    const Sent sent = send_part(socket, part, --left > 0 ? ZMQ_SNDMORE : 0);
    if (sent != Sent::yes) return sent;
  }
  return Sent::yes;
}

bool receive_part(void* socket, Message& message) {
  for (;;) {
    if (zmq_msg_recv(as_message(message), socket, ZMQ_DONTWAIT) >= 0) return true;
    if (zmq_errno() == EINTR) continue;
    DEPOT_ASSERT(zmq_errno() == EAGAIN);
    return false;
  }
}

bool more(Message& message) { return zmq_msg_more(as_message(message)) != 0; }

// Reads one message of exactly `count` parts; passes over others, counting them.
bool receive_parts(void* socket, Message* const* parts, int count, std::uint64_t& malformed) {
  for (int attempt = 0; attempt < kMalformedPerCall; ++attempt) {
    int got = 0;
    do {
      // The parts of a message arrive together, so only the first can be missing.
      if (!receive_part(socket, *parts[got])) return false;
      ++got;
    } while (got < count && more(*parts[got - 1]));
    Message* last = parts[got - 1];
    if (got == count && !more(*last)) return true;
    ++malformed;
    while (more(*last) && receive_part(socket, *last)) {
    }
  }
  return false;
}

}  // namespace

Context::Context(int io_threads, std::unique_ptr<Security> security)
    : handle_(zmq_ctx_new()), security_(std::move(security)) {
  if (!handle_) throw StartupError("cannot make a ZeroMQ context", kExitUnavailable);
  zmq_ctx_set(handle_, ZMQ_IO_THREADS, io_threads);
  if (security_) security_->start(handle_);
}

Context::~Context() {
  if (security_) security_->stop();
  while (zmq_ctx_term(handle_) != 0 && zmq_errno() == EINTR) {
  }
}

Message::Message() {
  static_assert(sizeof(zmq_msg_t) <= sizeof storage_ && alignof(zmq_msg_t) <= 8);
  zmq_msg_init(as_message(*this));
}

Message::~Message() { zmq_msg_close(as_message(*this)); }

std::string_view Message::bytes() const {
  auto* message = as_message(const_cast<Message&>(*this));
  return {static_cast<const char*>(zmq_msg_data(message)), zmq_msg_size(message)};
}

std::string_view Message::user() const {
  auto* message = as_message(const_cast<Message&>(*this));
  const char* const name = zmq_msg_gets(message, "User-Id");
  return name ? name : "";
}

// Holds <path>.lock while an ipc endpoint is bound, and removes the socket's file at the end. The
// lock file stays: removing it would open a gap in which two processes lock two files of one name.
struct Socket::EndpointLock {
  explicit EndpointLock(const std::string& endpoint) : path(endpoint.substr(kIpc.size())) {
    fd = ::open((path + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) fail_endpoint("make the lock file of", endpoint, errno);
    if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return;
    ::close(fd);
    throw StartupError(endpoint +
                           " is in use by another process; stop it, or set another "
                           "runtime_dir",
                       kExitUnavailable);
  }
  ~EndpointLock() {
    ::unlink(path.c_str());
    ::close(fd);
  }
  EndpointLock(const EndpointLock&) = delete;
  EndpointLock& operator=(const EndpointLock&) = delete;

  std::string path;
  int fd = -1;
};

Socket::Socket(Context& context, SocketKind kind, const SocketOptions& options)
    : handle_(zmq_socket(context.handle(), kTypes[static_cast<std::size_t>(kind)])),
      security_(context.security()) {
  if (!handle_) fail_endpoint("make", "a ZeroMQ socket", zmq_errno());
  set_options(handle_, kind, options);
}

Socket::~Socket() {
  if (handle_) zmq_close(handle_);
}

Socket::Socket(Socket&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      malformed_(other.malformed_),
      security_(other.security_),
      guarded_(other.guarded_),
      lock_(std::move(other.lock_)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(malformed_, other.malformed_);
  std::swap(security_, other.security_);
  std::swap(guarded_, other.guarded_);
  std::swap(lock_, other.lock_);
  return *this;
}

void Socket::bind(const std::string& endpoint) {
  const char first = endpoint.starts_with(kIpc) ? endpoint.c_str()[kIpc.size()] : '\0';
  const bool names_file = first != '\0' && first != '@' && first != '*';
  if (names_file) lock_ = std::make_unique<EndpointLock>(endpoint);
  guarded_ = security_ && security_->guards(endpoint);
  if (guarded_) {
    security_->before_bind(handle_, endpoint);
    int type = 0;
    std::size_t size = sizeof type;
    DEPOT_ASSERT(zmq_getsockopt(handle_, ZMQ_TYPE, &type, &size) == 0);
    if (type == ZMQ_XPUB) set(handle_, ZMQ_XPUB_MANUAL, 1);
  }
  if (zmq_bind(handle_, endpoint.c_str()) != 0) fail_endpoint("bind", endpoint, zmq_errno());
  if (guarded_) security_->prove(handle_, bound_endpoint());
}

void Socket::connect(const std::string& endpoint) {
  if (security_) security_->before_connect(handle_, endpoint);
  if (zmq_connect(handle_, endpoint.c_str()) != 0) fail_endpoint("connect", endpoint, zmq_errno());
}

void Socket::linger(int milliseconds) { set(handle_, ZMQ_LINGER, milliseconds); }

std::string Socket::bound_endpoint() const {
  char text[256] = {};
  std::size_t size = sizeof text;
  DEPOT_ASSERT(zmq_getsockopt(handle_, ZMQ_LAST_ENDPOINT, text, &size) == 0);
  return text;
}

void Socket::subscribe(std::string_view topic_prefix) {
  DEPOT_ASSERT(zmq_setsockopt(handle_, ZMQ_SUBSCRIBE, topic_prefix.data(), topic_prefix.size()) ==
               0);
}

Sent Socket::send(std::string_view frame) { return send_part(handle_, frame, 0); }

bool Socket::is_revoked(const Message& message) const {
  return guarded_ && !security_->knows(message.user());
}

// Passes over what comes by a connection whose key is revoked: libzmq does not end it.
bool Socket::receive_known(Message* const* parts, int count) {
  for (int attempt = 0; attempt < kMalformedPerCall; ++attempt) {
    if (!receive_parts(handle_, parts, count, malformed_)) return false;
    if (!is_revoked(*parts[count - 1])) return true;
    ++malformed_;
  }
  return false;
}

bool Socket::receive(Message& frame) {
  Message* const parts[] = {&frame};
  return receive_known(parts, 1);
}

Sent Socket::send_to(std::string_view routing_id, std::string_view frame) {
  return send_parts(handle_, {routing_id, frame});
}

bool Socket::receive_from(Message& routing_id, Message& frame) {
  Message* const parts[] = {&routing_id, &frame};
  return receive_known(parts, 2);
}

Sent Socket::publish(std::string_view topic, std::string_view header, std::string_view body) {
  return send_parts(handle_, {topic, header, body});
}

bool Socket::receive_published(Message& topic, Message& header, Message& body) {
  Message* const parts[] = {&topic, &header, &body};
  return receive_known(parts, 3);
}

bool Socket::receive_subscription(bool& subscribed, std::string& topic, Granted granted) {
  Message message;
  while (receive(message)) {
    const std::string_view bytes = message.bytes();
    if (bytes.empty() || (bytes.front() != 0 && bytes.front() != 1)) {
      ++malformed_;
      continue;
    }
    subscribed = bytes.front() == 1;
    topic.assign(bytes.substr(1));
    if (!guarded_) return true;
    const bool allowed = granted && granted(message.user(), topic);
    if (subscribed && !allowed) continue;
    // It fails where the subscriber is gone already, and its subscriptions with it.
    zmq_setsockopt(handle_, subscribed ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, topic.data(),
                   topic.size());
    return true;
  }
  return false;
}

int Socket::fd() const {
  int fd = -1;
  std::size_t size = sizeof fd;
  DEPOT_ASSERT(zmq_getsockopt(handle_, ZMQ_FD, &fd, &size) == 0);
  return fd;
}

}  // namespace depot::messaging
