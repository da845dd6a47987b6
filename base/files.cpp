#include "base/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace depot {

std::string why_not(const std::string& path) { return path + ": " + std::strerror(errno); }

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string replace_file(const std::string& path, std::string_view bytes) {
  const std::string fresh = path + ".new";
  const int fd = open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return why_not(fresh);
  std::string why;
  if (!write_all(fd, bytes) || fsync(fd) != 0) why = why_not(fresh);
  close(fd);
  if (!why.empty()) return why;
  if (std::rename(fresh.c_str(), path.c_str()) != 0) return why_not(path);
  const std::string folder = std::filesystem::absolute(path).parent_path();
  const int folder_fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder_fd < 0) return why_not(folder);
  if (fsync(folder_fd) != 0) why = why_not(folder);
  close(folder_fd);
  return why;
}

}  // namespace depot
