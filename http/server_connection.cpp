#include "http/server_connection.hpp"

#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>

#include "http/problem.hpp"

namespace depot::http {
namespace {

namespace net = boost::asio;
using boost::system::error_code;

constexpr std::size_t kReadSize = 16 * 1024;  // Also what every connection keeps; but
constexpr std::size_t kStreamReadSize = 512;  // nothing is expected of a stream's peer.
// What the kernel may hold for a stream's peer. Left to itself it takes megabytes, so that a slow
// reader would be shown what was true long ago.
constexpr int kStreamSendBuffer = 64 * 1024;
constexpr std::size_t kOutKept = 8 * 1024;  // Of the space for answers: many connections are idle.
constexpr std::size_t kUnsentMax = 256 * 1024;  // Beyond it no further request is handled.
constexpr std::size_t kDiscardMax = 1024 * 1024;
constexpr std::chrono::seconds kLinger{2};
constexpr std::chrono::milliseconds kSweepSlack{250};  // `now` may be this old.

Response refusal_of(RequestReader::Step step) {
  switch (step) {
    case RequestReader::Step::body_too_large:
      return problem_response(protocol::Problem::too_large,
                              "The body is larger than this server takes.");
    case RequestReader::Step::headers_too_large:
      return problem_response(protocol::Problem::headers_too_large,
                              "The request line and headers are too large.");
    default:
      return problem_response(protocol::Problem::malformed,
                              "This is not a well-formed HTTP/1.1 request.");
  }
}

// A header's value may carry what a customer sent; a line end in it would end the header.
void append_header(std::string_view name, std::string_view value, std::string& out) {
  const auto ends_it = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  out.append(name).append(": ").append(value);
  if (std::ranges::any_of(value, ends_it)) {
    const auto begin = out.end() - std::ssize(value);
    out.erase(std::remove_if(begin, out.end(), ends_it), out.end());
  }
  out.append("\r\n");
}

}  // namespace

ServerConnection::ServerConnection(Server::Impl& server, StreamSocket socket, Peer peer)
    : server_(server),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      reader_(server.options.header_bytes_max, server.options.body_bytes_max) {
  input_.reserve(kReadSize);
}

void ServerConnection::turn() {
  in_ready_ = false;
  if (!open_) return;
  parse();
  if (!open_) return;
  if (wants_bytes_ && reader_.wants_continue() && queue_.empty() && !continue_sent_) {
    continue_sent_ = true;
    out_.append("HTTP/1.1 100 Continue\r\n\r\n");
  }
  write();
  if (!open_) return;
  if (left_alone()) return close();
  read();
  set_deadline();
}

void ServerConnection::parse() {
  // Nothing new is here, and what input_ has prepared must stay in place; or nothing means
  // anything.
  if (reading_ || stream_) return;
  parsing_ = true;
  wants_bytes_ = false;
  while (open_ && may_parse()) {
    std::size_t used = 0;
    const RequestReader::Step step = reader_.read(unread(), used);
    if (step == RequestReader::Step::need_more) {
      input_.consume(used);
      wants_bytes_ = true;
      break;
    }
    if (step != RequestReader::Step::request) {
      refuse(refusal_of(step));
      break;
    }
    if (!is_safe(reader_.request().method) && !queue_.empty()) break;
    hand_over();
    input_.consume(used);
    reader_.next();
    continue_sent_ = false;
  }
  parsing_ = false;
}

bool ServerConnection::may_parse() const {
  if (refused_ || last_ || out_.size() + sending_.size() > kUnsentMax) return false;
  if (queue_.empty()) return true;
  return queue_.back()->safe &&
         queue_.size() < static_cast<std::size_t>(server_.options.pipeline_max);
}

void ServerConnection::hand_over() {
  Request request = reader_.request();
  request.address = peer_.address;
  queue_.push_back(std::make_shared<Responder::Slot>(
      Responder::Slot{this, is_safe(request.method), request.method == Method::head,
                      reader_.keep_alive(), reader_.minor_version_0(), nullptr, nullptr}));
  if (server_.turn_end) server_.want_turn();
  server_.handler(request, Responder(queue_.back()));
}

void ServerConnection::turn_away() {
  turned_away_ = true;
  Response response =
      problem_response(protocol::Problem::unavailable, "There are too many connections.");
  add_retry_after(response);
  refuse(std::move(response));
}

void ServerConnection::refuse(Response response) {
  refused_ = true;
  queue_.push_back(std::make_shared<Responder::Slot>(
      Responder::Slot{this, false, false, false, false, nullptr, nullptr}));
  answered(*queue_.back(), std::move(response));
}

void ServerConnection::answered(Responder::Slot& slot, Response response) {
  if (&slot != queue_.front().get()) {
    slot.ready = std::make_unique<Response>(std::move(response));
    return;
  }
  append(response);
  queue_.pop_front();
  while (!last_ && !queue_.empty() && queue_.front()->ready) {
    append(*queue_.front()->ready);
    queue_.pop_front();
  }
  if (last_) {
    for (const auto& dropped : queue_) dropped->connection = nullptr;
    queue_.clear();
  }
  if (parsing_ || std::exchange(in_ready_, true)) return;
  server_.ready.push_back(shared_from_this());
  server_.want_turn();
}

void ServerConnection::append(const Response& response) {
  Responder::Slot& slot = *queue_.front();
  const bool goes_on = slot.stream != nullptr;
  // When draining, the last answer that we owe says that the connection ends.
  const bool keep =
      slot.keep_alive && !response.close && !goes_on && !(server_.draining && queue_.size() == 1);
  const int status = response.status;
  const bool bodiless = status == 204 || status == 304;
  const auto reason = boost::beast::http::obsolete_reason(
      boost::beast::http::int_to_status(static_cast<unsigned>(status)));
  out_.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason);
  out_.append("\r\nDate: ").append(server_.date);
  out_.append("\r\nX-Content-Type-Options: nosniff\r\n");
  if (!bodiless) {
    append_header("Content-Type", response.content_type, out_);
  }
  if (!bodiless && !goes_on) {
    out_.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  }
  for (const auto& [name, value] : response.headers) append_header(name, value, out_);
  if (!keep) {
    out_.append("Connection: close\r\n");
  } else if (slot.minor_version_0) {
    out_.append("Connection: keep-alive\r\n");
  }
  out_.append("\r\n");
  if (!bodiless && !slot.head) out_.append(response.body);
  last_ = !keep;
  if (goes_on && slot.head) slot.connection = nullptr;
  if (!goes_on || slot.head) return;
  stream_ = queue_.front();
  input_.consume(input_.size());
  wants_bytes_ = true;
  error_code ignored;
  socket_.set_option(net::socket_base::send_buffer_size(kStreamSendBuffer), ignored);
}

