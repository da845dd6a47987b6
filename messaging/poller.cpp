#include "messaging/poller.hpp"

#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/fatal.hpp"

namespace depot::messaging {

std::size_t Poller::add(const Socket& socket) {
  items_.push_back({socket.handle(), -1, ZMQ_POLLIN, 0});
  return items_.size() - 1;
}

std::size_t Poller::add_fd(int fd, bool write) {
  items_.push_back({});
  set_fd(items_.size() - 1, fd, write);
  return items_.size() - 1;
}

void Poller::set_fd(std::size_t index, int fd, bool write) {
  const short events =
      fd < 0 ? short{0} : static_cast<short>(write ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN);
  items_[index] = {nullptr, fd, events, 0};
}

void Poller::set_socket(std::size_t index, const Socket& socket) {
  items_[index] = {socket.handle(), -1, ZMQ_POLLIN, 0};
}

void Poller::wait(std::chrono::milliseconds timeout) {
  // zmq_pollitem_t is the same four fields; building the array anew keeps zmq.h out of the header,
  // and libzmq builds its own from it on every call anyway.
  constexpr std::size_t kItemsMax = 64;
  DEPOT_ASSERT(items_.size() <= kItemsMax);
  zmq_pollitem_t polled[kItemsMax];
  int count = 0;
  for (const Item& item : items_) {
    if (item.events != 0) polled[count++] = {item.socket, item.fd, item.events, 0};
  }
  const auto limit = std::numeric_limits<int>::max();
  const long wait_ms = timeout.count() < 0 ? -1 : std::min<long>(timeout.count(), limit);
  const int result = zmq_poll(polled, count, wait_ms);
  DEPOT_ASSERT(result >= 0 || zmq_errno() == EINTR);
  int next = 0;
  for (Item& item : items_) {
    item.ready = item.events != 0 && result > 0 ? polled[next].revents : short{0};
    if (item.events != 0) ++next;
  }
}

bool Poller::ready(std::size_t index) const { return items_[index].ready != 0; }

}  // namespace depot::messaging
