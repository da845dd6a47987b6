#include "control/up.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/options.hpp"
#include "base/yaml.hpp"
#include "control/audit.hpp"
#include "control/ops_page.hpp"
#include "control/ops_tables.hpp"
#include "control/store_call.hpp"
#include "control/store_keeper.hpp"
#include "control/up_lock.hpp"
#include "http/admin_server.hpp"
#include "store/blocking.hpp"
#include "store/library.hpp"

namespace depot::control {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto kReadyAskMax = 200ms;
constexpr auto kAuditWord = 2s;
constexpr auto kRedisRetry = 1s;
constexpr auto kConfigEvery = 250ms;  // Two looks that agree: an editor may be at it.
constexpr auto kTurnStarting = 20ms;
constexpr auto kTurnSettled = 250ms;
constexpr auto kLogsEvery = 60s;
// Changes of these are applied while running.
constexpr std::string_view kLiveKeys[] = {"workers.count", "demo.shoppers", "log.level"};

std::string how_it_ended(const ExitStatus& status) {
  return status.signal ? fmt::format("signal {}", status.signal)
                       : fmt::format("exit {}", status.code);
}

// Keys whose value differs; both describe every key in the same order.
std::vector<std::string> keys_that_differ(const Config& one, const Config& other) {
  std::vector<std::string> keys;
  std::istringstream a(describe_config(one)), b(describe_config(other));
  for (std::string x, y; std::getline(a, x) && std::getline(b, y);) {
    if (x != y) keys.push_back(x.substr(0, x.find(':')));
  }
  return keys;
}

// A file that cannot be read now is a text of its own: load_config will say why.
std::string text_of(const std::string& path) {
  try {
    return path.empty() ? "" : read_text_file(path);
  } catch (const StartupError& error) {
    return error.what();
  }
}

void write_copy(const Config& config) {
  const std::string path = copy_in_force(config.path);
  std::ofstream(path + ".new") << "# What is in force: written by depot up, for its processes.\n"
                               << describe_config(config);
  fs::rename(path + ".new", path);
}

}  // namespace

Up::Up(const Config& config, const UpOptions& options, Log& log, StopSignal& stop, Metrics& metrics)
    : state_{.config = config},
      options_(options),
      log_(log),
      stop_(stop),
      metrics_(metrics),
      restarts_(metrics.counter("depot_up_restarts_total", "Processes started again")),
      ready_(metrics.gauge("depot_up_ready", "Processes that are ready")),
      config_text_(text_of(config_.path)),
      config_seen_(config_text_) {
  std::error_code error;
  fs::create_directories(config_.folder() + "/var/log", error);
  if (error) {
    throw StartupError(fmt::format("cannot write to {}/var: {}. Logs and data lie there, beside "
                                   "config.yml: take a config.yml in a folder of your own",
                                   config_.folder(), error.message()),
                       kExitFailed);
  }
  write_copy(config_);
  state_.redis_down = "starting";
  publish();
}

Up::~Up() {
  running_.clear();  // SIGKILLs what an urgent stop left.
  redis_.reset();
  unlink(copy_in_force(config_.path).c_str());
}

void Up::run() {
  try {
    start_redis();
  } catch (const StartupError&) {
    if (!stop_.requested()) throw;
    return;  // Somebody would not wait for it.
  }
  const StoreKeeper keeper(config_, log_, metrics_);
  want(steady_now());
  while (!supervisor_.stopping() || !supervisor_.nothing_runs()) {
    const TimePoint now = steady_now();
    if (stop_.urgent()) return log_.warning("told twice: ending everything at once");
    if (stop_.requested() && !supervisor_.stopping()) {
      log_.info("stopping");
      supervisor_.stop();
    }
    if (!supervisor_.stopping()) {
      keep_redis(now);
      heed(keeper.unsafe(), now);
      follow_config(now);
      trim_logs(now);
    }
    for (const Action& action : supervisor_.decide(now)) perform(action, now);
    reap(now);
    publish();
    wait();
  }
  log_.info("stopped");
}

void Up::start_redis() {
  const auto judge = [this](const std::string& url) {
    auto redis = store::BlockingRedis::connect(config_.redis_login(RedisRole::operate, url));
    if (!redis) throw StartupError("redis: " + redis.error().message, kExitUnavailable);
    open_store(*redis, config_);
    audit_books(url);
  };
  if (config_.redis.mode == RedisMode::private_server) {
    log_.info("starting redis", {{"dir", config_.redis.dir}});
    redis_.emplace(config_, log_, 120s, &stop_, judge);
  } else {
    auto redis = store::BlockingRedis::connect(config_.redis_login(RedisRole::operate));
    if (!redis) throw StartupError("redis: " + redis.error().message, kExitUnavailable);
    const auto safe = store::check_settings(*redis, config_.redis.allow_unsafe);
    if (!safe) throw StartupError("redis: " + safe.error().message, kExitUnavailable);
    judge(config_.redis_url());
  }
  state_.redis_down.clear();
}

