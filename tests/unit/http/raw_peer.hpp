// A plain socket for tests of the HTTP server, and the server itself on a thread of its own.
//
// Threads: RawPeer one; RunningServer any.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http/server.hpp"

namespace depot::http::test {

inline constexpr std::string_view kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

struct RawAnswer {
  int status = 0;
  std::string head;  // status line and headers
  std::string body;
  std::string header(std::string_view name) const;  // "" when absent
};

// A blocking socket; every wait ends after 10 s with what there is.
class RawPeer {
 public:
  explicit RawPeer(std::uint16_t port, const std::string& address = "127.0.0.1");
  explicit RawPeer(const std::string& unix_path);
  ~RawPeer();
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  void send(std::string_view bytes);
  void send_by_byte(std::string_view bytes);
  void shut_down_writing();
  void set_receive_buffer(int bytes);
  void take(std::size_t bytes_max);  // and forgets them
  RawAnswer answer(
      bool to_head = false);  // status 0 when the connection ended before one was whole
  std::vector<RawAnswer> answers_to_end();
  std::string rest();  // all until the connection ends
  bool closed();       // waits for the end; false when there are bytes instead
  int fd() const { return fd_; }

 private:
  bool more();
  int fd_ = -1;
  bool ended_ = false;
  std::string in_;
};

// Paths: /hold... answers when release() says so; /drop drops its Responder; /size/N answers N
// bytes; /status/N answers with status N; /stream... begins a stream of that name with "begin;";
// all others echo "<method> <path>?<query> <body>".
class RunningServer {
 public:
  explicit RunningServer(ServerOptions options = {});
  ~RunningServer();

  std::uint16_t port() const { return port_; }
  void release(const std::string& path);
  void write(const std::string& stream, std::string text);
  void end(const std::string& stream);
  bool open(const std::string& stream);
  std::size_t unsent(const std::string& stream);
  std::vector<std::string> handled() const;  // "<method> <path>", in the order handled
  std::vector<std::size_t> turns() const;    // how many were handled at each on_turn_end
  bool held(const std::string& path) const;
  ServerStats stats();
  void drain(std::atomic<bool>& done);
  void run(std::function<void()> on_loop);  // and waits for it

 private:
  void handle(const Request& request, Responder responder);
  mutable std::mutex mutex_;
  std::vector<std::string> handled_;
  std::vector<std::size_t> turns_;
  std::map<std::string, Responder> held_;
  std::map<std::string, Stream> streams_;
  boost::asio::io_context io_{1};
  std::unique_ptr<Server> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace depot::http::test
