#include "store/redis_client.hpp"

#include <hiredis/hiredis.h>
#include <hiredis/sds.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <vector>

#include "store/redis_address.hpp"

namespace depot::store {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kInFlightMax = 4'096;               // Commands without an answer.
constexpr std::size_t kReplyBytesMax = 64 * 1024 * 1024;  // Bytes of one unfinished reply.
constexpr std::size_t kReadBytes = 16 * 1024;             // What redisBufferRead takes at a time.
constexpr Duration kBackoffMin = 20ms;
constexpr Duration kBackoffMax = 1s;
constexpr Duration kPingEvery = 50ms;     // While Redis is loading its data.
constexpr Duration kConnectTimeout = 5s;  // From connect() to the first answer of any kind.
constexpr Duration kReplyTimeout = 15s;   // Of silence with commands under way.

const redisReply* raw(const void* reply) { return static_cast<const redisReply*>(reply); }

struct FreeContext {
  void operator()(redisContext* context) const { redisFree(context); }
};
struct FreeReply {
  void operator()(void* reply) const { freeReplyObject(reply); }
};

}  // namespace

bool Reply::is_error() const { return raw(reply_)->type == REDIS_REPLY_ERROR; }
bool Reply::is_nil() const { return raw(reply_)->type == REDIS_REPLY_NIL; }
bool Reply::is_string() const {
  return raw(reply_)->type == REDIS_REPLY_STRING || raw(reply_)->type == REDIS_REPLY_STATUS;
}
bool Reply::is_array() const { return raw(reply_)->type == REDIS_REPLY_ARRAY; }
std::string_view Reply::text() const {
  if (!is_string() && !is_error()) return {};
  return {raw(reply_)->str, raw(reply_)->len};
}
std::int64_t Reply::integer() const { return raw(reply_)->integer; }
std::size_t Reply::size() const { return is_array() ? raw(reply_)->elements : 0; }
Reply Reply::operator[](std::size_t index) const { return Reply(raw(reply_)->element[index]); }

ErrorCode classify_error(std::string_view redis_error) {
  // Raised by a call inside a function: what it wrote before stays, whatever the error says.
  if (redis_error.find(" script: ") != std::string_view::npos) return ErrorCode::unknown;
  static constexpr std::array kNotExecuted = std::to_array<std::string_view>(
      {"LOADING", "BUSY", "OOM", "MISCONF", "READONLY", "NOPERM", "NOAUTH", "WRONGPASS",
       "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN", "CROSSSLOT",
       "ERR Function not found", "ERR unknown command", "ERR wrong number of arguments",
       "ERR max number of clients reached"});
  const bool refused = std::ranges::any_of(
      kNotExecuted, [&](std::string_view prefix) { return redis_error.starts_with(prefix); });
  return refused ? ErrorCode::not_executed : ErrorCode::unknown;
}

struct RedisClient::Impl {
  enum class State { down, connecting, greeting, ready };
  struct Pending {
    Done done;
    std::uint64_t end = 0;  // The connection's byte count behind this command's last byte.
  };

  explicit Impl(const std::string& url) : address(parse_redis_url(url)), ring(kInFlightMax) {}

  void connect(TimePoint now);
  void finish_connect();
  void greet();
  void append(std::span<const std::string_view> arguments, Done done);
  void write();
  void read();
  void answer_all();
  void disconnect(const std::string& why);
  std::uint64_t written() const { return appended - sdslen(context->obuf); }

  RedisAddress address;
  std::unique_ptr<redisContext, FreeContext> context;
  State state = State::down;
  TimePoint clock{};         // The loop's last word on what time it is.
  TimePoint next_attempt{};  // down: when to connect; greeting: when to ping again.
  TimePoint progress{};      // When the connection last moved.
  Duration backoff = kBackoffMin;
  std::string error = "not tried yet";
  std::vector<Pending> ring;  // A fixed ring: nothing is allocated per command.
  std::size_t head = 0, count = 0;
  std::uint64_t appended = 0;
  std::vector<const char*> argv;  // Kept for their memory.
  std::vector<std::size_t> lengths;
};

void RedisClient::Impl::connect(TimePoint now) {
  context.reset(address.path.empty() ? redisConnectNonBlock(address.host.c_str(), address.port)
                                     : redisConnectUnixNonBlock(address.path.c_str()));
  progress = now;
  appended = 0;
  if (!context) return disconnect("out of memory");
  if (context->err != 0) return disconnect(context->errstr);
  state = State::connecting;
}