// The append-only file has no checksums, so that it loads is no proof of what it holds.
void Up::audit_books(const std::string& redis_url) {
  log_.info("auditing the books");
  const TimePoint begin = steady_now();
  TimePoint next_word = begin + kAuditWord;
  const auto progress = [&](std::string_view what, std::uint64_t done) {
    if (steady_now() < next_word) return;
    next_word = steady_now() + kAuditWord;
    log_.info("auditing the books", {{"read", what}, {"so_far", done}});
  };
  const audit::AuditResult books =
      audit::run(config_.redis_login(RedisRole::audit, redis_url), {}, progress);
  const std::chrono::duration<double> seconds = steady_now() - begin;
  state_.books_wrong.clear();
  if (books.clean()) {
    return log_.info("audit clean", {{"orders", books.orders},
                                     {"entries", books.entries},
                                     {"units_sold", books.units_sold},
                                     {"seconds", seconds.count()}});
  }
  for (const audit::Violation& one : books.first) {
    log_.error("the books are wrong", {{"rule", one.rule}, {"what", one.text}});
  }
  state_.books_wrong = fmt::format("{} violations, the first: {} {}", books.violations,
                                   books.first.front().rule, books.first.front().text);
  if (options_.despite_audit) {
    return log_.warning("starting despite the audit", {{"violations", books.violations}});
  }
  redis_due_ = TimePoint::max();
  throw StartupError(
      fmt::format("the books are wrong, no worker is let in: audit: {}; all are in the log. "
                  "Restore {} from a backup, or go on with these books: --despite-audit",
                  state_.books_wrong,
                  config_.redis.mode == RedisMode::external ? "Redis" : config_.redis.dir),
      kExitFailed);
}

void Up::keep_redis(TimePoint now) {
  if (config_.redis.mode == RedisMode::external || now < redis_due_) return;
  if (redis_) {
    pollfd ended{redis_->pid_fd(), POLLIN, 0};
    if (poll(&ended, 1, 0) == 0) return;
  }
  log_.error("redis has ended");
  redis_.reset();
  restarts_.add();
  redis_due_ = now + kRedisRetry;
  ++state_.redis_restarts;
  state_.redis_down = "starting again";
  publish();
  try {
    start_redis();
  } catch (const StartupError& error) {
    state_.redis_down = error.what();
    log_.error("redis does not start", {{"why", error.what()}});
  }
}

// An external Redis that came to lose orders: whoever writes to it ends until it is mended.
void Up::heed(const std::string& unsafe, TimePoint now) {
  if (config_.redis.mode != RedisMode::external || unsafe == state_.redis_down) return;
  if (unsafe.empty()) log_.info("redis is set as it must be again");
  if (!unsafe.empty()) log_.error("workers and hubs end until it is mended", {{"why", unsafe}});
  state_.redis_down = unsafe;
  want(now);
}

void Up::perform(const Action& action, TimePoint now) {
  const auto found = running_.find(action.name);
  switch (action.kind) {
    case Action::Kind::start:
      return start(action.name, now);
    case Action::Kind::ask:
      return supervisor_.on_answer(action.name,
                                   ask_ready("unix:" + config_.admin_socket(action.name),
                                             kReadyAskMax, "does not answer yet"),
                                   now);
    case Action::Kind::terminate:
      log_.info("draining", {{"process", action.name}});
      if (found != running_.end()) found->second.signal(SIGTERM);
      return;
    case Action::Kind::kill:
      log_.warning("does not end, killing it", {{"process", action.name}});
      if (found != running_.end()) found->second.signal(SIGKILL);
      return;
  }
}

void Up::start(const std::string& name, TimePoint now) {
  const auto program =
      std::ranges::find_if(programs_, [&](const Program& p) { return p.spec.name == name; });
  try {
    running_.insert_or_assign(
        name, Process::start({.arguments = program->arguments,
                              .environment = {fmt::format("{}={}", kParentVariable, getpid())},
                              .output_path = log_path(config_, name)}));
  } catch (const StartupError& error) {
    log_.error("cannot start", {{"process", name}, {"why", error.what()}});
    supervisor_.on_exit(name, now);
  }
}

void Up::trim_logs(TimePoint now) {
  if (now < logs_due_) return;
  logs_due_ = now + kLogsEvery;
  for (const Program& program : programs_) set_aside_large_log(config_, program.spec.name, log_);
}

void Up::reap(TimePoint now) {
  for (auto it = running_.begin(); it != running_.end();) {
    const auto status = it->second.wait(0ms);
    if (!status) {
      ++it;
      continue;
    }
    const std::string name = it->first;
    it = running_.erase(it);
    const auto& all = supervisor_.processes();
    const auto known = std::ranges::find_if(all, [&](auto& p) { return p.spec.name == name; });
    const bool asked = known == all.end() || known->state == SupervisedProcess::State::stopping;
    if (asked) {
      log_.info("ended", {{"process", name}, {"how", how_it_ended(*status)}});
    } else {
      restarts_.add();
      log_.error("ended, starting it again",
                 {{"process", name},
                  {"how", how_it_ended(*status)},
                  {"last_words", last_line_of(log_path(config_, name))}});
    }
    supervisor_.on_exit(name, now);
  }
}

