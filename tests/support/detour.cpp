// A library to be preloaded: who would connect to a balancer's ipc socket, frontend*.sock or
// backend*.sock, connects to one of that name in the folder DEPOT_DETOUR names.
//
// Threads: any.
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

extern "C" int connect(int fd, const sockaddr* address, socklen_t size) {
  static const char* const folder = std::getenv("DEPOT_DETOUR");
  constexpr std::size_t kPathAt = offsetof(sockaddr_un, sun_path);
  if (folder == nullptr || address->sa_family != AF_UNIX || size <= kPathAt) {
    return static_cast<int>(syscall(SYS_connect, fd, address, size));
  }
  const auto* old = reinterpret_cast<const sockaddr_un*>(address);
  const std::string path(old->sun_path, strnlen(old->sun_path, size - kPathAt));
  const std::string name = path.substr(path.rfind('/') + 1);
  const std::string other = std::string(folder) + "/" + name;
  sockaddr_un detour{};
  const bool balancers = name.starts_with("frontend") || name.starts_with("backend");
  if (!balancers || other.size() >= sizeof detour.sun_path) {
    return static_cast<int>(syscall(SYS_connect, fd, address, size));
  }
  detour.sun_family = AF_UNIX;
  other.copy(detour.sun_path, other.size());
  return static_cast<int>(syscall(SYS_connect, fd, &detour, kPathAt + other.size() + 1));
}
