#include "control/config_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <filesystem>

#include "base/fatal.hpp"
#include "base/yaml.hpp"

namespace depot::control {
namespace {

constexpr auto kDebounce = std::chrono::milliseconds(200);

// A file that cannot be read now is a text of its own: load_config will say why.
std::string text_of(const std::string& path) {
  try {
    return read_text_file(path);
  } catch (const StartupError& error) {
    return error.what();
  }
}

}  // namespace

ConfigWatch::ConfigWatch(const std::string& path) : path_(path) {
  if (path.empty()) return;
  const std::string folder = std::filesystem::absolute(path).parent_path();
  constexpr auto kEvents =
      IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_ONLYDIR;
  fd_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (fd_ < 0 || inotify_add_watch(fd_, folder.c_str(), kEvents) < 0) {
    throw StartupError(folder + " cannot be watched; see fs.inotify.max_user_instances",
                       kExitUnavailable);
  }
  text_ = text_of(path_);
}

ConfigWatch::~ConfigWatch() {
  if (fd_ >= 0) close(fd_);
}

void ConfigWatch::on_readable(TimePoint now) {
  alignas(inotify_event) char events[4'096];
  while (read(fd_, events, sizeof events) > 0) due_ = now + kDebounce;
}

bool ConfigWatch::changed(TimePoint now) {
  if (!due_ || now < *due_) return false;
  due_.reset();
  std::string text = text_of(path_);
  const bool other = text != text_;
  text_ = std::move(text);
  return other;
}

}  // namespace depot::control
