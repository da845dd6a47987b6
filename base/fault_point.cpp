#include "base/fault_point.hpp"

#ifdef DEPOT_WITH_FAULT_POINTS

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

namespace depot {

void fault_point(const char* name) {
  static const char* const folder = std::getenv("DEPOT_FAULT_POINTS");
  if (folder == nullptr) return;
  if (unlink((std::string(folder) + "/" + name).c_str()) == 0) kill(getpid(), SIGKILL);
}

}  // namespace depot

#endif
