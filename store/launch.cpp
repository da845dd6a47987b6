#include "store/launch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "base/process.hpp"
#include "store/blocking.hpp"
#include "store/library.hpp"
#include "store/users.hpp"

namespace depot::store {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr long long kTornTailMax = 1024 * 1024;  // Bytes; a batch writes less.
constexpr auto kLeftOverWait = 5s;  // A left-over server ends by itself when its starter died.
constexpr auto kShutdownWait = 10s;
constexpr auto kCheckTimeout = 10min;
constexpr auto kProgressEvery = 5s;

[[noreturn]] void give_up(const std::string& message) {
  throw StartupError("redis: " + message, kExitUnavailable);
}

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void sync_file(const fs::path& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fsync(fd) != 0) give_up("cannot sync " + path.string());
  close(fd);
}

std::string log_tail(const Config& config) {
  const fs::path log = fs::path(config.redis.dir) / "redis.log";
  constexpr std::size_t kBytes = 1'500;
  const std::string text = read_file(log);
  std::size_t from = text.size() > kBytes ? text.size() - kBytes : 0;
  if (from > 0) from = std::min(text.find('\n', from), text.size() - 1) + 1;
  return "\n  the end of " + log.string() + ":\n" + text.substr(from);
}

// Holds <dir>/lock. The server takes it over: whoever checks or serves the data has it, so that
// there are never two, and it is free when the server is gone, however that went.
class DataLock {
 public:
  explicit DataLock(const fs::path& dir)
      : fd_(open((dir / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ < 0) give_up("cannot write in " + dir.string() + ": " + std::strerror(errno));
    const TimePoint deadline = steady_now() + kLeftOverWait;
    while (flock(fd_, LOCK_EX | LOCK_NB) != 0) {
      if (steady_now() > deadline) {
        close(fd_);
        std::string pid = read_file(dir / "redis.pid");
        pid.erase(std::min(pid.find('\n'), pid.size()));
        give_up("the data in " + dir.string() + " is in use by process " + pid +
                ": stop that cluster, or give this one its own redis.dir");
      }
      poll(nullptr, 0, 20);
    }
  }
  ~DataLock() { release(); }
  DataLock(const DataLock&) = delete;
  DataLock& operator=(const DataLock&) = delete;
  void release() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

// What redis-check-aof said of the last file it read.
struct AofReport {
  bool clean = false;
  std::string file;
  long long good = 0, bad = 0;  // bytes
  std::string output;
};

AofReport check_aof(const fs::path& dir, const fs::path& manifest) {
  const fs::path output = dir / "check-aof.log";
  fs::remove(output);
  Process check = Process::start({.arguments = {"redis-check-aof", manifest.string()},
                                  .environment = {},
                                  .output_path = output.string()});
  const auto ended = check.wait(kCheckTimeout);
  AofReport report{.file = {}, .output = read_file(output)};
  report.clean = ended && ended->signal == 0 && ended->code == 0;
  const std::size_t line = report.output.rfind("AOF analyzed: filename=");
  char name[256] = {};
  if (line != std::string::npos &&
      std::sscanf(report.output.c_str() + line,
                  "AOF analyzed: filename=%255[^,], size=%*d, ok_up_to=%lld, "
                  "ok_up_to_line=%*d, diff=%lld",
                  name, &report.good, &report.bad) == 3) {
    report.file = name;
  }
  return report;
}

// "file NAME seq N type i" is a line of the manifest; the last file is the one being written to.
std::string last_incremental(const fs::path& manifest) {
  std::ifstream in(manifest);
  std::string word, name, sequence, type, last;
  while (in >> word >> name >> word >> sequence >> word >> type) last = type == "i" ? name : "";
  return last;
}

// Returns once the append-only file may be loaded; see launch.hpp for the rule.
void mend_aof(const fs::path& dir, Log& log) {
  const fs::path folder = dir / "appendonlydir";
  const fs::path manifest = folder / "appendonly.aof.manifest";
  if (!fs::exists(manifest)) return;
  AofReport report = check_aof(dir, manifest);
  if (report.clean) return;
  const bool torn = !report.file.empty() && report.file == last_incremental(manifest) &&
                    report.bad > 0 && report.bad <= kTornTailMax;
  if (!torn) {
    give_up("the append-only file in " + folder.string() +
            " is damaged, and not at its very end: restore it from a backup. " +
            "redis-check-aof says:\n" + report.output);
  }
  const fs::path file = folder / report.file;
  const auto stamp = std::to_string(wall_now().time_since_epoch().count());
  const fs::path aside = dir / ("torn-tail-" + stamp + "-" + report.file);
  std::ifstream whole(file, std::ios::binary);
  whole.seekg(report.good);
  std::ofstream(aside, std::ios::binary) << whole.rdbuf();
  sync_file(aside);
  fs::resize_file(file, static_cast<std::uintmax_t>(report.good));
  sync_file(file);
  if (!check_aof(dir, manifest).clean) give_up("could not mend " + file.string());
  log.warning("cut a torn tail off the append-only file",
              {{"file", file.string()}, {"bytes", report.bad}, {"kept", aside.string()}});
}

void write_settings(const Config& config, const fs::path& dir, const std::string& socket,
                    const fs::path& path) {
  std::ofstream out(path);
  out << "# Written by Depot at each start; config.yml is the place for changes.\n"
      << "port 0\nunixsocket \"" << socket << "\"\nunixsocketperm 700\n"
      << "dir \"" << dir.string() << "\"\nlogfile \"" << (dir / "redis.log").string() << "\"\n"
      << "pidfile \"" << (dir / "redis.pid").string() << "\"\n"
      << "appendonly yes\nappendfsync " << config.redis.fsync << "\n"
      << "maxmemory " << config.redis.maxmemory << "\n"
      << R"(daemonize no
databases 1
no-appendfsync-on-rewrite no
aof-load-truncated no
aof-use-rdb-preamble yes
auto-aof-rewrite-min-size 64mb
auto-aof-rewrite-percentage 100
save ""
maxmemory-policy noeviction
enable-debug-command no
enable-module-command no
enable-protected-configs no
busy-reply-threshold 1000
latency-tracking no
)" << user_lines(config.redis_users());
  if (!out.flush()) give_up("cannot write " + path.string());
}

}  // namespace

