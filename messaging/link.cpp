#include "messaging/link.hpp"

#include <algorithm>
#include <utility>

#include "base/crypto.hpp"

namespace depot::messaging {
namespace {

constexpr int kByeLingerMs = 500;  // for the last replies and the goodbye itself

std::unique_ptr<Socket> open_socket(Context& context, const std::string& endpoint) {
  auto socket = std::make_unique<Socket>(context, SocketKind::dealer);
  socket->connect(endpoint);
  return socket;
}

}  // namespace

Link::Link(Context& context, const LinkOptions& options, LinkEvents& events)
    : context_(context),
      options_(options),
      events_(events),
      state_(options.ping_every, options.silence_max),
      socket_(open_socket(context, options.endpoint)),
      now_(steady_now()),
      instance_(random_u64()) {}

bool Link::send_request(const RequestRecord& record) {
  if (state_.credit() == 0) return false;
  open_record(kRequestRecordHead + record.body.size());
  append_request(record, records_);
  state_.count_sent();
  return true;
}

void Link::send_reply(const ReplyRecord& record) {
  if (!state_.open()) return;
  open_record(kReplyRecordHead + record.body.size());
  append_reply(record, records_);
}

void Link::set_credit(std::uint32_t limit, bool backend_down) {
  if (limit == limit_ && backend_down == backend_down_) return;
  limit_ = limit;
  backend_down_ = backend_down;
  credit_said_ = false;
}

void Link::drain() {
  if (state_.open()) {
    state_.leave();
    say(FrameType::drain);
  } else {
    state_.close();
  }
}

void Link::bye() {
  if (state_.open()) say(FrameType::bye);
  socket_->linger(kByeLingerMs);
  state_.close();
}

bool Link::receive(TimePoint now, int frames_max) {
  now_ = now;
  for (int i = 0; i < frames_max; ++i) {
    if (!socket_->receive(incoming_)) return false;
    handle(incoming_.bytes());
  }
  return true;
}

void Link::tick(TimePoint now) {
  now_ = now;
  switch (state_.due(now)) {
    case LinkState::Due::nothing:
      break;
    case LinkState::Due::hello:
      say_hello();
      break;
    case LinkState::Due::ping:
      say(FrameType::ping);
      break;
    case LinkState::Due::reopen:
      malformed_ += socket_->malformed();
      socket_ = open_socket(context_, options_.endpoint);
      ++generation_;
      forget_session();
      events_.on_lost();
      break;
  }
}

void Link::flush(TimePoint now) {
  now_ = now;
  flush_records();
  if (!credit_said_ && state_.open()) say(FrameType::credit);
}

// Sends `frame`, whose first bytes are room for the header.
void Link::send(FrameType type, std::uint16_t records_in, std::uint64_t aux, std::string& frame) {
  const auto stamp = options_.role == Role::gateway ? state_.stamp() : stamp_of(now_);
  patch_header(
      {.type = type,
       .flags = backend_down_ ? kFlagBackendDown : std::uint8_t{0},
       .count = records_in,
       .session = state_.session(),
       .credit_limit =
           options_.role == Role::gateway ? static_cast<std::uint32_t>(state_.sent()) : limit_,
       .aux = carries_stamp(type) ? stamp : aux},
      frame);
  state_.said(type, socket_->send(frame) == Sent::yes, now_);
  credit_said_ = true;  // Every frame of a session carries it.
}

void Link::say(FrameType type, std::uint64_t aux, std::string_view body) {
  flush_records();  // What was queued before goes before.
  control_.assign(kHeaderSize, '\0').append(body);
  send(type, 0, aux, control_);
}

void Link::say_hello() {
  std::string body(1, static_cast<char>(options_.role));
  say(FrameType::hello, instance_, body.append(options_.name));
}

// Makes room for a record of `size` bytes in the frame being filled.
void Link::open_record(std::size_t size) {
  if (count_ == kFrameRecordsMax || (count_ > 0 && records_.size() + size > kFrameBytesMax)) {
    flush_records();
  }
  if (count_ == 0) records_.assign(kHeaderSize, '\0');
  ++count_;
}

void Link::flush_records() {
  if (count_ == 0) return;
  send(options_.role == Role::gateway ? FrameType::request : FrameType::reply,
       std::exchange(count_, std::uint16_t{0}), 0, records_);
}

void Link::forget_session() {
  count_ = 0;
  limit_ = 0;
  credit_said_ = true;
}

void Link::handle(std::string_view frame) {
  Header header;
  if (!read_header(frame, header)) {
    ++malformed_;
    return;
  }
  switch (state_.hear(header, now_)) {
    case LinkState::Heard::ignored:
      break;
    case LinkState::Heard::replaced:
      forget_session();
      events_.on_lost();
      [[fallthrough]];
    case LinkState::Heard::welcomed:
      credit_said_ = options_.role == Role::gateway;  // A worker's first word is what it grants.
      events_.on_welcome();
      break;
    case LinkState::Heard::lost:
      forget_session();
      events_.on_lost();
      break;
    case LinkState::Heard::drain:
      events_.on_drain();
      if (options_.role == Role::gateway) say(FrameType::drained, state_.sent());
      break;
    case LinkState::Heard::drained:
      events_.on_drained(header.aux);
      break;
    case LinkState::Heard::records:
      deliver(frame, header);
      break;
  }
}

void Link::deliver(std::string_view frame, const Header& header) {
  if ((header.type == FrameType::reply) != (options_.role == Role::gateway)) {
    ++malformed_;
  } else if (header.type == FrameType::reply) {
    ReplyReader reader(frame, header);
    for (ReplyRecord record; reader.next(record);) events_.on_reply(record);
    if (!reader.ok()) ++malformed_;
  } else {
    RequestReader reader(frame, header);
    const auto waited = age_of(header.aux, now_) / std::chrono::microseconds(1);
    for (RequestRecord record; reader.next(record);) {
      record.budget_us -=
          static_cast<std::uint32_t>(std::min<std::int64_t>(record.budget_us, waited));
      events_.on_request(record);
    }
    if (!reader.ok()) ++malformed_;
  }
}

}  // namespace depot::messaging
