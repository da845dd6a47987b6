// The command line that every server process shares.
//
// Errors: usage errors print one line and exit 2; --help and --version print and exit 0.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/config.hpp"

namespace depot {

struct Options {
  std::string config_path;  // "" where none was named and none found: the defaults hold.
  bool check_config = false;
  std::string name;  // --name: this instance ("worker-2"); the program's name by default.
};

// One that a program has besides: "FILE" is positional and required (save by --check-config),
// "--data" is neither.
struct ExtraOption {
  std::string name;
  std::string help;
  std::string& value;
};

// `examples` opens the --help text. May exit the process (help, version, usage error).
Options parse_options(std::string_view program, std::string_view purpose, std::string_view examples,
                      int argc, char** argv, const std::vector<ExtraOption>& extra = {});

// Which of its kind an instance is, from 0: "hub-2" -> 1; 0 for a name without a number.
int instance_index(std::string_view name);

// --config, else $DEPOT_CONFIG, else ./config.yml, else /etc/depot/config.yml, else "".
std::string find_config(std::string_view from_option);

// For --check-config: describe_config on stdout. Returns the exit code.
int print_config(const Config& config);

// In a child's environment: the pid of a parent that it must not outlive (SIGTERM when it dies).
inline constexpr const char* kParentVariable = "DEPOT_PARENT";

// Ends this process with that parent, where one is named; parse_options() does it.
void follow_parent();

// From now on this process and what it starts leave no core behind when they crash, neither in a
// file nor with a program that core_pattern names: memory may hold a card's number, or a password.
// parse_options() does it.
void leave_no_core();

// "depot-worker 0.1.0 (g++ 12.2.0, zmq 4.3.4, ...)", one line.
std::string version_line(std::string_view program);

}  // namespace depot
