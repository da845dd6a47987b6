// An HTTP/1.1 server; with http/client.hpp the one home of Boost.Beast.
//
// It owns framing, keep-alive, pipelining (answers in order; unsafe requests of one connection one
// at a time), limits and deadlines. What a request means is the handler's. An answer may also be a
// Stream, which goes on until its owner or the peer ends it.
//
// Threads: a Server lives on one io_context run by one thread; everything, the handler and every
//          Responder included, is called on that thread. Run one per thread.
// Errors:  a request that breaks HTTP is answered by the server itself with problem+json and, where
//          the framing is in doubt, the connection is closed. bind failures throw StartupError
//          (exit 69) that names the address.
// Source:  RFC 9112; config.yml, "gateway", for the limits.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/connection_counts.hpp"

namespace depot::http {

enum class Method : std::uint8_t { get, head, post, put, patch, delete_, options, other };
std::string_view name_of(Method method);  // "GET"; "" for other
constexpr bool is_safe(Method m) {
  return m == Method::get || m == Method::head || m == Method::options;
}

// One request. Views are good until the handler returns; copy what outlives it.
struct Request {
  Method method = Method::get;
  std::string_view method_text = {};
  std::string_view path = {};   // before '?', as sent (not decoded)
  std::string_view query = {};  // behind '?'; "" without
  std::string_view body = {};
  std::string_view address = {};  // of the peer
  struct Field {
    std::string_view name, value;
  };
  std::span<const Field> fields = {};

  // Names in lower case. Two of one name: the first.
  std::optional<std::string_view> optional_header(std::string_view name) const;
  std::string_view header(std::string_view name) const {  // "" when absent
    return optional_header(name).value_or("");
  }
};

bool equal_folded(std::string_view a, std::string_view b);  // without regard to ASCII case

// False for an unsafe request that another site may have made a browser send: one that the browser
// calls cross-site, or whose Origin is not the host asked; with neither header one that comes with
// a cookie. A browser never sends a bearer's token on its own.
bool request_allowed(const Request& request);

struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  // a literal
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  bool close = false;  // Connection: close behind it
};

class Stream;

// The right to answer one request, once. Move-only; answering after the peer has gone does nothing.
// Destroyed unanswered, it answers 500.
class Responder {
 public:
  Responder() = default;
  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&&) noexcept;
  ~Responder();
  void send(Response response);
  // Begins an answer that goes on: no Content-Length, and the connection closes behind it. It waits
  // for its turn behind earlier requests, as others do. A HEAD gets the head only.
  Stream stream(Response begin);

  struct Slot;
  explicit Responder(std::shared_ptr<Slot> slot) : slot_(std::move(slot)) {}

 private:
  std::shared_ptr<Slot> slot_;
};

// The rest of such an answer. Move-only; destroyed, it ends: the connection closes once the peer
// has taken what was written, or has taken nothing for 2 s. The peer's close is noticed at once; a
// peer that takes nothing for `write_deadline` while there is something to take is closed.
class Stream {
 public:
  // Shared, since many streams are sent the same; nothing is copied but into the kernel.
  using Frame = std::shared_ptr<const std::string>;

  Stream() = default;
  Stream(Stream&&) noexcept = default;
  Stream& operator=(Stream&&) noexcept;
  ~Stream();
  // Does nothing once it is not open. How much waits is for the caller to bound.
  void write(Frame frame);
  std::size_t unsent() const;  // bytes that the kernel has not taken; 0 once it is not open
  bool open() const;           // The peer is there, and it asked for more than the head.

 private:
  friend class Responder;
  std::shared_ptr<Responder::Slot> slot_;
};

using Handler = std::function<void(const Request&, Responder)>;

// Servers of one process may share a port, one for each thread; never two processes.
enum class PortUse : std::uint8_t {
  alone,
  shared,  // nobody else has it now; `joined` Servers may follow
  joined,  // the port of a `shared` Server
};

struct ServerOptions {
  std::string listen = "127.0.0.1:0";  // "address:port" ("[::1]:port"), or "unix:/path"
  PortUse port_use = PortUse::alone;
  std::size_t header_bytes_max = 16 * 1024;
  std::size_t body_bytes_max = 128 * 1024;
  std::chrono::milliseconds header_deadline{5'000};
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds body_deadline{10'000};   // from the end of the head
  std::chrono::milliseconds write_deadline{10'000};  // for the peer to take a reply
  int send_buffer = 128 * 1024;                      // bytes, in the kernel, of each connection
  int connections_max = 20'000;                      // beyond it 503
  int connections_per_address_max = 1'024;           // likewise; loopback is exempt
  int pipeline_max = 64;                             // requests of one connection being answered
  std::shared_ptr<ConnectionCounts> counts = {};     // of the Servers that share the limits
};

struct ServerStats {
  std::uint64_t connections_now = 0;
  std::uint64_t connections_total = 0;
};

class Server {
 public:
  Server(boost::asio::io_context& io, const ServerOptions& options, Handler handler);
  ~Server();

  std::uint16_t port() const;  // as bound; 0 for a unix socket
  // Called once per loop turn, behind the last request that was parsed in it: the place to flush
  // what the handlers queued.
  void on_turn_end(std::function<void()> hook);
  // Stops accepting; idle connections close, the others after their answers; then calls `done`.
  // Streams are for their owners to end.
  void drain(std::function<void()> done);
  ServerStats stats() const;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace depot::http
