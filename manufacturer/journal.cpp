#include "manufacturer/journal.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/fault_point.hpp"
#include "base/files.hpp"
#include "base/yaml.hpp"

namespace depot::manufacturer {
namespace {

constexpr std::size_t kSumSize = 16;                     // hexadecimal digits
constexpr std::size_t kBytesMax = 1024UL * 1024 * 1024;  // far above what compaction leaves
constexpr std::size_t kRewriteBytesMin = 1024UL * 1024;

std::string sum_of(std::string_view hex) { return to_hex(sha256(hex)).substr(0, kSumSize); }

bool read_line(std::string_view line, AgentState& state) {
  if (line.size() < kSumSize + 1 || line[kSumSize] != ' ') return false;
  const std::string_view hex = line.substr(kSumSize + 1);
  const std::optional<std::string> bytes = from_hex(hex);
  if (line.substr(0, kSumSize) != sum_of(hex) || !bytes) return false;
  const std::optional<Change> change = decode_change(*bytes);
  return change && apply(state, *change);
}

}  // namespace

std::string encode_line(const Change& change) {
  const std::string hex = to_hex(encode_change(change));
  return sum_of(hex) + ' ' + hex + '\n';
}

std::size_t read_lines(std::string_view text, AgentState& state) {
  std::size_t good = 0;
  while (true) {
    const std::size_t end = text.find('\n', good);
    if (end == text.npos || !read_line(text.substr(good, end - good), state)) return good;
    good = end + 1;
  }
}

Journal::Journal(std::string path) : path_(std::move(path)) {
  const std::string folder = std::filesystem::path(path_).parent_path();
  folder_ = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_ < 0) throw StartupError(why_not(folder), kExitUnavailable);
  if (flock(folder_, LOCK_EX | LOCK_NB) != 0) {
    close(folder_);
    throw StartupError(folder + ": another agent keeps its journal here", kExitUnavailable);
  }
  if (std::filesystem::exists(path_)) {
    const std::string text = read_text_file(path_, kBytesMax, kExitUnavailable);
    dropped_bytes_ = text.size() - read_lines(text, state_);
  }
  std::string why;
  if (!rewrite(state_, why)) throw StartupError(why, kExitUnavailable);
}

Journal::~Journal() {
  flush();
  close(file_);
  close(folder_);
}

void Journal::add(const Change& change) {
  if (!broken_) unwritten_ += encode_line(change);
  unsafe_ = unsafe_ || change.kind != Change::Kind::acknowledged;
}

void Journal::flush() {
  if (unwritten_.empty() || broken_) return;
  if (!write_all(file_, unwritten_)) broken_ = unsafe_ = true;
  size_ += std::exchange(unwritten_, {}).size();
}

bool Journal::sync(const AgentState& state, std::string& why) {
  why.clear();
  if (!unsafe_) return true;
  const bool known = broken_;
  flush();
  if (!broken_ && fdatasync(file_) != 0) broken_ = true;
  if (broken_ || size_ > size_max_) {
    broken_ = true;
    if (!rewrite(state, why)) {
      if (known) why.clear();
      return false;
    }
  }
  unsafe_ = false;
  fault_point("agent.journaled");
  return true;
}

bool Journal::rewrite(const AgentState& state, std::string& why) {
  std::string text;
  if (state.epoch > 0) {
    for (const Change& change : changes_to(state)) text += encode_line(change);
  }
  why = replace_file(path_, text);
  if (!why.empty()) return false;
  const int fresh = open(path_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fresh < 0) return why = why_not(path_), false;
  if (file_ >= 0) close(file_);
  file_ = fresh;
  size_ = text.size();
  size_max_ = 4 * size_ + kRewriteBytesMin;
  unwritten_.clear();
  broken_ = false;
  return true;
}

}  // namespace depot::manufacturer
