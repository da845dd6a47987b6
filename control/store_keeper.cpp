#include "control/store_keeper.hpp"

#include "store/library.hpp"

namespace depot::control {
namespace {

using namespace std::chrono_literals;

constexpr auto kEvery = 1s;
constexpr auto kAnswerMax = 1s;

}  // namespace

StoreKeeper::StoreKeeper(const Config& config, Log& log, Metrics& metrics)
    : login_(config.redis_login(RedisRole::operate)),
      external_(config.redis.mode == RedisMode::external),
      allow_unsafe_(config.redis.allow_unsafe),
      log_(log),
      restored_(metrics.counter("depot_up_library_restored_total",
                                "Times that the function library was missing and loaded again")),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

StoreKeeper::~StoreKeeper() = default;  // A jthread asks and joins; it is the last member.

std::string StoreKeeper::unsafe() const {
  const std::lock_guard lock(mutex_);
  return unsafe_;
}

void StoreKeeper::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    look();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, kEvery, [] { return false; });
  }
}

void StoreKeeper::look() {
  if (!redis_) {
    auto connected = store::BlockingRedis::connect(login_, kAnswerMax);
    if (!connected) return;  // Everybody else says so.
    redis_.emplace(std::move(*connected));
  }
  if (!judge() || !keep_library()) redis_.reset();
}

bool StoreKeeper::judge() {
  if (!external_) return true;  // Ours is set by us, and nobody may set it otherwise.
  const auto safe = store::check_settings(*redis_, allow_unsafe_);
  if (!safe && safe.error().code != ErrorCode::bad_input) return false;
  const std::lock_guard lock(mutex_);
  unsafe_ = safe ? "" : safe.error().message;
  return true;
}

bool StoreKeeper::keep_library() {
  const Result<std::string> lacked = store::restore_library(*redis_);
  if (!lacked) return false;
  if (lacked->empty()) return true;
  restored_.add();
  log_.warning("the function library was missing or an older one, and is loaded again",
               {{"lacked", *lacked}});
  return true;
}

}  // namespace depot::control
