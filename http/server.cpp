#include "http/server.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <ctime>

#include "http/problem.hpp"
#include "http/server_connection.hpp"

namespace depot::http {
namespace {

namespace net = boost::asio;
using boost::system::error_code;

constexpr std::chrono::milliseconds kSweepEvery{250};
constexpr int kTurnedAwayMax = 256;  // Beyond it a connection too many is closed without a word.

std::string http_date() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts)};
}

bool is_shortage(const error_code& error) {
  return error == net::error::no_descriptors || error == net::error::no_memory ||
         error == net::error::no_buffer_space ||
         error == boost::system::errc::too_many_files_open_in_system;
}

}  // namespace

Server::Impl::Impl(net::io_context& context, const ServerOptions& server_options, Handler to)
    : io(context),
      options(server_options),
      handler(std::move(to)),
      acceptor(open_listener(context, options.listen, options.port_use)),
      port(port_of(acceptor)),
      timer(context),
      counts(options.counts ? options.counts : std::make_shared<ConnectionCounts>()) {
  // Connections have what their listener has. By itself it grows to megabytes, for each peer that
  // reads nothing.
  error_code ignored;
  acceptor.set_option(net::socket_base::send_buffer_size(options.send_buffer), ignored);
}

void Server::Impl::want_turn() {
  if (std::exchange(turn_posted, true)) return;
  net::post(io, [me = shared_from_this()] {
    me->turn_posted = false;
    // What the hook sends on its way is for others to work on while we write answers.
    if (me->turn_end) me->turn_end();
    for (std::vector<std::shared_ptr<ServerConnection>> batch; !me->ready.empty();) {
      batch.swap(me->ready);
      for (const auto& connection : batch) connection->turn();
      batch.clear();
    }
  });
}

void Server::Impl::accept() {
  acceptor.async_accept([me = shared_from_this()](const error_code& error, auto socket) {
    if (me->stopped || !me->acceptor.is_open()) return;
    if (is_shortage(error)) {
      me->accept_paused = true;  // Trying again at once would spin.
      return;
    }
    if (!error) me->admit(StreamSocket(std::move(socket)));
    me->accept();
  });
}

void Server::Impl::admit(StreamSocket socket) {
  Peer peer = peer_of(socket);
  error_code ignored;
  socket.non_blocking(true, ignored);
  const int per_address_max =
      peer.loopback ? options.connections_max : options.connections_per_address_max;
  const bool admitted = counts->add(peer.address, options.connections_max, per_address_max);
  if (!admitted && turned_away >= kTurnedAwayMax) return;
  if (peer.address != "unix") socket.set_option(net::ip::tcp::no_delay(true), ignored);
  auto connection = std::make_shared<ServerConnection>(*this, std::move(socket), std::move(peer));
  connection->index = open.size();
  open.push_back(connection);
  if (admitted) {
    ++connections_total;
  } else {
    ++turned_away;
    connection->turn_away();
  }
  connection->turn();
}

void Server::Impl::forget(ServerConnection& connection) {
  connection.turned_away() ? void(--turned_away) : counts->remove(connection.peer().address);
  const std::size_t at = connection.index;
  std::swap(open[at], open.back());
  open[at]->index = at;
  open.pop_back();
  if (draining && open.empty()) finish_drain();
}

void Server::Impl::sweep() {
  now = std::chrono::steady_clock::now();
  date = http_date();
  for (std::size_t i = open.size(); i-- > 0;) {  // A close puts the last one, seen, in its place.
    const std::shared_ptr<ServerConnection> connection = open[i];
    connection->sweep(now);
  }
  if (std::exchange(accept_paused, false) && acceptor.is_open()) accept();
  timer.expires_at(now + kSweepEvery);
  timer.async_wait([me = shared_from_this()](const error_code& error) {
    if (!error && !me->stopped) me->sweep();
  });
}

void Server::Impl::stop_accepting() {
  if (!acceptor.is_open()) return;
  error_code ignored;
  acceptor.close(ignored);
  if (options.listen.starts_with("unix:")) ::unlink(options.listen.c_str() + 5);
}

void Server::Impl::drain(std::function<void()> done) {
  draining = true;
  drained = std::move(done);
  stop_accepting();
  for (const auto& connection : std::vector(open)) connection->close_if_idle();
  if (open.empty()) finish_drain();
}

void Server::Impl::finish_drain() {
  if (drained) net::post(io, std::exchange(drained, nullptr));
}

void Server::Impl::stop() {
  stopped = true;
  drained = nullptr;
  turn_end = nullptr;
  stop_accepting();
  timer.cancel();
  while (!open.empty()) std::shared_ptr<ServerConnection>(open.back())->close();
}

Server::Server(net::io_context& io, const ServerOptions& options, Handler handler)
    : impl_(std::make_shared<Impl>(io, options, std::move(handler))) {
  impl_->sweep();
  impl_->accept();
}

Server::~Server() { impl_->stop(); }

std::uint16_t Server::port() const { return impl_->port; }

void Server::on_turn_end(std::function<void()> hook) { impl_->turn_end = std::move(hook); }

void Server::drain(std::function<void()> done) { impl_->drain(std::move(done)); }

ServerStats Server::stats() const { return {impl_->open.size(), impl_->connections_total}; }

void Responder::send(Response response) {
  const std::shared_ptr<Slot> slot = std::exchange(slot_, nullptr);
  if (slot && slot->connection != nullptr) slot->connection->answered(*slot, std::move(response));
}

Stream Responder::stream(Response begin) {
  Stream stream;
  stream.slot_ = slot_;
  slot_->stream = std::make_unique<Slot::Frames>();
  send(std::move(begin));
  return stream;
}

Responder& Responder::operator=(Responder&& other) noexcept {
  if (this != &other) {
    Responder dropped(std::move(slot_));
    slot_ = std::move(other.slot_);
  }
  return *this;
}

Responder::~Responder() {
  if (slot_) send(problem_response(protocol::Problem::internal, "The request was not answered."));
}

void Stream::write(Frame frame) {
  if (!open()) return;
  slot_->stream->unsent += frame->size();
  slot_->stream->waiting.push_back(std::move(frame));
  slot_->connection->streamed(*slot_);
}

std::size_t Stream::unsent() const { return open() ? slot_->stream->unsent : 0; }

bool Stream::open() const { return slot_ && slot_->connection != nullptr; }

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    Stream ended(std::move(*this));
    slot_ = std::move(other.slot_);
  }
  return *this;
}

Stream::~Stream() {
  if (!open()) return;
  slot_->stream->ended = true;
  slot_->connection->streamed(*slot_);
}

}  // namespace depot::http
