#include "tests/faults/faults.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <utility>

#include "store/library.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/wire.hpp"

namespace depot::test {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr std::pair<const char*, const char*> kPrograms[] = {{"worker", "depot-worker"},
                                                             {"balancer", "depot-load-balancer"},
                                                             {"gateway", "depot-gateway"},
                                                             {"hub", "depot-hub"},
                                                             {"redis", "redis-server"}};
constexpr const char* kBallast = "ballast-of-a-test";
constexpr std::size_t kDeafMax = 8;
constexpr int kIdle = 20;           // connections
constexpr rlim_t kDescriptors = 3;  // that a process may still open

std::string path_of(const std::string& ipc_endpoint) { return ipc_endpoint.substr(6); }

// The highest number of an open one.
rlim_t highest_descriptor(pid_t pid) {
  rlim_t highest = 0;
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid), gone)) {
    const std::string text = entry.path().filename();
    rlim_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    highest = std::max(highest, number);
  }
  return highest;
}

}  // namespace

const std::vector<Faults::Kind>& Faults::kinds() {
  static const std::vector<Kind> all = [] {
    std::vector<Kind> kinds;
    for (const auto& [name, program] : kPrograms) {
      kinds.push_back({std::string("kill:") + name, "SIGKILL of one", 6,
                       [program = program](Faults& faults) { faults.kill(program); }});
    }
    for (const auto& [name, program] : kPrograms) {
      kinds.push_back({std::string("freeze:") + name, "SIGSTOP of one, SIGCONT 0.2 to 2.5 s later",
                       4, [program = program](Faults& faults) { faults.freeze(program); }});
    }
    const auto add = [&](const char* name, unsigned weight, void (Faults::*happen)(),
                         const char* how) {
      kinds.push_back({name, how, weight, [happen](Faults& faults) { (faults.*happen)(); }});
    };
    add("kill:up", 4, &Faults::kill_up, "SIGKILL of `depot up`, started again at once");
    add("freeze:up", 3, &Faults::freeze_up,
        "SIGSTOP of `depot up`, SIGKILL of one that it keeps, SIGCONT 0.2 to 2.5 s later");
    add("kill:agent", 10, &Faults::kill_agent, "SIGKILL, started again");
    add("freeze:agent", 5, &Faults::freeze_agent, "SIGSTOP, SIGCONT 2 to 6 s later");
    add("link", 10, &Faults::agents_link,
        "a proxy between an agent and the hubs: frames lost, doubled, late, or cut off");
    add("frames", 20, &Faults::frames,
        "a proxy between gateways and balancers, or balancers and workers: lost, doubled, late, "
        "mixed up, or cut off");
    add("point", 30, &Faults::fault_point, "SIGKILL of who passes a fault point next");
    add("power", 10, &Faults::cut_power,
        "SIGKILL of Redis, its file cut within the write behind the last fsync");
    add("disk", 5, &Faults::fill_disk, "writes of the append-only file fail for 0.3 to 1.5 s");
    add("memory", 5, &Faults::fill_memory, "a value larger than `redis.maxmemory`");
    add("descriptors", 5, &Faults::take_descriptors,
        "`prlimit` of a gateway or hub, and 40 connections");
    add("config", 5, &Faults::break_config, "`config.yml` does not parse for 0.7 to 1.5 s");
    add("library", 5, &Faults::damage_library,
        "`FUNCTION FLUSH`, `DELETE`, or an older one loaded");
    add("busy", 5, &Faults::keep_redis_busy, "a script in Redis that runs for 1 to 2 s");
    add("deaf", 5, &Faults::add_deaf_subscriber, "raw ZMTP to a hub, up to 8 that read nothing");
    return kinds;
  }();
  return all;
}

Faults::Faults(const Hurt& hurt, std::uint32_t seed, int wake_fd, Say say,
               const std::vector<std::string>& only)
    : hurt_(hurt), random_(seed), wake_fd_(wake_fd), say_(std::move(say)) {
  std::ranges::copy_if(kinds(), std::back_inserter(kinds_), [&](const Kind& kind) {
    return only.empty() || std::ranges::find(only, kind.name) != only.end();
  });
}

Faults::~Faults() = default;

