#include "control/library_keeper.hpp"

#include "store/library.hpp"

namespace depot::control {
namespace {

using namespace std::chrono_literals;

constexpr auto kEvery = 1s;
constexpr auto kAnswerMax = 1s;

}  // namespace

LibraryKeeper::LibraryKeeper(const Config& config, Log& log, Metrics& metrics)
    : login_(config.redis_login(RedisRole::operate)),
      log_(log),
      restored_(metrics.counter("depot_up_library_restored_total",
                                "Times that the function library was missing and loaded again")),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

LibraryKeeper::~LibraryKeeper() = default;  // A jthread asks and joins; it is the last member.

void LibraryKeeper::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    look();
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, kEvery, [] { return false; });
  }
}

void LibraryKeeper::look() {
  if (!redis_) {
    auto connected = store::BlockingRedis::connect(login_, kAnswerMax);
    if (!connected) return;  // Everybody else says so.
    redis_.emplace(std::move(*connected));
  }
  const Result<std::string> lacked = store::restore_library(*redis_);
  if (!lacked) return redis_.reset();
  if (lacked->empty()) return;
  restored_.add();
  log_.warning("the function library was missing or an older one, and is loaded again",
               {{"lacked", *lacked}});
}

}  // namespace depot::control