Process RedisServer::start() {
  const fs::path dir = config_.redis.dir;
  fs::create_directories(dir);
  fs::permissions(dir, fs::perms::owner_all);
  DataLock lock(dir);
  if (BlockingRedis::connect({.url = config_.redis_url()}, 1s)) {
    give_up("somebody else's server answers at " + config_.redis_url() + ": stop it first");
  }
  mend_aof(dir, log_);
  make_secrets(config_.redis_users());
  const fs::path settings = dir / "redis.conf";
  write_settings(config_, dir, socket_, settings);
  // setpriv: the server ends, in order, when the thread that started it is gone. flock takes the
  // lock over; without a wait, since data that somebody else served meanwhile is not checked.
  lock.release();
  return Process::start(
      {.arguments = {"setpriv", "--pdeathsig", "TERM", "flock", "--nonblock", "--no-fork",
                     (dir / "lock").string(), "redis-server", settings.string()},
       .environment = {},
       .output_path = dir / "redis.log"});
}

void RedisServer::wait_until_loaded(std::chrono::seconds timeout, const StopSignal* stop) {
  const TimePoint deadline = steady_now() + timeout;
  TimePoint next_word = steady_now() + kProgressEvery;
  while (true) {
    auto redis = BlockingRedis::connect(login_, 2s);
    if (redis && redis->command({"PING"})) return;
    if (!process_.running()) give_up("ended while starting" + log_tail(config_));
    if (stop && stop->requested()) give_up("stopped while it was loading its data");
    if (steady_now() > deadline) {
      give_up("not ready after " + std::to_string(timeout.count()) + " s" + log_tail(config_));
    }
    if (redis && steady_now() > next_word) {
      const auto info = redis->command({"INFO", "persistence"});
      constexpr std::string_view kKey = "loading_loaded_perc:";
      const std::size_t at = info ? info->text.find(kKey) : std::string::npos;
      log_.info(
          "redis is loading its data",
          {{"percent", at == std::string::npos ? 0.0 : std::atof(&info->text[at + kKey.size()])}});
      next_word += kProgressEvery;
    }
    pollfd ended{.fd = process_.fd(), .events = POLLIN, .revents = 0};
    poll(&ended, 1, 10);
  }
}

void RedisServer::make_ready() {
  auto redis = BlockingRedis::connect(login_);
  if (!redis) give_up(redis.error().message);
  if (const auto loaded = load_library(*redis); !loaded) {
    give_up("the function library does not load: " + loaded.error().message);
  }
  // What was loaded from the page cache may not be on the disk yet, and replays answer from it:
  // the fsync of one write covers it all.
  const auto now = std::to_string(wall_now().time_since_epoch().count());
  if (const auto barrier = redis->command({"HSET", "meta:{s0}", "started_ms", now}); !barrier) {
    give_up("cannot write: " + barrier.error().message);
  }
  if (config_.redis.fsync != "always") {
    log_.warning("redis.fsync is not 'always': acknowledged orders can be lost",
                 {{"fsync", config_.redis.fsync}});
  }
}

RedisServer::RedisServer(const Config& config, Log& log, std::chrono::seconds load_timeout,
                         const StopSignal* stop,
                         const std::function<void(const std::string& url)>& judge)
    : config_(config),
      socket_(config.runtime_dir + "/redis.new"),
      login_(config.redis_login(RedisRole::operate, "unix://" + socket_)),
      log_(log),
      process_(start()) {
  wait_until_loaded(load_timeout, stop);
  make_ready();
  if (judge) judge(login_.url);
  if (rename(socket_.c_str(), config.redis_socket().c_str()) != 0) {
    give_up("cannot rename " + socket_ + ": " + std::strerror(errno));
  }
}

RedisServer::~RedisServer() {
  process_.signal(SIGTERM);  // Redis' own SHUTDOWN: it syncs and leaves.
  process_.wait(std::chrono::duration_cast<std::chrono::milliseconds>(kShutdownWait));
  unlink(config_.redis_socket().c_str());  // It would by itself, if it knew that name.
}

}  // namespace depot::store
