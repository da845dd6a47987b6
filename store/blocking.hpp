// A blocking Redis connection for tools, start-up and tests; never used inside a server's loop.
//
// Threads: one.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace depot::store {

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
  static Result<BlockingRedis> connect(const std::string& url,
                                       std::chrono::milliseconds timeout = std::chrono::seconds(5));
  BlockingRedis(BlockingRedis&&) noexcept;
  BlockingRedis& operator=(BlockingRedis&&) noexcept;
  ~BlockingRedis();

  // Fails where the connection does, or Redis answers with an error (its text in the message).
  Result<Value> command(const std::vector<std::string>& arguments);

 private:
  struct Impl;
  explicit BlockingRedis(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace depot::store
