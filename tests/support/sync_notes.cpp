// A library to be preloaded: notes how far each append-only file is on the disk, in <file>.synced
// (8 bytes, what the last completed fsync covered), so that a test can take away what a power cut
// would. Each fsync takes DEPOT_SYNC_MS longer, as on a slow disk: a kill finds bytes not synced.
// With DEPOT_DISK_BYTES the disk takes so many bytes a second: a back end that is pinned to a rate
// of purchases, whatever the batches. While the file DEPOT_DISK_FULL names is there, half of a
// write to one fits, and then nothing more.
//
// Threads: any.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <utility>

namespace {

long number_in(const char* variable) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? 0 : std::atol(text);
}

// `size`: of the file at `path`, whose bytes behind the last fsync are to be written.
void wait_as_a_slow_disk(const std::string& path, std::int64_t size) {
  static const long ms = number_in("DEPOT_SYNC_MS"), bytes_a_second = number_in("DEPOT_DISK_BYTES");
  static std::mutex mutex;
  static std::string last_path;
  static std::int64_t last_size = 0;
  const std::lock_guard lock(mutex);
  if (path != last_path) last_size = last_path.empty() ? size : 0;  // What was there is there.
  last_path = path;
  const std::int64_t bytes = std::max<std::int64_t>(0, size - std::exchange(last_size, size));
  std::int64_t us = ms * 1'000;
  if (bytes_a_second > 0) us += bytes * 1'000'000 / bytes_a_second;
  const timespec time{.tv_sec = us / 1'000'000, .tv_nsec = us % 1'000'000 * 1'000};
  if (us > 0) ppoll(nullptr, 0, &time, nullptr);
}

// "" for other files.
std::string append_only_file(int fd) {
  char link[64] = {}, path[4'096] = {};
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(link, path, sizeof path - 1);
  const std::string text(path, size > 0 ? static_cast<std::size_t>(size) : 0);
  return text.ends_with(".incr.aof") ? text : "";
}

int sync(long call, int fd) {
  const std::string path = append_only_file(fd);
  struct stat file {};
  if (!path.empty()) fstat(fd, &file);
  if (!path.empty()) wait_as_a_slow_disk(path, file.st_size);
  const int result = static_cast<int>(syscall(call, fd));
  if (result != 0 || path.empty()) return result;
  const int note = open((path + ".synced").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  const std::uint64_t size = static_cast<std::uint64_t>(file.st_size);
  if (note >= 0 && pwrite(note, &size, sizeof size, 0) != sizeof size) std::abort();
  if (note >= 0) close(note);
  return result;
}

bool disk_is_full() {
  static const char* const path = std::getenv("DEPOT_DISK_FULL");
  return path != nullptr && access(path, F_OK) == 0;
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  if (disk_is_full() && !append_only_file(fd).empty()) {
    static bool was_half = false;
    was_half = !was_half;
    if (!was_half || size < 2) {
      errno = ENOSPC;
      return -1;
    }
    size /= 2;
  }
  return syscall(SYS_write, fd, bytes, size);
}

int fdatasync(int fd) { return sync(SYS_fdatasync, fd); }
int fsync(int fd) { return sync(SYS_fsync, fd); }

}  // extern "C"
