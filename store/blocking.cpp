#include "store/blocking.hpp"

#include <hiredis/hiredis.h>

#include <csignal>

#include "base/fatal.hpp"
#include "store/redis_address.hpp"
#include "store/redis_client.hpp"

namespace depot::store {
namespace {

Value to_value(const redisReply& reply) {
  Value value;
  switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
    case REDIS_REPLY_ERROR:
      value.kind = reply.type == REDIS_REPLY_ERROR ? Value::Kind::error : Value::Kind::text;
      value.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_INTEGER:
      value.kind = Value::Kind::integer;
      value.integer = reply.integer;
      break;
    case REDIS_REPLY_ARRAY:
      value.kind = Value::Kind::array;
      value.items.reserve(reply.elements);
      for (std::size_t i = 0; i < reply.elements; ++i) {
        value.items.push_back(to_value(*reply.element[i]));
      }
      break;
    default:
      break;
  }
  return value;
}

}  // namespace

void FreeContext::operator()(redisContext* context) const { redisFree(context); }

Result<BlockingRedis> BlockingRedis::connect(const RedisLogin& login,
                                             std::chrono::milliseconds timeout) try {
  std::signal(SIGPIPE, SIG_IGN);  // hiredis writes with write(2).
  const RedisAddress address = parse_redis_url(login.url);
  const timeval limit{.tv_sec = timeout.count() / 1'000,
                      .tv_usec = timeout.count() % 1'000 * 1'000};
  std::unique_ptr<redisContext, FreeContext> context(
      address.path.empty() ? redisConnectWithTimeout(address.host.c_str(), address.port, limit)
                           : redisConnectUnixWithTimeout(address.path.c_str(), limit));
  if (!context) return fail(ErrorCode::not_executed, "redis: out of memory");
  if (context->err != 0) {
    return fail(ErrorCode::not_executed, "redis at " + login.url + ": " + context->errstr);
  }
  redisSetTimeout(context.get(), limit);
  BlockingRedis redis(std::move(context));
  if (login.user.empty()) return redis;
  const auto in = redis.command({"AUTH", login.user, read_secret(login.secret_file)});
  if (in) return redis;
  return fail(in.error().code,
              "redis at " + login.url + ", user " + login.user + ": " + in.error().message);
} catch (const StartupError& error) {
  return fail(ErrorCode::bad_input, error.what());
}

void BlockingRedis::append(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv;
  std::vector<std::size_t> lengths;
  for (const std::string& argument : arguments) {
    argv.push_back(argument.data());
    lengths.push_back(argument.size());
  }
  // It fails without memory only, and says so in `err`: the next reply fails, too.
  redisAppendCommandArgv(context_.get(), static_cast<int>(argv.size()), argv.data(),
                         lengths.data());
}

Result<Value> BlockingRedis::receive() {
  void* raw = nullptr;
  const int got = context_->err != 0 ? REDIS_ERR : redisGetReply(context_.get(), &raw);
  const std::unique_ptr<void, decltype(&freeReplyObject)> reply(raw, &freeReplyObject);
  if (got == REDIS_OK && reply) return to_value(*static_cast<const redisReply*>(reply.get()));
  // Broken for good: a late answer would be taken for the next command's.
  return fail(ErrorCode::unknown, "redis: " + std::string(context_->errstr));
}

Result<Value> BlockingRedis::command(const std::vector<std::string>& arguments) {
  append(arguments);
  Result<Value> value = receive();
  if (value && value->kind == Value::Kind::error) {
    return fail(classify_error(value->text), "redis: " + value->text);
  }
  return value;
}

Result<std::vector<Value>> BlockingRedis::commands(
    const std::vector<std::vector<std::string>>& all) {
  for (const auto& arguments : all) append(arguments);
  std::vector<Value> values;
  values.reserve(all.size());
  while (values.size() < all.size()) {
    Result<Value> value = receive();
    if (!value) return tl::unexpected(value.error());
    values.push_back(std::move(*value));
  }
  return values;
}

}  // namespace depot::store
