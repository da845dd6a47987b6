// Waits for a few sockets and file descriptors at once: zmq_poll, for loops that are not Asio's.
//
// Threads: one.
#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "messaging/socket.hpp"

namespace depot::messaging {

class Poller {
 public:
  // Returns an index for ready(). The socket or descriptor must outlive its place here.
  std::size_t add(const Socket& socket);
  std::size_t add_fd(int fd, bool write = false);
  void set_fd(std::size_t index, int fd, bool write);  // fd -1: ignored
  void set_socket(std::size_t index, const Socket& socket);

  // Waits at most `timeout` (negative: for ever); EINTR counts as nothing ready.
  void wait(std::chrono::milliseconds timeout);
  bool ready(std::size_t index) const;

 private:
  struct Item {
    void* socket;
    int fd;
    short events;
    short ready;
  };
  std::vector<Item> items_;
};

}  // namespace depot::messaging
