#include "messaging/link.hpp"

#include <utility>

#include "base/crypto.hpp"
#include "messaging/link_state.hpp"

namespace depot::messaging {
namespace {

constexpr int kByeLingerMs = 500;  // for the last replies and the goodbye itself

std::unique_ptr<Socket> open_socket(Context& context, const std::string& endpoint) {
  auto socket = std::make_unique<Socket>(context, SocketKind::dealer);
  socket->connect(endpoint);
  return socket;
}

}  // namespace

struct Link::Impl {
  Impl(Context& context_of_socket, const LinkOptions& link_options, LinkEvents& link_events)
      : context(context_of_socket),
        options(link_options),
        events(link_events),
        state(options.ping_every, options.silence_max),
        socket(open_socket(context, options.endpoint)),
        now(steady_now()) {}

  // Sends `frame`, whose first bytes are room for the header.
  void send(FrameType type, std::uint16_t records_in, std::uint64_t aux, std::string& frame) {
    patch_header({.type = type,
                  .flags = backend_down ? kFlagBackendDown : std::uint8_t{0},
                  .count = records_in,
                  .session = state.session(),
                  .credit_limit = limit,
                  .aux = aux},
                 frame);
    state.said(type, socket->send(frame) == Sent::yes, now);
    credit_said = true;  // Every frame of a session carries it.
  }

  void say(FrameType type, std::uint64_t aux = 0, std::string_view body = {}) {
    flush_records();  // What was queued before goes before.
    control.assign(kHeaderSize, '\0').append(body);
    send(type, 0, aux, control);
  }

  void say_hello() {
    std::string body(1, static_cast<char>(options.role));
    say(FrameType::hello, instance, body.append(options.name));
  }

  // Makes room for a record of `size` bytes in the frame being filled.
  void open_record(std::size_t size) {
    if (count == kFrameRecordsMax || (count > 0 && records.size() + size > kFrameBytesMax)) {
      flush_records();
    }
    if (count == 0) records.assign(kHeaderSize, '\0');
    ++count;
  }

  void flush_records() {
    if (count == 0) return;
    send(options.role == Role::gateway ? FrameType::request : FrameType::reply,
         std::exchange(count, std::uint16_t{0}), 0, records);
  }

  void forget_session() {
    count = 0;
    limit = 0;
    credit_said = true;
  }

  void handle(std::string_view frame) {
    Header header;
    if (!read_header(frame, header)) {
      ++malformed;
      return;
    }
    switch (state.hear(header, now)) {
      case LinkState::Heard::ignored:
        break;
      case LinkState::Heard::replaced:
        forget_session();
        events.on_lost();
        [[fallthrough]];
      case LinkState::Heard::welcomed:
        credit_said = options.role == Role::gateway;  // A worker's first word is what it grants.
        events.on_welcome();
        break;
      case LinkState::Heard::lost:
        forget_session();
        events.on_lost();
        break;
      case LinkState::Heard::drain:
        events.on_drain();
        if (options.role == Role::gateway) say(FrameType::drained, state.sent());
        break;
      case LinkState::Heard::drained:
        events.on_drained(header.aux);
        break;
      case LinkState::Heard::records:
        deliver(frame, header);
        break;
    }
  }

  void deliver(std::string_view frame, const Header& header) {
    if ((header.type == FrameType::reply) != (options.role == Role::gateway)) {
      ++malformed;
    } else if (header.type == FrameType::reply) {
      ReplyReader reader(frame, header);
      for (ReplyRecord record; reader.next(record);) events.on_reply(record);
      if (!reader.ok()) ++malformed;
    } else {
      RequestReader reader(frame, header);
      for (RequestRecord record; reader.next(record);) events.on_request(record);
      if (!reader.ok()) ++malformed;
    }
  }

  Context& context;
  LinkOptions options;
  LinkEvents& events;
  LinkState state;
  std::unique_ptr<Socket> socket;
  TimePoint now;
  const std::uint64_t instance = random_u64();
  Message incoming;
  std::string records;  // the frame being filled
  std::uint16_t count = 0;
  std::string control;
  std::uint32_t limit = 0;  // granted by us
  bool backend_down = false;
  bool credit_said = true;
  std::uint32_t generation = 0;
  std::uint64_t malformed = 0;
};

Link::Link(Context& context, const LinkOptions& options, LinkEvents& events)
    : impl_(std::make_unique<Impl>(context, options, events)) {}
Link::~Link() = default;

bool Link::connected() const { return impl_->state.open() && !impl_->state.draining(); }
std::uint32_t Link::credit() const { return impl_->state.credit(); }
bool Link::backend_down() const { return impl_->state.backend_down(); }
std::uint32_t Link::session() const { return impl_->state.session(); }
std::uint64_t Link::received() const { return impl_->state.received(); }
const Socket& Link::socket() const { return *impl_->socket; }
std::uint32_t Link::generation() const { return impl_->generation; }
std::uint64_t Link::malformed() const { return impl_->malformed + impl_->socket->malformed(); }

bool Link::send_request(const RequestRecord& record) {
  if (impl_->state.credit() == 0) return false;
  impl_->open_record(kRequestRecordHead + record.body.size());
  append_request(record, impl_->records);
  impl_->state.count_sent();
  return true;
}

void Link::send_reply(const ReplyRecord& record) {
  if (!impl_->state.open()) return;
  impl_->open_record(kReplyRecordHead + record.body.size());
  append_reply(record, impl_->records);
}

void Link::set_credit(std::uint32_t limit, bool backend_down) {
  if (limit == impl_->limit && backend_down == impl_->backend_down) return;
  impl_->limit = limit;
  impl_->backend_down = backend_down;
  impl_->credit_said = false;
}

void Link::drain() {
  if (impl_->state.open()) {
    impl_->state.leave();
    impl_->say(FrameType::drain);
  } else {
    impl_->state.close();
  }
}

void Link::bye() {
  if (impl_->state.open()) impl_->say(FrameType::bye);
  impl_->socket->linger(kByeLingerMs);
  impl_->state.close();
}

bool Link::receive(TimePoint now, int frames_max) {
  impl_->now = now;
  for (int i = 0; i < frames_max; ++i) {
    if (!impl_->socket->receive(impl_->incoming)) return false;
    impl_->handle(impl_->incoming.bytes());
  }
  return true;
}

void Link::tick(TimePoint now) {
  impl_->now = now;
  switch (impl_->state.due(now)) {
    case LinkState::Due::nothing:
      break;
    case LinkState::Due::hello:
      impl_->say_hello();
      break;
    case LinkState::Due::ping:
      impl_->say(FrameType::ping);
      break;
    case LinkState::Due::reopen:
      impl_->malformed += impl_->socket->malformed();
      impl_->socket = open_socket(impl_->context, impl_->options.endpoint);
      ++impl_->generation;
      impl_->forget_session();
      impl_->events.on_lost();
      break;
  }
}

void Link::flush(TimePoint now) {
  impl_->now = now;
  impl_->flush_records();
  if (!impl_->credit_said && impl_->state.open()) impl_->say(FrameType::credit);
}

}  // namespace depot::messaging
