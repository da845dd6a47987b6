#include "tests/support/wire.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <cctype>
#include <charconv>
#include <cstring>

namespace depot::test {
namespace {

[[noreturn]] void fail_with(const std::string& what) {
  throw WireError(what + ": " + std::strerror(errno));
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

HttpReply parse_head(std::string_view head) {
  HttpReply reply;
  const std::size_t line_end = head.find("\r\n");
  const std::string_view status_line = head.substr(0, line_end);
  if (!status_line.starts_with("HTTP/1.1 ") || status_line.size() < 12) {
    throw WireError("not an HTTP/1.1 answer: " + std::string(status_line.substr(0, 80)));
  }
  std::from_chars(status_line.data() + 9, status_line.data() + 12, reply.status);
  std::size_t at = line_end == std::string_view::npos ? head.size() : line_end + 2;
  while (at < head.size()) {
    const std::size_t end = std::min(head.find("\r\n", at), head.size());
    const std::string_view line = head.substr(at, end - at);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) throw WireError("bad header: " + std::string(line));
    reply.headers.emplace_back(lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
    at = end + 2;
  }
  return reply;
}

}  // namespace

std::string HttpReply::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return "";
}

boost::json::value HttpReply::json() const {
  boost::system::error_code error;
  boost::json::value value = boost::json::parse(body, error);
  if (error) throw WireError("not JSON (" + std::to_string(status) + "): " + body.substr(0, 200));
  return value;
}

std::string HttpReply::problem() const {
  if (header("content-type") != "application/problem+json") return "";
  const std::string type(json().at("type").as_string());
  constexpr std::string_view kPrefix = "/problems/";
  return type.starts_with(kPrefix) ? type.substr(kPrefix.size()) : type;
}

Wire::Wire(int port) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd_);
    fail_with("connect to 127.0.0.1:" + std::to_string(port));
  }
}

Wire::Wire(const std::string& unix_path) {
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (unix_path.size() >= sizeof address.sun_path) throw WireError("path too long: " + unix_path);
  std::copy(unix_path.begin(), unix_path.end(), address.sun_path);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd_);
    fail_with("connect to " + unix_path);
  }
}

Wire::~Wire() {
  if (fd_ >= 0) ::close(fd_);
}

Wire::Wire(Wire&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), buffer_(std::move(other.buffer_)) {}

Wire& Wire::operator=(Wire&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

bool Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool Wire::fill(std::chrono::steady_clock::time_point end) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
  pollfd item{fd_, POLLIN, 0};
  if (left.count() <= 0 || ::poll(&item, 1, static_cast<int>(left.count())) <= 0) {
    throw WireError("no answer in time; so far: " + buffer_.substr(0, 200));
  }
  char bytes[65536];
  const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
  if (got <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(got));
  return true;
}

HttpReply Wire::read_head(std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  std::size_t head_end;
  while ((head_end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill(end)) throw WireError("closed before an answer: " + buffer_.substr(0, 200));
  }
  HttpReply reply = parse_head(std::string_view(buffer_).substr(0, head_end));
  buffer_.erase(0, head_end + 4);
  return reply;
}

std::optional<std::string> Wire::read_more(std::chrono::milliseconds timeout) {
  pollfd item{fd_, POLLIN, 0};
  if (buffer_.empty() && ::poll(&item, 1, static_cast<int>(timeout.count())) == 1 &&
      !fill(std::chrono::steady_clock::now() + std::chrono::seconds(1))) {
    return std::nullopt;
  }
  return std::exchange(buffer_, "");
}

HttpReply Wire::read_reply(std::chrono::milliseconds timeout, bool head) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  HttpReply reply = read_head(timeout);
  if (head || reply.status == 204 || reply.status == 304 || reply.status < 200) return reply;
  const std::string length = reply.header("content-length");
  if (length.empty()) throw WireError("an answer without Content-Length");
  const std::size_t size = std::stoul(length);
  while (buffer_.size() < size) {
    if (!fill(end)) throw WireError("closed inside an answer's body");
  }
  reply.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return reply;
}

bool Wire::closes(std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  try {
    while (fill(end)) {
    }
  } catch (const WireError&) {
    return false;
  }
  return true;
}

std::string Wire::read_all(std::chrono::milliseconds timeout) {
  closes(timeout);
  return std::move(buffer_);
}

HttpReply HttpClient::request(std::string_view method, std::string_view target,
                              std::string_view body, const Headers& headers) {
  std::string text;
  text.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
  for (const auto& [name, value] : headers) {
    text.append(name).append(": ").append(value).append("\r\n");
  }
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    const bool typed = std::any_of(headers.begin(), headers.end(), [](const auto& header) {
      return lower(header.first) == "content-type";
    });
    if (!typed) text += "Content-Type: application/json\r\n";
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  }
  text.append("\r\n").append(body);
  // It may have been idle for too long.
  if (!wire_.empty() && wire_.front().closes(std::chrono::milliseconds(0))) wire_.clear();
  if (wire_.empty()) wire_.emplace_back(port_);
  try {
    wire_.front().send(text);
    HttpReply reply = wire_.front().read_reply(timeout_, method == "HEAD");
    if (lower(reply.header("connection")) == "close") wire_.clear();
    return reply;
  } catch (const WireError&) {
    wire_
        .clear();  // The next request opens a new one; this one's outcome is the caller's to judge.
    throw;
  }
}

}  // namespace depot::test
