// Tells when a file's text has changed on disk, however that was done: written in place, renamed
// over, or reached by a link that was turned.
//
// Threads: one.
// Errors:  StartupError where the kernel has no inotify instance left.
#pragma once

#include <optional>
#include <string>

#include "base/clock.hpp"

namespace depot::control {

class ConfigWatch {
 public:
  // Watches the folder, since editors replace the file. `path` may be "": then nothing is watched.
  explicit ConfigWatch(const std::string& path);
  ~ConfigWatch();
  ConfigWatch(const ConfigWatch&) = delete;
  ConfigWatch& operator=(const ConfigWatch&) = delete;

  int fd() const { return fd_; }  // -1 without a file
  void on_readable(TimePoint now);
  // True once, 200 ms after the last event of a burst, when the text is another than before.
  bool changed(TimePoint now);

 private:
  std::string path_, text_;
  int fd_ = -1;
  std::optional<TimePoint> due_;
};

}  // namespace depot::control
