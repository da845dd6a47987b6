#include "tests/support/event_stream.hpp"

#include <boost/json/parse.hpp>

namespace depot::test {

boost::json::value Event::json() const { return boost::json::parse(data); }

EventStream::EventStream(int port, const std::string& last_event_id) : wire_(port) {
  wire_.send(
      "GET /v1/catalogue/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n" +
      (last_event_id.empty() ? "" : "Last-Event-ID: " + last_event_id + "\r\n") + "\r\n");
  head_ = wire_.read_head();
  if (head_.status != 200) throw WireError("the stream: " + std::to_string(head_.status));
}

std::optional<Event> EventStream::next(std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (true) {
    if (auto event = interpret()) return event;
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    if (ended_ || left.count() <= 0) return std::nullopt;
    const auto more = wire_.read_more(left);
    ended_ = !more;
    text_ += more.value_or("");
    bytes_ += more.value_or("").size();
  }
}

// Takes blocks, which end with an empty line, off text_ up to the first that is an event.
std::optional<Event> EventStream::interpret() {
  std::size_t end;
  while ((end = text_.find("\n\n")) != std::string::npos) {
    const std::string block = text_.substr(0, end + 1);
    text_.erase(0, end + 2);
    Event event;
    for (std::size_t at = 0; at < block.size(); at = block.find('\n', at) + 1) {
      const std::string line = block.substr(at, block.find('\n', at) - at);
      const std::size_t colon = line.find(':');
      const std::string field = line.substr(0, colon);
      const std::string value = line.substr(std::min(colon + 2, line.size()));
      if (field.empty()) ++comments_;
      if (field == "event") event.type = value;
      if (field == "data") event.data += value;
      if (field == "retry") retry_ = value;
      if (field == "id") last_id_ = value;
    }
    event.last_id = last_id_;
    if (!event.data.empty()) return event;
  }
  return std::nullopt;
}

std::optional<std::int64_t> EventStream::available(const std::string& offer,
                                                   std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  while (const auto event = next(std::chrono::duration_cast<std::chrono::milliseconds>(
             end - std::chrono::steady_clock::now()))) {
    const auto json = event->json();
    const auto one = [&](const boost::json::value& item) {
      return item.at("offer_id").as_string() == offer
                 ? std::optional(item.at("available").as_int64())
                 : std::nullopt;
    };
    if (event->type == "stock") {
      if (const auto found = one(json)) return found;
    } else if (event->type == "snapshot") {
      for (const auto& item : json.at("items").as_array()) {
        if (const auto found = one(item)) return found;
      }
    }
  }
  return std::nullopt;
}

}  // namespace depot::test
