// An agent's journal: what it must remember, in a file that a crash at any moment leaves good.
//
// A change is a line with a checksum. Lines are written behind each other and are on disk before
// sync() says so; whoever publishes waits for that. A tail that is torn or damaged is dropped with
// all behind it. Now and then, and at the start, the file is written anew.
//
// Threads: one, and one process: the file's folder is locked while a Journal is there.
// Errors:  the constructor throws StartupError (exit 69). sync() says false until the disk takes
// it. Source:  docs/MANUFACTURERS.md, "The journal".
#pragma once

#include <string>
#include <string_view>

#include "manufacturer/agent_state.hpp"

namespace depot::manufacturer {

std::string encode_line(const Change& change);  // "<16 of 0-9a-f> <msgpack in hexadecimal>\n"
// Applies the lines to `state`; returns the length of those that are good.
std::size_t read_lines(std::string_view text, AgentState& state);

class Journal {
 public:
  explicit Journal(std::string path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // What the file had, for one to go on with; and the bytes that were of no use.
  AgentState& state() { return state_; }
  std::size_t dropped_bytes() const { return dropped_bytes_; }

  // Takes a change over; what is merely acknowledged may wait for the next.
  void add(const Change& change);
  // True when all that was added is on disk. `state`: what the changes have led to, for a file that
  // is written anew. The first false says why in `why`, the ones behind it "".
  bool sync(const AgentState& state, std::string& why);
  void flush();  // To the kernel: enough to survive this process.

 private:
  bool rewrite(const AgentState& state, std::string& why);

  const std::string path_;
  AgentState state_;
  std::size_t dropped_bytes_ = 0;
  int folder_ = -1, file_ = -1;
  std::string unwritten_;
  bool unsafe_ = false;  // What was added, or part of it, is not on disk.
  bool broken_ = false;  // The file may end within a line: it is written anew.
  std::size_t size_ = 0, size_max_ = 0;
};

}  // namespace depot::manufacturer
