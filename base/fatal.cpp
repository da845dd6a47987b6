#include "base/fatal.hpp"

#include <cstdio>
#include <cstdlib>

namespace depot {

int report_fatal(std::string_view program, const std::exception& error) {
  std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(program.size()), program.data(),
               error.what());
  const auto* startup = dynamic_cast<const StartupError*>(&error);
  return startup ? startup->exit_code() : kExitFailed;
}

void assert_failed(const char* expression, const char* file, int line) {
  std::fprintf(stderr, "%s:%d: broken invariant: %s\n", file, line, expression);
  std::abort();
}

}  // namespace depot