void Faults::pause(std::chrono::milliseconds low, std::chrono::milliseconds high) {
  const auto span = static_cast<std::uint32_t>((high - low).count());
  const auto time = low + std::chrono::milliseconds(random_() % span);
  pollfd wake{.fd = wake_fd_, .events = POLLIN, .revents = 0};
  poll(&wake, 1, static_cast<int>(time.count()));
}

int Faults::kills() const {
  int sum = 0;
  for (const auto& [fault, count] : counts_) {
    if (fault.starts_with("SIGKILL") || fault == "power cut") sum += count;
  }
  return sum;
}

void Faults::note(const std::string& what) {
  ++counts_[what];
  say_(what);
}

void Faults::happen() {
  if (bad_ == 0) hurt_.frames.set(Link::good);
  if (bad_ > 0) --bad_;
  end_last();
  unsigned sum = 0;
  for (const Kind& kind : kinds_) sum += kind.weight;
  auto at = static_cast<unsigned>(any(sum));
  for (const Kind& kind : kinds_) {
    if (at < kind.weight) return kind.happen(*this);
    at -= kind.weight;
  }
}

void Faults::end_last() {
  if (!armed_.empty()) {
    const bool hit = !hurt_.cluster.armed(armed_);
    hurt_.cluster.disarm(armed_);
    if (hit) note("SIGKILL at " + armed_);
    armed_.clear();
  }
  for (const auto& agent : hurt_.agents) {
    agent->set(Link::good);
    agent->revive();
  }
}

void Faults::heal() {
  hurt_.frames.set(Link::good);
  end_last();
  deaf_.clear();
  if (ballast_) drop_ballast();
}

pid_t Faults::pid_of_any(const std::string& program) {
  const std::vector<pid_t> pids = hurt_.cluster.pids(program);
  return pids.empty() ? 0 : pids[any(pids.size())];
}

// It may be away: of an older fault, or of a kill that is not over yet.
void Faults::ask_redis(const std::vector<std::string>& command) {
  try {
    const auto done = hurt_.cluster.redis().command(command);
    if (!done) say_("in vain: " + done.error().message);
  } catch (const std::runtime_error& error) {
    say_(std::string("in vain: ") + error.what());
  }
}

void Faults::kill(const std::string& program) {
  const pid_t pid = pid_of_any(program);
  if (pid == 0) return;
  ::kill(pid, SIGKILL);
  note("SIGKILL " + program);
}

