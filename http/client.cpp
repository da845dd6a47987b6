#include "http/client.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cctype>
#include <cstring>
#include <optional>

#include "http/listener.hpp"

namespace depot::http {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using Endpoint = net::generic::stream_protocol::endpoint;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kAnswerReadSize = 16 * 1024;
constexpr std::uint32_t kResponseHeaderMax = 64 * 1024;
constexpr std::uint64_t kResponseBodyMax = 64ULL * 1024 * 1024;
constexpr auto kStaleAfter = std::chrono::seconds(1);  // Idle this long, look before sending.

// Beast's parser with the fields kept as plain strings.
class ResponseParser final : public beast::http::basic_parser<false> {
 public:
  explicit ResponseParser(bool head_request) {
    header_limit(kResponseHeaderMax);
    body_limit(kResponseBodyMax);
    eager(true);
    skip(head_request);
  }
  ClientResponse response;

 private:
  void on_request_impl(beast::http::verb, beast::string_view, beast::string_view, int,
                       error_code&) override {}
  void on_response_impl(int code, beast::string_view, int, error_code&) override {
    response.status = code;
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     error_code&) override {
    auto& [key, text] = response.headers.emplace_back(name, value);
    std::ranges::transform(key, key.begin(), [](unsigned char c) { return std::tolower(c); });
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) response.body.reserve(*length);
  }
  std::size_t on_body_impl(beast::string_view body, error_code&) override {
    response.body.append(body);
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
    response.body.append(body);
    return body.size();
  }
  void on_finish_impl(error_code&) override {}
};

std::vector<Endpoint> resolve(net::io_context& io, const std::string& where, error_code& error) {
  if (where.starts_with("unix:")) return {net::local::stream_protocol::endpoint(where.substr(5))};
  const auto [host, port] = split_address(where);
  if (port.empty()) error = net::error::invalid_argument;
  if (error) return {};
  net::ip::tcp::resolver resolver(io);
  std::vector<Endpoint> found;
  for (const auto& entry : resolver.resolve(host, port, error)) {
    found.emplace_back(entry.endpoint());
  }
  return found;
}

}  // namespace

std::string_view ClientResponse::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, [](const auto& h) { return h.first; });
  return found == headers.end() ? std::string_view{} : found->second;
}

struct Connection::Impl : std::enable_shared_from_this<Connection::Impl> {
  Impl(net::io_context& context, std::string address, std::chrono::milliseconds limit)
      : io(context), where(std::move(address)), timeout(limit), socket(io), timer(io) {
    host = where.starts_with("unix:") ? "localhost" : where;
  }

  net::io_context& io;
  std::string where;
  std::string host;
  std::chrono::milliseconds timeout;
  StreamSocket socket;
  net::steady_timer timer;
  bool timer_runs = false;
  Clock::time_point deadline;  // Of the request under way; last use of the socket otherwise.
  std::vector<Endpoint> endpoints;

  Done done;
  bool head_request = false;
  bool sent = false;      // At least one byte of the request has left.
  int socket_number = 0;  // Of the socket in use: what a closed one still reports is not ours.
  std::string out;
  std::string in = std::string(kAnswerReadSize, '\0');  // [0, in_size) is read and not yet parsed.
  std::size_t in_size = 0;
  std::optional<ResponseParser> parser;

  void start() {
    const Clock::time_point now = Clock::now();
    if (socket.is_open() && now - deadline > kStaleAfter && is_stale()) close();
    deadline = now + timeout;
    sent = false;
    parser.emplace(head_request);
    if (!timer_runs) watch_deadline();
    socket.is_open() ? send() : connect();
  }

  // The peer may have closed while nothing was asked: then a request on it would be lost.
  bool is_stale() {
    char byte = 0;
    return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0;
  }

  void connect() {
    error_code error;
    if (endpoints.empty()) endpoints = resolve(io, where, error);
    if (endpoints.empty()) {
      return fail_request(ErrorCode::not_executed, "cannot resolve: " + error.message());
    }
    net::async_connect(
        socket, endpoints,
        [self = shared_from_this(), number = socket_number](error_code ec, const auto&) {
          if (number != self->socket_number) return;
          if (ec)
            return self->fail_request(ErrorCode::not_executed, "cannot connect: " + ec.message());
          self->socket.non_blocking(true, ec);
          if (!self->where.starts_with("unix:")) {
            self->socket.set_option(net::ip::tcp::no_delay(true), ec);
          }
          self->send();
        });
  }

