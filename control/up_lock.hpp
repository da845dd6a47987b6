// Who runs here, and by which configuration: what `depot up` leaves for the other commands.
//
// Threads: any.
#pragma once

#include <string>

#include "base/config.hpp"

namespace depot::control {

// Held while an `up` runs on a runtime folder, and leaves that empty; the kernel lets go of it with
// the process.
class UpLock {
 public:
  explicit UpLock(const std::string& runtime_dir);  // Throws where it is held, naming the pid.
  ~UpLock();
  UpLock(const UpLock&) = delete;
  UpLock& operator=(const UpLock&) = delete;
  // The pid of the `up` that runs there; 0 without one.
  static int holder(const std::string& runtime_dir);
  // Whether one was killed here, whose processes may still be ending.
  bool left_over() const { return left_over_; }

 private:
  std::string path_;
  int fd_ = -1;
  bool left_over_ = false;
};

// Where the configuration in force is kept for the processes, below var/.
std::string copy_in_force(const std::string& config_path);

// What the `depot up` on this config.yml goes by, also when the file has become another or broken;
// the file itself when none runs.
Config load_in_force(const std::string& config_path);

}  // namespace depot::control
