// A folder of one test, removed with all that is in it.
//
// Threads: one.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

namespace depot::test {

class TempDir {
 public:
  TempDir() {
    char path[] = "/tmp/depot-test-XXXXXX";  // Short: a unix socket's path has at most 107 bytes.
    if (!::mkdtemp(path)) throw std::runtime_error("mkdtemp failed");
    path_ = path;
  }
  ~TempDir() {
    std::error_code ignored;  // A test that failed half-way may have left nothing to remove.
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace depot::test