void ServerConnection::streamed(const Responder::Slot& slot) {
  if (&slot != stream_.get() || parsing_ || !out_.empty()) return;  // It is written in its turn.
  const auto self = shared_from_this();
  if (!writing_) write_frames();
  set_deadline();
}

// Frames are other connections' too, so they are written from where they lie.
void ServerConnection::write_frames() {
  Responder::Slot::Frames& frames = *stream_->stream;
  std::size_t done = 0;
  error_code error;
  while (done < frames.waiting.size() && !error) {
    const std::string& frame = *frames.waiting[done];
    const std::size_t size = socket_.write_some(
        net::buffer(frame.data() + frames.sent, frame.size() - frames.sent), error);
    frames.sent += size;
    frames.unsent -= size;
    if (frames.sent < frame.size()) continue;
    frames.sent = 0;
    ++done;
  }
  frames.waiting.erase(frames.waiting.begin(),
                       frames.waiting.begin() + static_cast<std::ptrdiff_t>(done));
  if (error ? error != net::error::would_block : frames.ended) return close();
  if (!error) return;
  writing_ = true;
  socket_.async_wait(net::socket_base::wait_write,
                     [self = shared_from_this()](const error_code& ec) {
                       if (!self->open_) return;
                       if (ec) return self->close();
                       self->writing_ = false;
                       self->waiting_ = Waiting::nothing;  // It takes: the deadline begins anew.
                       self->write_frames();
                       self->set_deadline();
                     });
}

