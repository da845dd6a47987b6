// Running a program of the build to its end, and temporary folders for tests.
//
// Threads: any.
// Errors:  std::runtime_error where a program cannot be started or does not end in time.
#pragma once

#include <chrono>
#include <csignal>  // the names of the signals, for its users
#include <string>
#include <vector>

namespace depot::test {

// A folder /tmp/dt-XXXXXX of mode 0700, removed with all it holds. Short, because a unix socket's
// path has at most 107 bytes.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

struct CommandResult {
  int exit_code = 0;  // 128 + n when a signal n ended it
  std::string out;
  std::string err;
};

// Runs `arguments` (the program first) and waits for its end; ends it by SIGKILL at the time-out.
CommandResult run_command(const std::vector<std::string>& arguments,
                          const std::vector<std::string>& environment = {},
                          std::chrono::seconds timeout = std::chrono::seconds(120));

// The path of one of our programs, beside this test's executable. DEPOT_BIN overrides the folder:
// the traces run release builds from a test of the dev build.
std::string program(const std::string& name);

std::string read_file(const std::string& path);  // "" where there is none
std::vector<std::string> files_below(const std::string& folder, const std::string& extension);
void write_file(const std::string& path, const std::string& bytes);
std::string last_lines(const std::string& text, int count);

}  // namespace depot::test
