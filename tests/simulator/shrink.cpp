#include "tests/simulator/shrink.hpp"

#include <algorithm>

namespace depot::simulator {

Schedule shrink(Schedule schedule, const std::function<bool(const Schedule&)>& fails,
                int runs_max) {
  std::size_t pieces = 2;
  while (!schedule.empty() && runs_max > 0) {
    const std::size_t size = (schedule.size() + pieces - 1) / pieces;
    bool smaller = false;
    for (std::size_t from = 0; from < schedule.size() && runs_max > 0;) {
      const std::size_t to = std::min(schedule.size(), from + size);
      Schedule rest(schedule.begin(), schedule.begin() + static_cast<std::ptrdiff_t>(from));
      rest.insert(rest.end(), schedule.begin() + static_cast<std::ptrdiff_t>(to), schedule.end());
      --runs_max;
      if (fails(rest)) {
        schedule = std::move(rest);
        smaller = true;
      } else {
        from = to;
      }
    }
    if (smaller) {
      pieces = std::max<std::size_t>(2, pieces / 2);
    } else if (size == 1) {
      break;
    } else {
      pieces = std::min(schedule.size(), pieces * 2);
    }
  }
  return schedule;
}

}  // namespace depot::simulator