void RedisClient::Impl::finish_connect() {
  int failure = 0;
  socklen_t size = sizeof failure;
  if (getsockopt(context->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) failure = errno;
  if (failure != 0) return disconnect(std::strerror(failure));
  if (address.path.empty()) redisEnableKeepAlive(context.get());
  state = State::greeting;
  greet();
}

// A server that is still loading accepts connections; it is of use from its first PONG on.
void RedisClient::Impl::greet() {
  static constexpr std::array kPing = std::to_array<std::string_view>({"PING"});
  next_attempt = TimePoint::max();  // Not again before this one is answered.
  append(kPing, [this](const Result<Reply>& reply) {
    if (!reply) return;
    if (!reply->is_error()) {
      state = State::ready;
      backoff = kBackoffMin;
      error.clear();
      return;
    }
    error = reply->text();
    next_attempt = clock + kPingEvery;
  });
  write();
}

void RedisClient::Impl::append(std::span<const std::string_view> arguments, Done done) {
  argv.clear();
  lengths.clear();
  for (const std::string_view argument : arguments) {
    argv.push_back(argument.data() != nullptr ? argument.data() : "");
    lengths.push_back(argument.size());
  }
  const std::size_t before = sdslen(context->obuf);
  if (redisAppendCommandArgv(context.get(), static_cast<int>(argv.size()), argv.data(),
                             lengths.data()) != REDIS_OK) {
    return done(fail(ErrorCode::not_executed, "redis: out of memory"));
  }
  appended += sdslen(context->obuf) - before;
  ring[(head + count++) % ring.size()] = {std::move(done), appended};
}

void RedisClient::Impl::write() {
  if (sdslen(context->obuf) == 0) return;
  if (redisBufferWrite(context.get(), nullptr) != REDIS_OK) disconnect(context->errstr);
}

void RedisClient::Impl::read() {
  while (context) {
    const std::size_t before = context->reader->len;
    if (redisBufferRead(context.get()) != REDIS_OK) return disconnect(context->errstr);
    const std::size_t taken = context->reader->len - before;
    if (taken > 0) progress = clock;
    answer_all();
    if (taken < kReadBytes) return;  // The socket is empty.
  }
}

void RedisClient::Impl::answer_all() {
  while (context) {
    void* parsed = nullptr;
    if (redisGetReplyFromReader(context.get(), &parsed) != REDIS_OK) {
      return disconnect(context->errstr);
    }
    if (parsed == nullptr) break;
    const std::unique_ptr<void, FreeReply> owner(parsed);
    if (count == 0) return disconnect("an answer that nobody asked for");
    const Done done = std::move(ring[head].done);
    head = (head + 1) % ring.size();
    --count;
    done(Reply(parsed));
  }
  if (context && context->reader->len - context->reader->pos > kReplyBytesMax) {
    disconnect("an answer of more than " + std::to_string(kReplyBytesMax) + " bytes");
  }
}

void RedisClient::Impl::disconnect(const std::string& why) {
  const std::uint64_t sent = context ? written() : 0;
  context.reset();
  state = State::down;
  error = why;
  next_attempt = clock + backoff;
  backoff = std::min(backoff * 2, kBackoffMax);
  std::vector<Pending> lost;
  lost.reserve(count);
  for (; count > 0; --count, head = (head + 1) % ring.size()) {
    lost.push_back(std::move(ring[head]));
  }
  for (const Pending& pending : lost) {
    // Redis runs a command only when it has its last byte.
    const bool whole = pending.end <= sent;
    pending.done(fail(whole ? ErrorCode::unknown : ErrorCode::not_executed,
                      "redis: connection lost: " + why));
  }
}

RedisClient::RedisClient(std::string url) : impl_(std::make_unique<Impl>(url)) {
  // hiredis writes with write(2): a server that went away would end the process.
  std::signal(SIGPIPE, SIG_IGN);
}
RedisClient::~RedisClient() = default;

void RedisClient::command(std::span<const std::string_view> arguments, Done done) {
  if (impl_->state != Impl::State::ready) {
    return done(fail(ErrorCode::not_executed, "redis: not connected: " + impl_->error));
  }
  if (impl_->count == impl_->ring.size()) {
    return done(fail(ErrorCode::not_executed,
                     "redis: " + std::to_string(kInFlightMax) + " commands are under way"));
  }
  impl_->append(arguments, std::move(done));
}

bool RedisClient::connected() const { return impl_->state == Impl::State::ready; }
std::size_t RedisClient::in_flight() const { return impl_->count; }
int RedisClient::fd() const { return impl_->context ? impl_->context->fd : -1; }

bool RedisClient::wants_write() const {
  return impl_->context &&
         (impl_->state == Impl::State::connecting || sdslen(impl_->context->obuf) > 0);
}

void RedisClient::on_readable(TimePoint now) {
  impl_->clock = now;
  if (impl_->context && impl_->state != Impl::State::connecting) impl_->read();
}

void RedisClient::on_writable(TimePoint now) {
  impl_->clock = now;
  if (!impl_->context) return;
  if (impl_->state == Impl::State::connecting) return impl_->finish_connect();
  impl_->write();
}

void RedisClient::flush() {
  if (impl_->context && impl_->state != Impl::State::connecting) impl_->write();
}

void RedisClient::tick(TimePoint now) {
  Impl& impl = *impl_;
  impl.clock = now;
  if (impl.state == Impl::State::ready) {
    if (impl.count == 0) impl.progress = now;
    if (now - impl.progress > kReplyTimeout) impl.disconnect("no answer for 15 s");
  } else if (impl.state == Impl::State::down) {
    if (now >= impl.next_attempt) impl.connect(now);
  } else if (now - impl.progress > kConnectTimeout) {
    impl.disconnect("no answer for 5 s after connecting");
  } else if (impl.state == Impl::State::greeting && now >= impl.next_attempt) {
    impl.greet();
  }
}

std::string RedisClient::last_error() const { return impl_->error; }

}  // namespace depot::store
