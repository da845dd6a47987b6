#include "messaging/session.hpp"

#include <algorithm>
#include <utility>

namespace depot::messaging {

Session::Session(SessionOptions options, Wire& wire, LinkEvents& events)
    : options_(std::move(options)),
      wire_(wire),
      events_(events),
      state_(options_.ping_every, options_.silence_max) {}

bool Session::send_request(const RequestRecord& record) {
  if (state_.credit() == 0) return false;
  open_record(kRequestRecordHead + record.body.size());
  append_request(record, records_);
  state_.count_sent();
  return true;
}

void Session::send_reply(const ReplyRecord& record) {
  if (!state_.open()) return;
  open_record(kReplyRecordHead + record.body.size());
  append_reply(record, records_);
}

void Session::set_credit(std::uint32_t limit, bool backend_down) {
  if (limit == limit_ && backend_down == backend_down_) return;
  limit_ = limit;
  backend_down_ = backend_down;
  credit_said_ = false;
}

void Session::drain() {
  if (state_.open()) {
    state_.leave();
    say(FrameType::drain);
  } else {
    state_.close();
  }
}

void Session::bye() {
  if (state_.open()) say(FrameType::bye);
  state_.close();
}

void Session::tick(TimePoint now) {
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
      wire_.reopen();
      forget_session();
      events_.on_lost();
      break;
  }
}

bool Session::flush(TimePoint now) {
  now_ = now;
  const bool credit = !credit_said_ && state_.open();
  if (count_ == 0 && !credit) return false;
  count_ > 0 ? flush_records() : say(FrameType::credit);  // Records' frame carries it too.
  return true;
}

// Sends `frame`, whose first bytes are room for the header.
void Session::send(FrameType type, std::uint16_t records_in, std::uint64_t aux,
                   std::string& frame) {
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
  state_.said(type, wire_.send(frame), now_);
  credit_said_ = true;  // Every frame of a session carries it.
}

void Session::say(FrameType type, std::uint64_t aux, std::string_view body) {
  flush_records();  // What was queued before goes before.
  control_.assign(kHeaderSize, '\0').append(body);
  send(type, 0, aux, control_);
}

void Session::say_hello() {
  std::string body(1, static_cast<char>(options_.role));
  say(FrameType::hello, options_.instance, body.append(options_.name));
}

// Makes room for a record of `size` bytes in the frame being filled.
void Session::open_record(std::size_t size) {
  if (count_ == kFrameRecordsMax || (count_ > 0 && records_.size() + size > kFrameBytesMax)) {
    flush_records();
  }
  if (count_ == 0) records_.assign(kHeaderSize, '\0');
  ++count_;
}

void Session::flush_records() {
  if (count_ == 0) return;
  send(options_.role == Role::gateway ? FrameType::request : FrameType::reply,
       std::exchange(count_, std::uint16_t{0}), 0, records_);
}

void Session::forget_session() {
  count_ = 0;
  limit_ = 0;
  credit_said_ = true;
}

void Session::on_frame(std::string_view frame, TimePoint now) {
  now_ = now;
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

void Session::deliver(std::string_view frame, const Header& header) {
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
