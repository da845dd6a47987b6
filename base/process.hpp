// Child processes by posix_spawn and pidfd: no SIGCHLD, no races with reused ids.
//
// Threads: one per Process.
// Errors:  start() throws StartupError (exit 69) naming the program.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace depot {

struct ProcessOptions {
  std::vector<std::string> arguments;  // the program first: a path, or a name looked up in PATH
  std::vector<std::string> environment = {};  // "KEY=value", added to ours
  std::string output_path = {};               // stdout and stderr appended there; "" = ours
  bool own_group = true;                      // so that a terminal's Ctrl-C does not reach it
};

struct ExitStatus {
  int code = 0;    // exit code, or
  int signal = 0;  // the signal that ended it
};

class Process {
 public:
  static Process start(const ProcessOptions& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();  // SIGKILLs and reaps a child that still runs.

  pid_t pid() const { return pid_; }
  int fd() const { return pid_fd_; }  // readable when it has ended
  void signal(int number);
  bool running();  // reaps when it has ended
  std::optional<ExitStatus> wait(std::chrono::milliseconds timeout);

 private:
  Process() = default;
  pid_t pid_ = -1;
  int pid_fd_ = -1;
  std::optional<ExitStatus> status_;
};

// The folder that this executable lies in: where its siblings are.
std::string executable_dir();

// Lets this process have `count` files and connections open, as far as it may: a shell's usual
// limit is 1,024, and may be raised.
void raise_files_max(std::size_t count);

// User and system CPU time of a process, and its resident memory; 0 once it is gone.
double cpu_seconds(pid_t pid);
std::int64_t resident_bytes(pid_t pid);

}  // namespace depot
