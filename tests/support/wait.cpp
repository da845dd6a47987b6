#include "tests/support/wait.hpp"

#include <poll.h>

namespace depot::test {

testing::AssertionResult wait_until(std::chrono::milliseconds deadline,
                                    const std::function<bool()>& condition, const std::string& what,
                                    const std::function<std::string()>& describe) {
  const auto end = std::chrono::steady_clock::now() + deadline;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) {
      auto failure = testing::AssertionFailure()
                     << "waited " << deadline.count() << " ms for: " << what;
      if (describe) failure << "\n" << describe();
      return failure;
    }
    poll(nullptr, 0, 5);
  }
  return testing::AssertionSuccess();
}

}  // namespace depot::test
