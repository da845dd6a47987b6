#include "base/redis_login.hpp"

#include <sys/stat.h>

#include "base/fatal.hpp"
#include "base/yaml.hpp"

namespace depot {

std::string_view name_of(RedisRole role) {
  static constexpr std::string_view kNames[] = {"worker", "hub", "operator", "audit"};
  return kNames[static_cast<std::size_t>(role)];
}

std::string read_secret(const std::string& path) {
  constexpr std::size_t kSecretBytesMax = 1'000;
  std::string text = read_text_file(path, kSecretBytesMax);
  struct stat file {};
  if (stat(path.c_str(), &file) != 0 || (file.st_mode & 077) != 0) {
    throw StartupError(path + ": a secret that others may read: chmod 600 it", kExitConfig);
  }
  text.erase(std::min(text.find_first_of("\r\n"), text.size()));
  if (text.empty()) throw StartupError(path + ": no secret in it", kExitConfig);
  return text;
}

}  // namespace depot