  void send() {
    error_code error;
    std::size_t size = socket.write_some(net::buffer(out), error);
    if (error == net::error::would_block) {
      size = 0;
    } else if (error) {
      return fail_request(ErrorCode::not_executed, "cannot send: " + error.message());
    }
    sent = size > 0;
    if (size == out.size()) return read();
    net::async_write(
        socket, net::buffer(out.data() + size, out.size() - size),
        [self = shared_from_this(), number = socket_number](error_code ec, std::size_t more) {
          if (number != self->socket_number) return;
          self->sent = self->sent || more > 0;
          // The answer to a refused body may be there before all of it was taken.
          if (ec && !self->sent) {
            return self->fail_request(ErrorCode::not_executed, ec.message());
          }
          self->read();
        });
  }

  void read() {
    if (in_size == in.size()) in.resize(in.size() * 2);
    socket.async_read_some(net::buffer(in.data() + in_size, in.size() - in_size),
                           [self = shared_from_this(), number = socket_number](const error_code& ec,
                                                                               std::size_t size) {
                             if (number == self->socket_number) self->on_read(ec, size);
                           });
  }

  void on_read(const error_code& error, std::size_t size) {
    error_code ec;
    if (error) {
      if (error == net::error::eof && parser->got_some()) {
        parser->put_eof(ec);
        if (!ec) return on_message();
      }
      return fail_request(ErrorCode::unknown, "connection lost: " + error.message());
    }
    in_size += size;
    while (in_size > 0 && !parser->is_done()) {
      const std::size_t used = parser->put(net::buffer(in.data(), in_size), ec);
      in_size -= used;
      std::memmove(in.data(), in.data() + used, in_size);
      if (ec == beast::http::error::need_more) break;
      if (ec) return fail_request(ErrorCode::unknown, "bad response: " + ec.message());
      if (parser->is_done() && parser->response.status / 100 == 1) parser.emplace(head_request);
    }
    if (!parser->is_done()) return read();
    on_message();
  }

  void on_message() {
    if (!parser->keep_alive() || in_size > 0) close();
    deadline = Clock::now();
    finish(std::move(parser->response));
  }

  // One timer runs behind the deadline instead of being set anew for every request.
  void watch_deadline() {
    timer_runs = true;
    timer.expires_at(deadline);
    timer.async_wait([weak = weak_from_this()](const error_code& ec) {
      const auto self = weak.lock();
      if (!self || ec) return;
      self->timer_runs = false;
      if (!self->done) return;
      if (Clock::now() < self->deadline) return self->watch_deadline();
      self->fail_request(self->sent ? ErrorCode::unknown : ErrorCode::not_executed,
                         "no answer in time");
    });
  }

  void fail_request(ErrorCode code, const std::string& why) {
    close();
    // Posted, so that `done` never runs inside request().
    net::post(io, [self = shared_from_this(), error = fail(code, where + ": " + why)] {
      self->finish(error);
    });
  }

  void finish(Result<ClientResponse> result) {
    if (!done) return;
    // Moved out first: the callback may ask for the next request.
    const Done callback = std::exchange(done, nullptr);
    callback(std::move(result));
  }

  void close() {
    error_code ignored;
    socket.close(ignored);
    ++socket_number;
    in_size = 0;
  }
};

Connection::Connection(net::io_context& io, std::string where, std::chrono::milliseconds timeout)
    : impl_(std::make_shared<Impl>(io, std::move(where), timeout)) {}

Connection::~Connection() {
  impl_->done = nullptr;
  impl_->close();
  impl_->timer.cancel();
}

void Connection::request(std::string_view method, std::string_view target, std::string_view head,
                         std::string_view body, Done done) {
  Impl& impl = *impl_;
  impl.head_request = method == "HEAD";
  std::string& out = impl.out;
  out.clear();
  out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(impl.host);
  out.append("\r\n").append(head);
  if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
    out.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  out.append("\r\n").append(body);
  impl.done = std::move(done);
  impl.start();
}

Result<ClientResponse> fetch(const std::string& where, std::string_view method,
                             std::string_view target, const Headers& headers, std::string_view body,
                             std::chrono::milliseconds timeout) {
  net::io_context io(1);
  Connection connection(io, where, timeout);
  std::string head = "Connection: close\r\n";
  for (const auto& [name, value] : headers) {
    head.append(name).append(": ").append(value).append("\r\n");
  }
  std::optional<Result<ClientResponse>> answer;
  connection.request(method, target, head, body,
                     [&](Result<ClientResponse> result) { answer = std::move(result); });
  while (!answer && io.run_one() > 0) {
  }
  if (!answer) return fail(ErrorCode::unknown, where + ": nothing left to wait for");
  return std::move(*answer);
}

}  // namespace depot::http
