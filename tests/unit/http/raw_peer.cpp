#include "tests/unit/http/raw_peer.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <charconv>
#include <cstring>
#include <future>
#include <stdexcept>

namespace depot::http::test {
namespace {

void give_time_limit(int fd) {
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

int number_behind(std::string_view path, std::string_view prefix) {
  int number = 0;
  std::from_chars(path.data() + prefix.size(), path.data() + path.size(), number);
  return number;
}

}  // namespace

std::string RawAnswer::header(std::string_view name) const {
  const std::string start = "\r\n" + std::string(name) + ": ";
  const std::size_t at = head.find(start);
  if (at == std::string::npos) return "";
  return head.substr(at + start.size(), head.find("\r\n", at + 2) - at - start.size());
}

RawPeer::RawPeer(std::uint16_t port, const std::string& address) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_port = htons(port);
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_port = htons(port);
  const bool is_six = ::inet_pton(AF_INET6, address.c_str(), &six.sin6_addr) == 1;
  ::inet_pton(AF_INET, address.c_str(), &four.sin_addr);
  fd_ = ::socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  give_time_limit(fd_);
  const int failed = is_six ? ::connect(fd_, reinterpret_cast<sockaddr*>(&six), sizeof(six))
                            : ::connect(fd_, reinterpret_cast<sockaddr*>(&four), sizeof(four));
  if (failed != 0) {
    ::close(fd_);
    throw std::runtime_error("connect: " + std::string(std::strerror(errno)));
  }
}

RawPeer::RawPeer(const std::string& unix_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, unix_path.c_str(), sizeof(address.sun_path) - 1);
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  give_time_limit(fd_);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
    ::close(fd_);
    throw std::runtime_error("connect: " + std::string(std::strerror(errno)));
  }
}

RawPeer::~RawPeer() { ::close(fd_); }

void RawPeer::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0) return;  // The server may refuse the rest; what it answered says so.
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
}

void RawPeer::send_by_byte(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) send(bytes.substr(i, 1));
}

void RawPeer::shut_down_writing() { ::shutdown(fd_, SHUT_WR); }

void RawPeer::set_receive_buffer(int bytes) {
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

void RawPeer::take(std::size_t bytes_max) {
  std::string bytes(bytes_max, '\0');
  ended_ = ::recv(fd_, bytes.data(), bytes.size(), 0) == 0;
}

bool RawPeer::more() {
  char bytes[64 * 1024];
  const ssize_t size = ::recv(fd_, bytes, sizeof(bytes), 0);
  if (size > 0) in_.append(bytes, static_cast<std::size_t>(size));
  ended_ = size == 0 || (size < 0 && errno == ECONNRESET);
  return size > 0;
}

RawAnswer RawPeer::answer(bool to_head) {
  std::size_t end = 0;
  while ((end = in_.find("\r\n\r\n")) == std::string::npos) {
    if (!more()) return {};
  }
  RawAnswer answer;
  answer.head = in_.substr(0, end + 2);
  answer.status = number_behind(answer.head, "HTTP/1.1 ");
  in_.erase(0, end + 4);
  const std::string length = answer.header("Content-Length");
  const std::size_t size = to_head || length.empty() ? 0 : std::stoul(length);
  while (in_.size() < size) {
    if (!more()) return {};
  }
  answer.body = in_.substr(0, size);
  in_.erase(0, size);
  return answer;
}

std::vector<RawAnswer> RawPeer::answers_to_end() {
  std::vector<RawAnswer> answers;
  for (RawAnswer next = answer(); next.status != 0; next = answer()) answers.push_back(next);
  return answers;
}

std::string RawPeer::rest() {
  while (more()) {
  }
  return std::exchange(in_, "");
}

bool RawPeer::closed() { return in_.empty() && (ended_ || (!more() && ended_)); }

RunningServer::RunningServer(ServerOptions options) {
  server_ = std::make_unique<Server>(io_, options, [this](const Request& request, Responder to) {
    handle(request, std::move(to));
  });
  server_->on_turn_end([this] {
    const std::lock_guard lock(mutex_);
    turns_.push_back(handled_.size());
  });
  port_ = server_->port();
  thread_ = std::thread([this] {
    const auto work = boost::asio::make_work_guard(io_);
    io_.run();
  });
}

RunningServer::~RunningServer() {
  run([this] {
    held_.clear();
    streams_.clear();
    server_.reset();
  });
  io_.stop();
  thread_.join();
}

void RunningServer::handle(const Request& request, Responder responder) {
  const std::string path(request.path);
  const std::lock_guard lock(mutex_);
  handled_.push_back(std::string(request.method_text) + " " + path);
  if (path.starts_with("/hold")) {
    held_[path] = std::move(responder);
    return;
  }
  if (path == "/drop") return;
  if (path.starts_with("/stream")) {
    streams_[path] = responder.stream({.content_type = "text/event-stream", .body = "begin;"});
    return;
  }
  Response response;
  if (path.starts_with("/size/")) {
    response.body.assign(static_cast<std::size_t>(number_behind(path, "/size/")), 'x');
  } else if (path.starts_with("/status/")) {
    response.status = number_behind(path, "/status/");
    response.headers.emplace_back("X-Bad", "a\r\nSet-Cookie: sid=1");
  } else {
    response.content_type = "text/plain";
    response.body = handled_.back() + "?" + std::string(request.query) + " ";
    response.body += request.body;
  }
  responder.send(std::move(response));
}

void RunningServer::release(const std::string& path) {
  run([&] {
    Responder responder;
    {
      const std::lock_guard lock(mutex_);
      responder = std::move(held_.at(path));
      held_.erase(path);
    }
    Response response;
    response.body = "released " + path;
    responder.send(std::move(response));
  });
}

void RunningServer::write(const std::string& stream, std::string text) {
  run([&] { streams_[stream].write(std::make_shared<const std::string>(std::move(text))); });
}

void RunningServer::end(const std::string& stream) {
  run([&] { streams_.erase(stream); });
}

bool RunningServer::open(const std::string& stream) {
  bool open = false;
  run([&] { open = streams_[stream].open(); });
  return open;
}

std::size_t RunningServer::unsent(const std::string& stream) {
  std::size_t bytes = 0;
  run([&] { bytes = streams_[stream].unsent(); });
  return bytes;
}

std::vector<std::string> RunningServer::handled() const {
  const std::lock_guard lock(mutex_);
  return handled_;
}

std::vector<std::size_t> RunningServer::turns() const {
  const std::lock_guard lock(mutex_);
  return turns_;
}

bool RunningServer::held(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  return held_.contains(path);
}

ServerStats RunningServer::stats() {
  ServerStats stats;
  run([&] { stats = server_->stats(); });
  return stats;
}

void RunningServer::drain(std::atomic<bool>& done) {
  run([&] { server_->drain([&done] { done = true; }); });
}

void RunningServer::run(std::function<void()> on_loop) {
  std::promise<void> ran;
  boost::asio::post(io_, [&] {
    on_loop();
    ran.set_value();
  });
  ran.get_future().wait();
}

}  // namespace depot::http::test
