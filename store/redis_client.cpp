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

}  // namespace

bool Reply::is_error() const { return raw(reply_)->type == REDIS_REPLY_ERROR; }
bool Reply::is_string() const {
  return raw(reply_)->type == REDIS_REPLY_STRING || raw(reply_)->type == REDIS_REPLY_STATUS;
}
bool Reply::is_array() const { return raw(reply_)->type == REDIS_REPLY_ARRAY; }
std::string_view Reply::text() const {
  if (!is_string() && !is_error()) return {};
  return {raw(reply_)->str, raw(reply_)->len};
}
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

RedisClient::RedisClient(RedisLogin login)
    : login_(std::move(login)),
      address_(parse_redis_url(login_.url)),
      backoff_(kBackoffMin),
      ring_(kInFlightMax) {
  // hiredis writes with write(2): a server that went away would end the process.
  std::signal(SIGPIPE, SIG_IGN);
}

void RedisClient::connect(TimePoint now) {
  context_.reset(address_.path.empty() ? redisConnectNonBlock(address_.host.c_str(), address_.port)
                                       : redisConnectUnixNonBlock(address_.path.c_str()));
  progress_ = now;
  appended_ = 0;
  if (!context_) return disconnect("out of memory");
  if (context_->err != 0) return disconnect(context_->errstr);
  state_ = State::connecting;
}

void RedisClient::finish_connect() {
  int failure = 0;
  socklen_t size = sizeof failure;
  if (getsockopt(context_->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) failure = errno;
  if (failure != 0) return disconnect(std::strerror(failure));
  if (address_.path.empty()) redisEnableKeepAlive(context_.get());
  state_ = State::greeting;
  if (log_in()) greet();
}

// Whether it may go on; its answer comes before the PING's.
bool RedisClient::log_in() {
  if (login_.user.empty()) return true;
  std::string secret;
  try {
    secret = read_secret(login_.secret_file);
  } catch (const StartupError& error) {
    disconnect(error.what());
    return false;
  }
  const std::string_view auth[] = {"AUTH", login_.user, secret};
  append(auth, [this](const Result<Reply>& reply) {
    if (reply && reply->is_error()) {
      disconnect("user " + login_.user + ": " + std::string(reply->text()));
    }
  });
  return true;
}

// A server that is still loading accepts connections; it is of use from its first PONG on.
void RedisClient::greet() {
  static constexpr std::array kPing = std::to_array<std::string_view>({"PING"});
  next_attempt_ = TimePoint::max();  // Not again before this one is answered.
  append(kPing, [this](const Result<Reply>& reply) {
    if (!reply) return;
    if (!reply->is_error()) {
      state_ = State::ready;
      backoff_ = kBackoffMin;
      error_.clear();
      return;
    }
    error_ = reply->text();
    next_attempt_ = clock_ + kPingEvery;
  });
  write();
}

void RedisClient::append(std::span<const std::string_view> arguments, Done done) {
  argv_.clear();
  lengths_.clear();
  for (const std::string_view argument : arguments) {
    argv_.push_back(argument.data() != nullptr ? argument.data() : "");
    lengths_.push_back(argument.size());
  }
  const std::size_t before = sdslen(context_->obuf);
  if (redisAppendCommandArgv(context_.get(), static_cast<int>(argv_.size()), argv_.data(),
                             lengths_.data()) != REDIS_OK) {
    return done(fail(ErrorCode::not_executed, "redis: out of memory"));
  }
  appended_ += sdslen(context_->obuf) - before;
  ring_[(head_ + count_++) % ring_.size()] = {std::move(done), appended_};
}

void RedisClient::write() {
  if (sdslen(context_->obuf) == 0) return;
  if (redisBufferWrite(context_.get(), nullptr) != REDIS_OK) disconnect(context_->errstr);
}

void RedisClient::answer_all() {
  while (context_) {
    void* parsed = nullptr;
    if (redisGetReplyFromReader(context_.get(), &parsed) != REDIS_OK) {
      return disconnect(context_->errstr);
    }
    if (parsed == nullptr) break;
    const std::unique_ptr<void, decltype(&freeReplyObject)> owner(parsed, &freeReplyObject);
    if (count_ == 0) return disconnect("an answer that nobody asked for");
    const Done done = std::move(ring_[head_].done);
    head_ = (head_ + 1) % ring_.size();
    --count_;
    done(Reply(parsed));
  }
  if (context_ && context_->reader->len - context_->reader->pos > kReplyBytesMax) {
    disconnect("an answer of more than " + std::to_string(kReplyBytesMax) + " bytes");
  }
}

void RedisClient::disconnect(const std::string& why) {
  const std::uint64_t sent = context_ ? appended_ - sdslen(context_->obuf) : 0;
  context_.reset();
  state_ = State::down;
  error_ = why;
  next_attempt_ = clock_ + backoff_;
  backoff_ = std::min(backoff_ * 2, kBackoffMax);
  std::vector<Pending> lost;
  lost.reserve(count_);
  for (; count_ > 0; --count_, head_ = (head_ + 1) % ring_.size()) {
    lost.push_back(std::move(ring_[head_]));
  }
  for (const Pending& pending : lost) {
    // Redis runs a command only when it has its last byte.
    const bool whole = pending.end <= sent;
    pending.done(fail(whole ? ErrorCode::unknown : ErrorCode::not_executed,
                      "redis: connection lost: " + why));
  }
}

void RedisClient::command(std::span<const std::string_view> arguments, Done done) {
  if (!connected()) {
    return done(fail(ErrorCode::not_executed,
                     "redis: not connected" + (error_.empty() ? "" : ": " + error_)));
  }
  if (count_ == ring_.size()) {
    return done(fail(ErrorCode::not_executed,
                     "redis: " + std::to_string(kInFlightMax) + " commands are under way"));
  }
  append(arguments, std::move(done));
}

int RedisClient::fd() const { return context_ ? context_->fd : -1; }

bool RedisClient::wants_write() const {
  return context_ && (state_ == State::connecting || sdslen(context_->obuf) > 0);
}

void RedisClient::on_readable(TimePoint now) {
  clock_ = now;
  if (state_ == State::connecting) return;
  while (context_) {
    const std::size_t before = context_->reader->len;
    if (redisBufferRead(context_.get()) != REDIS_OK) return disconnect(context_->errstr);
    const std::size_t taken = context_->reader->len - before;
    if (taken > 0) progress_ = clock_;
    answer_all();
    if (taken < kReadBytes) return;  // The socket is empty.
  }
}

void RedisClient::on_writable(TimePoint now) {
  clock_ = now;
  if (!context_) return;
  state_ == State::connecting ? finish_connect() : write();
}

void RedisClient::flush() {
  if (context_ && state_ != State::connecting) write();
}

void RedisClient::tick(TimePoint now) {
  clock_ = now;
  if (state_ == State::ready) {
    if (count_ == 0) progress_ = now;
    if (now - progress_ > kReplyTimeout) disconnect("no answer for 15 s");
  } else if (state_ == State::down) {
    if (now >= next_attempt_) connect(now);
  } else if (now - progress_ > kConnectTimeout) {
    disconnect("no answer for 5 s after connecting");
  } else if (state_ == State::greeting && now >= next_attempt_) {
    greet();
  }
}

}  // namespace depot::store
