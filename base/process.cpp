#include "base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern "C" {  // glibc 2.36 declares these without C linkage for C++.
#include <sys/pidfd.h>
}

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "base/fatal.hpp"

namespace depot {
namespace {

struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
};

// A child starts with no signal blocked or ignored, whatever StopSignal did to us, and with no
// descriptor of ours but stdout and stderr.
void prepare(const ProcessOptions& options, SpawnSettings& settings) {
  posix_spawn_file_actions_addopen(&settings.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (!options.output_path.empty()) {
    posix_spawn_file_actions_addopen(&settings.actions, STDOUT_FILENO, options.output_path.c_str(),
                                     O_WRONLY | O_CREAT | O_APPEND, 0640);
    posix_spawn_file_actions_adddup2(&settings.actions, STDOUT_FILENO, STDERR_FILENO);
  }
  posix_spawn_file_actions_addclosefrom_np(&settings.actions, STDERR_FILENO + 1);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  int flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  if (options.own_group) flags |= POSIX_SPAWN_SETPGROUP;
  posix_spawnattr_setflags(&settings.attributes, static_cast<short>(flags));
}

// `added`, and ours but for those of the same names.
std::vector<std::string> environment_with(const std::vector<std::string>& added) {
  std::vector<std::string> all = added;
  for (char** entry = environ; *entry; ++entry) {
    const std::string name(*entry, std::strcspn(*entry, "=") + 1);
    const auto same = [&](const std::string& other) { return other.starts_with(name); };
    if (std::ranges::none_of(added, same)) all.emplace_back(*entry);
  }
  return all;
}

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& text : strings) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Process Process::start(const ProcessOptions& options) {
  DEPOT_ASSERT(!options.arguments.empty());
  SpawnSettings settings;
  prepare(options, settings);
  const std::vector<std::string> environment = environment_with(options.environment);
  Process child;
  const int error = posix_spawnp(&child.pid_, options.arguments[0].c_str(), &settings.actions,
                                 &settings.attributes, pointers_to(options.arguments).data(),
                                 pointers_to(environment).data());
  if (error != 0) {
    child.pid_ = -1;
    throw StartupError("cannot start " + options.arguments[0] + ": " + std::strerror(error),
                       kExitUnavailable);
  }
  // Safe: the id cannot be used again before we have reaped the child.
  child.pid_fd_ = pidfd_open(child.pid_, 0);
  if (child.pid_fd_ < 0) {
    kill(child.pid_, SIGKILL);
    waitpid(std::exchange(child.pid_, -1), nullptr, 0);
    throw StartupError("cannot watch " + options.arguments[0] + ": " + std::strerror(errno),
                       kExitUnavailable);
  }
  return child;
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pid_fd_(std::exchange(other.pid_fd_, -1)),
      status_(std::exchange(other.status_, std::nullopt)) {}

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pid_fd_, other.pid_fd_);
  std::swap(status_, other.status_);
  return *this;
}

Process::~Process() {
  if (pid_fd_ < 0) return;
  if (running()) {
    signal(SIGKILL);
    wait(std::chrono::milliseconds(-1));
  }
  close(pid_fd_);
}

void Process::signal(int number) {
  // It fails only for a child that has ended, which is what the signal was for.
  if (pid_fd_ >= 0 && !status_) pidfd_send_signal(pid_fd_, number, nullptr, 0);
}

bool Process::running() { return pid_fd_ >= 0 && !wait(std::chrono::milliseconds(0)); }

std::optional<ExitStatus> Process::wait(std::chrono::milliseconds timeout) {
  if (status_ || pid_fd_ < 0) return status_;
  pollfd ended{pid_fd_, POLLIN, 0};
  while (poll(&ended, 1, static_cast<int>(timeout.count())) < 0 && errno == EINTR) {
  }
  siginfo_t info{};
  if (waitid(P_PIDFD, static_cast<id_t>(pid_fd_), &info, WEXITED | WNOHANG) != 0 ||
      info.si_pid == 0) {
    return std::nullopt;
  }
  status_ = info.si_code == CLD_EXITED ? ExitStatus{.code = info.si_status}
                                       : ExitStatus{.code = 0, .signal = info.si_status};
  return status_;
}

std::string executable_dir() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

void raise_files_max(std::size_t count) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min(limit.rlim_max, std::max<rlim_t>(limit.rlim_cur, count));
  setrlimit(RLIMIT_NOFILE, &limit);
}

double cpu_seconds(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

std::int64_t resident_bytes(pid_t pid) {
  std::int64_t size = 0, resident = 0;
  std::ifstream("/proc/" + std::to_string(pid) + "/statm") >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace depot
