// A blocking Redis connection for tools, start-up and tests; never used inside a server's loop.
//
// Threads: one.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/redis_login.hpp"
#include "base/result.hpp"

struct redisContext;  // hiredis

namespace depot::store {

struct FreeContext {
  void operator()(redisContext* context) const;
};

// An owned reply: a tree of strings, integers and arrays.
struct Value {
  enum class Kind { nil, text, integer, array, error };
  Kind kind = Kind::nil;
  std::string text;
  std::int64_t integer = 0;
  std::vector<Value> items;
};

class BlockingRedis {
 public:
  static Result<BlockingRedis> connect(const RedisLogin& login,
                                       std::chrono::milliseconds timeout = std::chrono::seconds(5));

  // Fails where the connection does, or Redis answers with an error (its text in the message).
  Result<Value> command(const std::vector<std::string>& arguments);
  // Many at once, in one trip; an answer that is an error stands in its place (Kind::error).
  Result<std::vector<Value>> commands(const std::vector<std::vector<std::string>>& all);

 private:
  explicit BlockingRedis(std::unique_ptr<redisContext, FreeContext> context)
      : context_(std::move(context)) {}
  void append(const std::vector<std::string>& arguments);
  Result<Value> receive();
  std::unique_ptr<redisContext, FreeContext> context_;
};

}  // namespace depot::store
