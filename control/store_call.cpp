#include "control/store_call.hpp"

#include <cstdio>

#include "base/fatal.hpp"
#include "protocol/orders.hpp"
#include "store/library.hpp"

namespace depot::control {

void open_store(store::BlockingRedis& redis, const Config& config) {
  if (const auto loaded = store::load_library(redis); !loaded) {
    throw StartupError("redis: " + loaded.error().message, kExitUnavailable);
  }
  const std::string answer = call_store(redis, "open_store_v1", {config.currency.code});
  if (const auto problem = protocol::decode_problem(answer)) {
    throw StartupError("redis: " + problem->detail, kExitConfig);
  }
}

store::BlockingRedis connect_store(const Config& config) {
  auto redis = store::BlockingRedis::connect(config.redis_login(RedisRole::operate));
  if (!redis) {
    throw StartupError(redis.error().message + "; is `depot up` running?", kExitUnavailable);
  }
  open_store(*redis, config);
  return std::move(*redis);
}

std::string call_store(store::BlockingRedis& redis, const std::string& function,
                       const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"FCALL", function, "0"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  auto reply = redis.command(command);
  if (!reply) throw StartupError(reply.error().message, kExitUnavailable);
  return std::move(reply->text);
}

void fail_on_answer(const std::string& function) {
  throw StartupError("redis: an answer of " + function + " that cannot be read", kExitFailed);
}

int print_line(const std::string& text) {
  return std::puts(text.c_str()) >= 0 ? kExitOk : kExitFailed;
}

}  // namespace depot::control
