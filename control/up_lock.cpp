#include "control/up_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/fatal.hpp"

namespace depot::control {
namespace {

namespace fs = std::filesystem;

// Whether a process listens there: an agent that was started by itself outlives `depot up`.
bool is_served(const fs::path& path) {
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  if (path.native().size() >= sizeof address.sun_path) return true;  // None of ours is.
  path.native().copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return true;
  const int failed = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const bool served = failed == 0 || (errno != ECONNREFUSED && errno != ENOENT);
  close(fd);
  return served;
}

// Of processes that were killed; somebody else's files stay.
void remove_sockets(const fs::path& folder) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    const std::string socket = name.ends_with(".lock") ? entry.path().stem().string() : name;
    if (!socket.ends_with(".sock") || is_served(folder / socket)) continue;
    fs::remove(entry, ignored);
  }
}

}  // namespace

std::string copy_in_force(const std::string& path) {
  const fs::path file = fs::absolute(path.empty() ? "config.yml" : path);
  return file.parent_path() / "var" / (file.stem().string() + "-in-force.yml");
}

Config load_in_force(const std::string& config_path) {
  const std::string copy = copy_in_force(config_path);
  if (fs::exists(copy)) {
    Config config = load_config(copy);
    config.path = config_path;
    if (UpLock::holder(config.runtime_dir) != 0) return config;
  }
  return load_config(config_path);
}

UpLock::UpLock(const std::string& runtime_dir) : path_(runtime_dir + "/up.lock") {
  fd_ = open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  struct stat held {
  }, named{};
  const bool locked = fd_ >= 0 && flock(fd_, LOCK_EX | LOCK_NB) == 0 && fstat(fd_, &held) == 0 &&
                      stat(path_.c_str(), &named) == 0 && held.st_ino == named.st_ino;
  const std::string pid = std::to_string(getpid());
  left_over_ = locked && held.st_size > 0;
  if (locked && ftruncate(fd_, 0) == 0 && write(fd_, pid.data(), pid.size()) > 0) return;
  if (fd_ >= 0) close(fd_);
  throw StartupError(
      fmt::format("a Depot is running here already (pid {}, in {}): stop it by `depot down` first",
                  holder(runtime_dir), runtime_dir),
      kExitFailed);
}

UpLock::~UpLock() {
  const fs::path folder = fs::path(path_).parent_path();
  std::error_code ignored;
  remove_sockets(folder / "admin");
  fs::remove(folder / "admin", ignored);
  remove_sockets(folder);
  unlink(path_.c_str());
  close(fd_);
  fs::remove(folder, ignored);  // Only where it is empty now.
}

int UpLock::holder(const std::string& runtime_dir) {
  const int fd = open((runtime_dir + "/up.lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[16] = {};
  const bool free = flock(fd, LOCK_SH | LOCK_NB) == 0;
  const bool read_it = read(fd, text, sizeof text - 1) > 0;
  close(fd);
  return !free && read_it ? std::atoi(text) : 0;
}

}  // namespace depot::control
