#include "bench/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/numbers.hpp"

namespace depot::bench {

using std::chrono::milliseconds;
using std::chrono::seconds;

bool colours_wanted(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  const char* term = std::getenv("TERM");
  return ::isatty(fd) == 1 && (no_color == nullptr || *no_color == '\0') && term != nullptr &&
         std::string_view(term) != "dumb";
}

Progress::Progress(std::string what, std::string unit, std::uint64_t total)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      total_(total),
      terminal_(::isatty(STDERR_FILENO) == 1),
      colours_(colours_wanted(STDERR_FILENO)),
      start_(steady_now()),
      printed_(start_) {}

Progress::~Progress() {
  std::fputs(((terminal_ ? "\r\x1b[K" : "") + text(steady_now()) + "\n").c_str(), stderr);
}

void Progress::refresh(TimePoint now) {
  if (now - printed_ < (terminal_ ? Duration(milliseconds(100)) : Duration(seconds(5)))) return;
  printed_ = now;
  std::fputs((terminal_ ? "\r\x1b[K" + text(now) : text(now) + "\n").c_str(), stderr);
}

std::string Progress::text(TimePoint now) const {
  const std::uint64_t done = done_.load(std::memory_order_relaxed);
  const double passed = std::chrono::duration<double>(now - start_).count();
  std::string bar;
  if (total_ > 0 && terminal_) {
    const auto full = static_cast<std::size_t>(std::min<std::uint64_t>(30, 30 * done / total_));
    bar = std::string(full, '#') + std::string(30 - full, '.');
    bar = colours_ ? "\x1b[32m[" + bar + "]\x1b[0m  " : "[" + bar + "]  ";
  }
  const std::string of = total_ > 0 ? "/" + grouped(total_) : "";
  const auto rate = static_cast<std::uint64_t>(static_cast<double>(done) / std::max(passed, 0.001));
  return fmt::format("{:<12} {}{}{} {}  {}/s", what_, bar, grouped(done), of, unit_, grouped(rate));
}

}  // namespace depot::bench
