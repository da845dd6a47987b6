#include "base/options.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "base/fatal.hpp"

namespace depot {

void follow_parent() {
  const char* parent = std::getenv(kParentVariable);
  if (!parent) return;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (std::to_string(getppid()) != parent) std::exit(kExitFailed);  // It is gone already.
}

// A limit of 0 holds for files only: a program that takes cores by a pipe is given them
// nevertheless. Of 1 byte Linux gives it none, and writes no file either, as none is so small
// (fs/coredump.c). Where the limit is 0 already, only root may raise it.
void leave_no_core() {
  constexpr rlimit kOneByte{1, 1}, kNothing{0, 0};
  if (setrlimit(RLIMIT_CORE, &kOneByte) != 0) setrlimit(RLIMIT_CORE, &kNothing);
}

Options parse_options(std::string_view program, std::string_view purpose, std::string_view examples,
                      int argc, char** argv, const std::vector<ExtraOption>& extra) {
  follow_parent();
  leave_no_core();
  Options options;
  options.name = program;
  CLI::App app{fmt::format("{}\n\nExamples:\n{}", purpose, examples), std::string(program)};
  std::string config;
  app.add_option("--config", config, "config.yml; else $DEPOT_CONFIG, ./config.yml, /etc/depot");
  app.add_option("--name", options.name, "this instance's name, e.g. worker-2");
  app.add_flag("--check-config", options.check_config, "print the configuration in force and exit");
  for (const ExtraOption& option : extra) {
    app.add_option(option.name, option.value, option.help);
  }
  app.set_version_flag("--version", version_line(program));
  try {
    app.parse(argc, argv);
    for (const ExtraOption& option : extra) {
      const bool positional = option.name[0] != '-';
      if (positional && option.value.empty() && !options.check_config) {
        throw CLI::RequiredError(option.name);
      }
    }
  } catch (const CLI::ParseError& error) {
    // CLI11's own codes are above 100; ours are the contract.
    std::exit(app.exit(error) == 0 ? kExitOk : kExitUsage);
  }
  options.config_path = find_config(config);
  return options;
}

int instance_index(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  int number = 0;
  if (dash != std::string_view::npos) {
    std::from_chars(name.data() + dash + 1, name.data() + name.size(), number);
  }
  return std::max(number, 1) - 1;
}

std::string find_config(std::string_view from_option) {
  if (!from_option.empty()) return std::string(from_option);
  const char* variable = std::getenv("DEPOT_CONFIG");
  if (variable && *variable) return variable;
  for (const char* path : {"config.yml", "/etc/depot/config.yml"}) {
    if (std::filesystem::exists(path)) return path;
  }
  return "";
}

std::string version_line(std::string_view program) {
  return fmt::format("{} {} (g++ {}, {})", program, DEPOT_VERSION, __VERSION__, DEPOT_LIBRARIES);
}

int print_config(const Config& config) {
  return std::fputs(describe_config(config).c_str(), stdout) >= 0 ? kExitOk : kExitFailed;
}

}  // namespace depot
