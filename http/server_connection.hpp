// The server's insides, and one connection of it: reads, hands requests to the handler, writes
// answers in order.
//
// Safe requests of a pipeline are handled side by side; an unsafe one waits until all before it are
// answered, and holds what comes behind it. What cannot be handled now is not read either, so that
// a peer who asks faster than it listens is slowed down by TCP. A stream is a connection's last
// answer; what its peer still sends is read and thrown away.
//
// Threads: the Server's.
// Errors:  of the peer; they end the connection.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "http/listener.hpp"
#include "http/request_reader.hpp"
#include "http/server.hpp"

namespace depot::http {

using TimePoint = std::chrono::steady_clock::time_point;
class ServerConnection;

struct Server::Impl : std::enable_shared_from_this<Impl> {
  Impl(boost::asio::io_context& context, const ServerOptions& server_options, Handler to);

  boost::asio::io_context& io;
  const ServerOptions options;
  const Handler handler;
  std::function<void()> turn_end;
  TimePoint now;     // As of the last sweep.
  std::string date;  // The Date header's value, likewise.
  bool draining = false;
  std::vector<std::shared_ptr<ServerConnection>> ready;  // To be written or parsed in this turn.

  Acceptor acceptor;
  const std::uint16_t port;
  boost::asio::steady_timer timer;
  std::vector<std::shared_ptr<ServerConnection>> open;
  const std::shared_ptr<ConnectionCounts> counts;
  std::uint64_t connections_total = 0;
  int turned_away = 0;  // of `open`: they only wait for their 503 to arrive
  std::function<void()> drained;
  bool turn_posted = false;
  bool accept_paused = false;  // Until the next sweep.
  bool stopped = false;

  // Runs, once behind all that this turn of the loop has ready: `ready`, then `turn_end`.
  void want_turn();
  // A connection has closed; the last reference may go.
  void forget(ServerConnection& connection);
  void accept();
  void admit(StreamSocket socket);
  void sweep();
  void drain(std::function<void()> done);
  void stop();
  void stop_accepting();
  void finish_drain();
};

struct Responder::Slot {
  ServerConnection* connection;  // Null once the connection has closed.
  bool safe;
  bool head;  // Answer without a body.
  bool keep_alive;
  bool minor_version_0;
  std::unique_ptr<Response> ready;  // Answered while others before it are not.
  struct Frames {
    std::vector<Stream::Frame> waiting;
    std::size_t sent = 0;    // of the first
    std::size_t unsent = 0;  // of all
    bool ended = false;
  };
  std::unique_ptr<Frames> stream;  // Of an answer that goes on.
};

class ServerConnection : public std::enable_shared_from_this<ServerConnection> {
 public:
  ServerConnection(Server::Impl& server, StreamSocket socket, Peer peer);

  void turn_away();  // Answers 503 to a connection beyond the limits; once, before turn().
  void turn();       // Handles what is read, writes what is ready, reads on.
  void answered(Responder::Slot& slot, Response response);
  void streamed(const Responder::Slot& slot);  // Its stream has one more frame, or has ended.
  void sweep(TimePoint now);
  void close_if_idle();
  void close();

  const Peer& peer() const { return peer_; }
  bool turned_away() const { return turned_away_; }
  std::size_t index = 0;  // In the server's list.

 private:
  enum class Waiting { nothing, request, head, body, write, linger };

  void parse();
  void hand_over();
  void refuse(Response response);
  void append(const Response& response);
  void write();
  void write_frames();
  void on_written();
  void read();
  void on_read(const boost::system::error_code& error, std::size_t size);
  void set_deadline();
  bool may_parse() const;
  bool idle() const;
  bool left_alone() const;  // The peer sends no more, and we owe it nothing.
  std::string_view unread() const;

  Server::Impl& server_;
  StreamSocket socket_;
  Peer peer_;
  boost::beast::flat_buffer input_;
  RequestReader reader_;
  std::deque<std::shared_ptr<Responder::Slot>> queue_;  // Not yet answered, in order.
  std::shared_ptr<Responder::Slot> stream_;             // The last answer, where it goes on.
  std::string out_;      // Answers that were not given to the kernel.
  std::string sending_;  // What async_write is at; out_ fills up behind it.
  bool open_ = true;
  bool parsing_ = false;
  bool wants_bytes_ = true;  // parse() stopped for want of input, not for another reason.
  bool reading_ = false;
  bool writing_ = false;
  bool in_ready_ = false;
  bool continue_sent_ = false;
  bool turned_away_ = false;
  bool refused_ = false;  // What follows in the input means nothing.
  bool last_ = false;     // The last answer is in out_; close behind it.
  bool ended_ = false;    // The peer sends no more.
  std::size_t discarded_ = 0;
  Waiting waiting_ = Waiting::nothing;
  TimePoint deadline_ = TimePoint::max();
};

}  // namespace depot::http
