// What the fuzzers share: an input taken apart, and a way to say that an oracle was wrong.
//
// Each *_fuzz.cpp has one entry. The first byte of an input chooses what reads the rest, so that a
// few programs cover many readers; docs/HACKING.md, "Fuzzing".
//
// Threads: one.
// Errors:  whatever ends the program is a finding.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

// libFuzzer and replay.cpp call it with one input after the other.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace depot::fuzz {

inline void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "\nBROKEN PROMISE: %s\n", what);
  std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  std::uint8_t byte() {  // 0 at the end
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  // Up to `mark` (0xFF stands in no text), which is dropped; else all that is left.
  std::string_view part(char mark = '\xFF') {
    const std::size_t end = std::min(rest_.find(mark), rest_.size());
    const std::string_view found = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    return found;
  }
  // So many bytes as its first byte says.
  std::string_view sized_part() {
    const std::size_t wanted = byte();
    const std::size_t size = std::min(wanted, rest_.size());
    const std::string_view found = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return found;
  }
  std::string_view rest() const { return rest_; }
  bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

}  // namespace depot::fuzz
