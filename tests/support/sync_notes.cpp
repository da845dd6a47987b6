// A library to be preloaded: notes how far each append-only file is on the disk, in <file>.synced
// (8 bytes, what the last completed fsync covered), so that a test can take away what a power cut
// would. Each fsync takes DEPOT_SYNC_MS longer, as on a slow disk: a kill finds bytes not synced.
// While the file DEPOT_DISK_FULL names is there, half of a write to one fits, and then nothing
// more.
//
// Threads: any.
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

void wait_as_a_slow_disk() {
  static const char* const text = std::getenv("DEPOT_SYNC_MS");
  const long ms = text == nullptr ? 0 : std::atol(text);
  if (ms > 0) poll(nullptr, 0, static_cast<int>(ms));
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
  if (!path.empty()) wait_as_a_slow_disk();
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
