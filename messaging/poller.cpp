#include "messaging/poller.hpp"

#include <zmq.h>

#include <algorithm>
#include <cerrno>

#include "base/fatal.hpp"

namespace depot::messaging {

constexpr std::size_t kItemsMax = 64;

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
  const int events = fd < 0 ? 0 : write ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN;
  items_[index] = {nullptr, fd, static_cast<short>(events), 0};
}

void Poller::set_socket(std::size_t index, const Socket& socket) {
  items_[index] = {socket.handle(), -1, ZMQ_POLLIN, 0};
}

void Poller::wait(std::chrono::milliseconds timeout) {
  // The same four fields; copying them keeps zmq.h out of the header.
  zmq_pollitem_t polled[kItemsMax];
  DEPOT_ASSERT(items_.size() <= kItemsMax);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    polled[i] = {items_[i].socket, items_[i].fd, items_[i].events, 0};
  }
  const int count = static_cast<int>(items_.size());
  const int result = zmq_poll(polled, count, std::max<long>(timeout.count(), -1));
  DEPOT_ASSERT(result >= 0 || zmq_errno() == EINTR);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    items_[i].ready = result > 0 ? polled[i].revents : short{0};
  }
}

bool Poller::ready(std::size_t index) const { return items_[index].ready != 0; }

}  // namespace depot::messaging
