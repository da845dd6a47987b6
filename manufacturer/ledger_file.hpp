// The ledger's copy in a file, an entry a line of JSON, which is read back at the next start.
//
// It need not be on disk at once: what is missing is fetched again. A line that is torn, damaged or
// does not follow is cut off with all behind it.
//
// Threads: one.
// Errors:  read() and cut() say in words why not; lines that cannot be written are fetched again
//          after the next start.
// Source:  docs/MANUFACTURERS.md, "Files of an agent".
#pragma once

#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "manufacturer/ledger.hpp"

namespace depot::manufacturer {

std::string to_json(const KeptEntry& kept);  // one line
std::optional<KeptEntry> kept_from_json(std::string_view line);

class LedgerFile {
 public:
  // Takes that file from now on; adds its entries to `ledger`, and shows each that was added.
  std::string read(const std::string& path, Ledger& ledger,
                   const std::function<void(const KeptEntry&)>& on_entry);
  void add(const KeptEntry& kept) { file_ << to_json(kept) << '\n'; }
  void flush() { file_.flush(); }
  // Leaves what is at or below `position`.
  std::string cut(Position position);

 private:
  // Cuts the file where `good` says no for the first time, or a line has no end.
  std::string keep_while(const std::function<bool(const std::string& line)>& good);

  std::string path_;
  std::ofstream file_;
};

}  // namespace depot::manufacturer