void Faults::freeze(const std::string& program) {
  const pid_t pid = pid_of_any(program);
  if (pid == 0) return;
  note("SIGSTOP " + program);
  ::kill(pid, SIGSTOP);
  pause(200ms, 2'500ms);
  ::kill(pid, SIGCONT);
}

// No process that dies meanwhile is started again.
void Faults::freeze_up() {
  note("SIGSTOP depot up");
  hurt_.cluster.supervisor().signal(SIGSTOP);
  kill(kPrograms[any(std::size(kPrograms))].second);
  pause(200ms, 2'500ms);
  hurt_.cluster.supervisor().signal(SIGCONT);
}

void Faults::kill_up() {
  note("SIGKILL depot up");
  hurt_.frames.set(Link::good);  // Or the next one's gateways would not be ready.
  bad_ = 0;
  hurt_.cluster.kill_up_and_start();
}

void Faults::kill_agent() {
  note("SIGKILL depot-manufacturer");
  hurt_.agents[any(hurt_.agents.size())]->kill_and_start();
}

void Faults::freeze_agent() {
  ProxiedAgent& agent = *hurt_.agents[any(hurt_.agents.size())];
  note("SIGSTOP depot-manufacturer");
  agent.freeze(true);
  pause(2s, 6s);
  agent.freeze(false);
}

void Faults::agents_link() {
  const Link link = any(2) == 0 ? Link::cut : Link::bad;
  hurt_.agents[any(hurt_.agents.size())]->set(link);
  note(link == Link::cut ? "a manufacturer's link is cut" : "a manufacturer's link is bad");
}

void Faults::frames() {
  const Link link = any(3) == 0 ? Link::cut : Link::bad;
  const std::size_t which = any(hurt_.frames.size() + 1);
  bad_ = any(3);
  const bool all = which == hurt_.frames.size();
  all ? hurt_.frames.set(link) : hurt_.frames.set(which, link);
  note(fmt::format("frames at {} are {}", all ? "all balancers" : hurt_.frames.name(which),
                   link == Link::cut ? "cut off" : "lost, doubled, late"));
}

// Counted where it was reached.
void Faults::fault_point() {
  armed_ = kFaultPoints[any(std::size(kFaultPoints))];
  hurt_.cluster.arm(armed_);
  say_("armed " + armed_);
}

void Faults::cut_power() {
  const std::int64_t gone =
      hurt_.cluster.cut_power(std::uniform_real_distribution<double>(0, 1)(random_));
  ++counts_["power cut"];
  say_(fmt::format("power cut: {} bytes of the append-only file are gone", gone));
}

void Faults::fill_disk() {
  note("the disk is full");
  hurt_.cluster.fill_disk(true);
  pause(300ms, 1'500ms);
  hurt_.cluster.fill_disk(false);
}

// One large value: more than Redis may hold, and no byte of it in the append-only file.
void Faults::fill_memory() {
  note("Redis is out of memory");
  ballast_ = true;
  const std::string last = std::to_string(hurt_.cluster.config().redis.maxmemory);
  ask_redis({"SETRANGE", kBallast, last, "x"});
  pause(300ms, 1'500ms);
  drop_ballast();
}

void Faults::drop_ballast() {
  const auto dropped = [&] {
    try {
      return hurt_.cluster.redis().command({"DEL", kBallast}).has_value();
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  if (!wait_until(20s, dropped, "the memory is free again")) {
    throw std::runtime_error("the memory cannot be freed");
  }
  ballast_ = false;
}

void Faults::take_descriptors() {
  const bool hub = any(2) == 0;
  const std::string program = hub ? "depot-hub" : "depot-gateway";
  const pid_t pid = pid_of_any(program);
  rlimit before{};
  if (pid == 0 || prlimit(pid, RLIMIT_NOFILE, nullptr, &before) != 0) return;
  note("no file descriptors left for " + program);
  rlimit few = before;
  few.rlim_cur = std::min(before.rlim_cur, highest_descriptor(pid) + 1 + kDescriptors);
  prlimit(pid, RLIMIT_NOFILE, &few, nullptr);
  std::vector<Wire> idle;
  try {
    const Config& config = hurt_.cluster.config();
    for (int i = 0; i < kIdle; ++i) {
      for (int one = 0; one < 2; ++one) {
        idle.push_back(hub ? Wire(path_of(config.hub_sync_endpoint(one)))
                           : Wire(hurt_.cluster.port(one)));
      }
    }
  } catch (const WireError&) {  // As many as it takes.
  }
  pause(300ms, 1'500ms);
  prlimit(pid, RLIMIT_NOFILE, &before, nullptr);
}

void Faults::break_config() {
  note("config.yml is broken");
  const std::string path = hurt_.cluster.config_path(), good = read_file(path);
  const auto replace = [&](const std::string& text) {
    write_file(path + ".new", text);
    fs::rename(path + ".new", path);
  };
  replace(good + "workers: [\n");
  pause(700ms, 1'500ms);
  replace(good);
}

void Faults::damage_library() {
  const std::size_t how = any(3);
  std::vector<std::string> command = {"FUNCTION", "FLUSH"};
  if (how == 1) command = {"FUNCTION", "DELETE", std::string(store::library_name())};
  if (how == 2) {  // One that has no purchases yet.
    std::string older = store::library_text();
    const std::string name = "register('place_orders_v1'";
    older.replace(older.find(name), name.size(), "register('place_orders_v0'");
    command = {"FUNCTION", "LOAD", "REPLACE", older};
  }
  note(how == 2 ? "an older function library" : "no function library");
  ask_redis(command);
}

void Faults::keep_redis_busy() {
  note("Redis is busy");
  const std::string us = std::to_string(1'000'000 + any(1'000'000));
  ask_redis({"EVAL",
             "local function now() local t = redis.call('TIME') return t[1] * 1000000 + t[2] end "
             "local last = now() + ARGV[1] while now() < last do end return 1",
             "0", us});
}

void Faults::add_deaf_subscriber() {
  const int hub = static_cast<int>(any(static_cast<std::size_t>(hurt_.cluster.config().hub.count)));
  if (deaf_.size() == kDeafMax) deaf_.clear();
  note("a subscriber that reads nothing");
  try {
    deaf_.emplace_back(path_of(hurt_.cluster.config().hub_out_endpoint(hub)));
  } catch (const WireError& error) {
    say_(std::string("in vain: ") + error.what());
  }
}

}  // namespace depot::test
