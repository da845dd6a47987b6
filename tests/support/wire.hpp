// A plain blocking socket and a small HTTP/1.1 client on it, for tests. Shares no code with http/:
// what checks must not be made of what is checked.
//
// Threads: each object belongs to one thread.
// Errors:  WireError for a refused connection, a time-out or an answer that is not HTTP.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace depot::test {

class WireError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpReply {
  int status = 0;
  Headers headers;  // names in lower case
  std::string body;

  std::string header(std::string_view name) const;  // "" when absent
  boost::json::value json() const;                  // throws WireError naming the body
  // The <name> of a problem+json's type "/problems/<name>"; "" when it is no problem.
  std::string problem() const;
};

// A byte stream to 127.0.0.1:port or to a unix socket.
class Wire {
 public:
  explicit Wire(int port);
  explicit Wire(const std::string& unix_path);
  ~Wire();
  Wire(Wire&& other) noexcept;
  Wire& operator=(Wire&& other) noexcept;

  // False when the peer has closed.
  bool send(std::string_view bytes);
  // Reads one HTTP answer. `head`: the request was a HEAD, so no body follows.
  HttpReply read_reply(std::chrono::milliseconds timeout = std::chrono::seconds(30),
                       bool head = false);
  // The head of an answer whose body goes on, and what has come of it since: "" where nothing does
  // within `timeout`, nullopt once the peer has closed.
  HttpReply read_head(std::chrono::milliseconds timeout = std::chrono::seconds(30));
  std::optional<std::string> read_more(std::chrono::milliseconds timeout);
  // True when the peer closes within `timeout`; what it sends before is thrown away.
  bool closes(std::chrono::milliseconds timeout);
  // Everything until the peer closes or `timeout`.
  std::string read_all(std::chrono::milliseconds timeout);
  int fd() const { return fd_; }

 private:
  int fd_ = -1;
  std::string buffer_;
  bool fill(std::chrono::steady_clock::time_point end);  // false: closed
};

// A keep-alive client of one gateway. Reconnects for the next request once the peer has closed.
// A copy has a connection of its own.
class HttpClient {
 public:
  explicit HttpClient(int port) : port_(port) {}
  HttpClient(const HttpClient& other) : port_(other.port_), timeout_(other.timeout_) {}
  HttpClient(HttpClient&&) noexcept = default;
  HttpClient& operator=(HttpClient&&) noexcept = default;
  HttpReply request(std::string_view method, std::string_view target, std::string_view body = "",
                    const Headers& headers = {});
  void set_timeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }
  int port() const { return port_; }

 private:
  int port_;
  std::chrono::milliseconds timeout_{30'000};
  std::vector<Wire> wire_;  // none or one
};

}  // namespace depot::test
