// A client of GET /v1/catalogue/stream: reads Server-Sent Events as a browser does.
//
// Threads: one.
// Errors:  WireError where the stream is refused; next() returns nullopt at its end.
// Source:  the HTML standard, "Interpreting an event stream".
#pragma once

#include <optional>
#include <string>

#include "tests/support/wire.hpp"

namespace depot::test {

struct Event {
  std::string type, data;
  std::string last_id;  // as it stands behind the event
  boost::json::value json() const;
};

class EventStream {
 public:
  explicit EventStream(int port, const std::string& last_event_id = "");

  const HttpReply& head() const { return head_; }
  // The next event; nullopt when none comes in time, or when the stream has ended.
  std::optional<Event> next(std::chrono::milliseconds timeout = std::chrono::seconds(20));
  // The next that says something of `offer`: its value, from a snapshot or a change.
  std::optional<std::int64_t> available(const std::string& offer,
                                        std::chrono::milliseconds timeout);
  bool ended() const { return ended_; }
  const std::string& retry() const { return retry_; }  // "" before there was one
  const std::string& last_id() const { return last_id_; }
  std::size_t bytes() const { return bytes_; }  // behind the head
  int comments() const { return comments_; }
  Wire& wire() { return wire_; }

 private:
  Wire wire_;
  HttpReply head_;
  std::string text_;  // not yet interpreted
  std::string retry_, last_id_;
  std::size_t bytes_ = 0;
  int comments_ = 0;
  bool ended_ = false;
  std::optional<Event> interpret();
};

}  // namespace depot::test
