#include "messaging/link_state.hpp"

#include <algorithm>

namespace depot::messaging {

LinkState::Due LinkState::due(TimePoint now) {
  // After a stop of our own (SIGSTOP, a frozen machine) what came meanwhile is still unread.
  if (now - looked_ > silence_max_ / 2) heard_ = now;
  looked_ = now;
  switch (phase_) {
    case Phase::closed:
      return Due::nothing;
    case Phase::greeting:
      return now >= hello_due_ ? Due::hello : Due::nothing;
    case Phase::open:
      break;
  }
  if (broken_ || now - heard_ >= silence_max_) {
    lose();
    return Due::reopen;
  }
  return now - said_ >= ping_every_ ? Due::ping : Due::nothing;
}

LinkState::Heard LinkState::hear(const Header& header, TimePoint now) {
  if (phase_ == Phase::closed) return Heard::ignored;
  if (header.type == FrameType::welcome) {
    if (header.session == 0 || header.session == session()) return Heard::ignored;
    const bool was_open = open();
    start(header, now);
    return was_open ? Heard::replaced : Heard::welcomed;
  }
  // What belongs to an older session, or to none, means nothing any more.
  if (!open() || header.session != session_) return Heard::ignored;
  heard_ = now;
  if (carries_stamp(header.type)) stamp_ = header.aux;
  const std::uint32_t news = sent_since(static_cast<std::uint32_t>(received_), header);
  received_ += news;
  if (header.type == FrameType::reset || header.type == FrameType::bye) {
    lose();
    return Heard::lost;
  }
  limit_ = header.credit_limit;
  backend_down_ = (header.flags & kFlagBackendDown) != 0;
  switch (header.type) {
    case FrameType::request:
      return news > 0 ? Heard::records : Heard::ignored;  // Else a double, or overtaken.
    case FrameType::reply:
      return Heard::records;
    case FrameType::drain:
      draining_ = true;
      return Heard::drain;
    case FrameType::drained:
      return Heard::drained;
    default:
      return Heard::ignored;
  }
}

void LinkState::said(FrameType type, bool sent, TimePoint now) {
  if (type == FrameType::hello) {
    // Not connected yet: try again at once, since the balancer may have come up just now.
    if (sent) hello_due_ = now + kHelloEvery;
    return;
  }
  said_ = now;
  broken_ = broken_ || !sent;
}

std::uint32_t LinkState::credit() const {
  if (!open() || draining_ || broken_) return 0;
  const auto left = static_cast<std::int32_t>(limit_ - static_cast<std::uint32_t>(sent_));
  return static_cast<std::uint32_t>(std::max(left, 0));
}

void LinkState::start(const Header& welcome, TimePoint now) {
  phase_ = Phase::open;
  broken_ = draining_ = false;
  session_ = welcome.session;
  limit_ = welcome.credit_limit;
  backend_down_ = (welcome.flags & kFlagBackendDown) != 0;
  sent_ = received_ = 0;
  stamp_ = welcome.aux;
  heard_ = said_ = now;
}

void LinkState::lose() {
  phase_ = leaving_ ? Phase::closed : Phase::greeting;
  sent_ = received_ = 0;
  hello_due_ = TimePoint::min();
}

}  // namespace depot::messaging