void ServerConnection::write() {
  if (writing_) return;
  if (out_.empty()) return stream_ ? write_frames() : void();
  error_code error;
  std::size_t size = socket_.write_some(net::buffer(out_), error);
  if (error == net::error::would_block) {
    size = 0;
  } else if (error) {
    return close();
  }
  if (size == out_.size()) {
    out_.clear();
    if (out_.capacity() > kOutKept) std::string().swap(out_);
    return on_written();
  }
  writing_ = true;
  sending_.swap(out_);
  net::async_write(socket_, net::buffer(sending_.data() + size, sending_.size() - size),
                   [self = shared_from_this()](const error_code& ec, std::size_t) {
                     if (!self->open_) return;
                     if (ec) return self->close();
                     self->writing_ = false;
                     std::string().swap(self->sending_);
                     self->on_written();
                     self->turn();
                   });
}

void ServerConnection::on_written() {
  if (!open_ || !out_.empty()) return;
  if (stream_) return write_frames();
  if (last_ && !refused_) return close();
  if (last_) {
    // The peer may still be sending: closing now would reset the connection and take the answer
    // with it. So it is told that we are done, and what it sends is thrown away for a while.
    error_code ignored;
    socket_.shutdown(net::socket_base::shutdown_send, ignored);
    input_.consume(input_.size());
    wants_bytes_ = true;
  } else if (server_.draining) {
    close_if_idle();
  } else if (!may_parse() || wants_bytes_) {
    return;
  } else if (!std::exchange(in_ready_, true)) {
    server_.ready.push_back(shared_from_this());  // parse() stopped for the unsent bytes.
    server_.want_turn();
  }
}

void ServerConnection::read() {
  if (reading_ || ended_ || !wants_bytes_) return;
  reading_ = true;
  const std::size_t kept = stream_ ? kStreamReadSize : kReadSize;
  if (input_.size() == 0 && input_.capacity() > kept) {
    input_.shrink_to_fit();
    input_.reserve(kept);
  }
  const std::size_t space = input_.capacity() - input_.size();
  socket_.async_read_some(input_.prepare(space > 0 ? space : input_.size()),
                          [self = shared_from_this()](const error_code& ec, std::size_t size) {
                            if (self->open_) self->on_read(ec, size);
                          });
}

void ServerConnection::on_read(const error_code& error, std::size_t size) {
  reading_ = false;
  if (error && error != net::error::eof) return close();
  ended_ = static_cast<bool>(error);
  if (last_) {
    discarded_ += size;
    if (left_alone() || discarded_ > kDiscardMax) return close();
    return read();
  }
  input_.commit(size);
  turn();
}

// One deadline by what the connection waits for; set anew only when that changes.
void ServerConnection::set_deadline() {
  using enum Waiting;
  Waiting waiting = nothing;
  std::chrono::milliseconds limit{0};
  if (stream_ && stream_->stream->ended) {
    waiting = linger;
    limit = kLinger;
  } else if (writing_) {
    waiting = write;
    limit = server_.options.write_deadline;
  } else if (last_ && !stream_) {
    waiting = linger;
    limit = kLinger;
  } else if (queue_.empty() && reader_.in_body()) {
    waiting = body;
    limit = server_.options.body_deadline;
  } else if (queue_.empty() && !stream_) {
    waiting = input_.size() > 0 ? head : request;
    limit = input_.size() > 0 ? server_.options.header_deadline : server_.options.idle_timeout;
  }
  if (waiting == std::exchange(waiting_, waiting) && waiting != request) return;
  deadline_ = waiting == nothing ? TimePoint::max() : server_.now + limit + kSweepSlack;
}

void ServerConnection::sweep(TimePoint now) {
  if (now >= deadline_) close();
}

bool ServerConnection::idle() const {
  return queue_.empty() && out_.empty() && !writing_ && !stream_;
}

bool ServerConnection::left_alone() const { return ended_ && (stream_ || idle()); }

void ServerConnection::close_if_idle() {
  if (idle() && input_.size() == 0 && !reader_.in_body()) close();
}

void ServerConnection::close() {
  if (!std::exchange(open_, false)) return;
  error_code ignored;
  socket_.close(ignored);
  if (stream_) queue_.push_back(std::move(stream_));
  for (const auto& slot : queue_) slot->connection = nullptr;
  queue_.clear();
  server_.forget(*this);
}

std::string_view ServerConnection::unread() const {
  return {static_cast<const char*>(input_.data().data()), input_.size()};
}

}  // namespace depot::http
