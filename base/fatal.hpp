// How a program ends: exit codes, the one line it leaves, and broken invariants.
//
// Threads: any.
// Source:  docs/OPERATIONS.md, "Start, stop, look", names the exit codes.
#pragma once

#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace depot {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitUnavailable = 69;
inline constexpr int kExitConfig = 78;

// Cannot start: bad config, a port taken, a missing dependency. `main` prints it and exits.
class StartupError : public std::runtime_error {
 public:
  StartupError(const std::string& message, int exit_code)
      : std::runtime_error(message), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

// Prints "<program>: <what>" on stderr; returns the exit code: a StartupError's own, else 1.
int report_fatal(std::string_view program, const std::exception& error);

// Prints the broken invariant and aborts. Never for anything that a peer sent.
[[noreturn]] void assert_failed(const char* expression, const char* file, int line);

}  // namespace depot

// On in release builds too: a broken invariant of ours must not sell anything.
#define DEPOT_ASSERT(expression) \
  ((expression) ? void(0) : ::depot::assert_failed(#expression, __FILE__, __LINE__))
