// A pipelined, non-blocking Redis connection; with launch.cpp and blocking.cpp the home of hiredis.
//
// Commands are queued, written when the loop says so, and answered in order by callbacks. When the
// connection dies every command that was written is `unknown`, every one that was not is
// `not_executed`; it reconnects by itself with a back-off of 20 ms to 1 s.
//
// Threads: one.
// Errors:  as Error codes in the callback. Redis' own error replies come as Reply::is_error().
// Source:  docs/ARCHITECTURE.md, "Outcomes"; hiredis 0.14 without its own event adapters.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/redis_login.hpp"
#include "base/result.hpp"
#include "store/blocking.hpp"
#include "store/redis_address.hpp"

namespace depot::store {

// A view of one reply; good only inside the callback.
class Reply {
 public:
  explicit Reply(const void* reply) : reply_(reply) {}
  bool is_error() const;
  bool is_string() const;  // bulk or status
  bool is_array() const;
  std::string_view text() const;  // of a string or error
  std::size_t size() const;       // of an array
  Reply operator[](std::size_t index) const;

 private:
  const void* reply_;
};

// The class of a Redis error reply: LOADING, BUSY, OOM, MISCONF, READONLY, NOPERM, "Function not
// found" and the like are not_executed; a function's run-time error is unknown.
ErrorCode classify_error(std::string_view redis_error);

class RedisClient {
 public:
  // Connects at the first tick(), and logs in.
  explicit RedisClient(RedisLogin login);

  using Done = std::function<void(const Result<Reply>&)>;
  // Queues one command. Without a connection it fails at once with not_executed.
  void command(std::span<const std::string_view> arguments, Done done);

  bool connected() const { return state_ == State::ready; }
  std::size_t in_flight() const { return count_; }

  // For the loop: wait for fd() readable, and for writable while wants_write().
  int fd() const;  // -1 without a socket
  bool wants_write() const;
  void on_readable(TimePoint now);
  void on_writable(TimePoint now);
  void flush();                             // writes what is queued, as far as the socket takes it
  void disconnect(const std::string& why);  // what is not written never will be
  void tick(TimePoint now);                 // connects, reconnects; call at least every 50 ms
  // Why it is not connected; "" while the first attempt is under way.
  const std::string& last_error() const { return error_; }

 private:
  enum class State { down, connecting, greeting, ready };
  struct Pending {
    Done done;
    std::uint64_t end = 0;  // The connection's byte count behind this command's last byte.
  };

  void connect(TimePoint now);
  void finish_connect();
  bool log_in();
  void greet();
  void append(std::span<const std::string_view> arguments, Done done);
  void write();
  void answer_all();

  const RedisLogin login_;
  const RedisAddress address_;
  std::unique_ptr<redisContext, FreeContext> context_;
  State state_ = State::down;
  TimePoint clock_{};         // The loop's last word on what time it is.
  TimePoint next_attempt_{};  // down: when to connect; greeting: when to ping again.
  TimePoint progress_{};      // When the connection last moved.
  Duration backoff_;
  std::string error_;
  std::vector<Pending> ring_;  // A fixed ring: nothing is allocated per command.
  std::size_t head_ = 0, count_ = 0;
  std::uint64_t appended_ = 0;
  std::vector<const char*> argv_;  // Kept for their memory.
  std::vector<std::size_t> lengths_;
};

}  // namespace depot::store