void Up::want(TimePoint now) {
  programs_ = programs_of(config_, copy_in_force(config_.path));
  const bool unsafe = config_.redis.mode == RedisMode::external && !state_.redis_down.empty();
  supervisor_.want(specs_of(programs_, !unsafe), now);
}

void Up::follow_config(TimePoint now) {
  if (now < config_due_) return;
  config_due_ = now + kConfigEvery;
  std::string text = text_of(config_.path);
  const bool settled = text == config_seen_;
  config_seen_ = std::move(text);
  if (!settled || config_seen_ == config_text_) return;
  config_text_ = config_seen_;
  state_.config_error.clear();
  try {
    apply(load_config(config_.path), now);
  } catch (const StartupError& error) {
    state_.config_error = error.what();
    log_.error("config refused, the old one stays in force", {{"why", error.what()}});
  }
}

void Up::apply(const Config& fresh, TimePoint now) {
  state_.restart_keys = keys_that_differ(config_, fresh);
  std::erase_if(state_.restart_keys, [](const std::string& key) {
    return std::ranges::find(kLiveKeys, key) != std::end(kLiveKeys);
  });
  config_.workers.count = fresh.workers.count;
  const auto shoppers = running_.find(kShoppers);
  if (fresh.demo.shoppers != config_.demo.shoppers && shoppers != running_.end()) {
    shoppers->second.signal(SIGTERM);  // Where it is still wanted, it is started at the new rate.
  }
  config_.demo.shoppers = fresh.demo.shoppers;
  config_.log.level = fresh.log.level;
  log_.set_level(fresh.log.level);
  write_copy(config_);
  want(now);
  log_.info("config re-read", {{"workers", config_.workers.count}});
  for (const std::string& key : state_.restart_keys) {
    log_.warning("this key needs a restart of depot up to be in force", {{"key", key}});
  }
}

void Up::publish() {
  state_.rows.clear();
  std::string first;
  for (const SupervisedProcess& process : supervisor_.processes()) {
    const auto running = running_.find(process.spec.name);
    state_.rows.push_back({process, running == running_.end() ? 0 : running->second.pid()});
    if (first.empty() && process.wanted && !process.not_ready.empty()) {
      first = fmt::format("waiting for {}: {}", process.spec.name, process.not_ready);
    }
  }
  ready_.set(std::ranges::count_if(supervisor_.processes(),
                                   [](const auto& process) { return process.not_ready.empty(); }));
  state_.settled = supervisor_.settled();
  if (!first.empty() && first != said_) log_.info(first);
  said_ = first;
  if (state_.settled && !announced_) {
    announced_ = true;
    log_.info("ready", {{"gateway", "http://" + config_.gateway.listen},
                        {"admin", "http://" + config_.admin.listen}});
  }
  const std::lock_guard lock(mutex_);
  published_ = state_;
}

void Up::wait() {
  std::vector<pollfd> fds;
  if (redis_) fds.push_back({redis_->pid_fd(), POLLIN, 0});
  if (!stop_.requested()) fds.push_back({stop_.fd(), POLLIN, 0});
  for (const auto& [name, process] : running_) fds.push_back({process.fd(), POLLIN, 0});
  const bool quiet = supervisor_.settled() && redis_.has_value();
  poll(fds.data(), fds.size(), static_cast<int>((quiet ? kTurnSettled : kTurnStarting) / 1ms));
}

UpView Up::view() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

std::string Up::metrics() const { return merged_metrics(view(), metrics_.text()); }

int run_up(const Config& config, const UpOptions& options) {
  follow_parent();  // A test's, where it is named.
  crypto_start();
  make_runtime_dir(config);
  const UpLock lock(config.runtime_dir);
  expect_free_ports(config, lock.left_over() ? kOrphansMax : Duration{});
  Log log(config.log, "up");
  StopSignal stop{SIGINT, SIGTERM};  // Before any thread exists, so that all inherit the mask.
  Metrics metrics;
  Up up(config, options, log, stop, metrics);
  const OpsSampler sampler(config.admin, [&up] { return up.view(); });
  const http::AdminServer admin(
      config.admin.listen, metrics,
      {.not_ready = [&up] { return up.not_ready(); },
       .drain = [&stop] { stop.request(); },
       .status =
           [&] {
             std::optional<store::BlockingRedis> redis;
             boost::json::object status = status_document(up.view(), redis);
             status["rates"] = rates_of(sampler.state());
             return boost::json::serialize(status);
           },
       .metrics = [&up] { return up.metrics(); },
       .pages = [&](auto path) { return ops_response(path, [&] { return sampler.state(); }); }});
  up.run();
  return kExitOk;
}

}  // namespace depot::control
