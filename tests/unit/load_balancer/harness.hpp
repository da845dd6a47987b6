// A Balancer with its peers played by the test: frames are written and read as on the wire.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "load_balancer/balancer.hpp"

namespace depot::load_balancer {

using namespace std::chrono_literals;
using messaging::FrameType;
using protocol::Status;

struct SentRequest {
  std::uint32_t tag = 0;
  std::uint32_t budget_us = 0;
  std::uint8_t kind = 0;
  std::uint8_t attempt = 0;
  std::uint8_t flags = 0;
  RequestId request_id{};
  std::string body;
};
struct SentReply {
  std::uint32_t tag = 0;
  protocol::Status status = protocol::Status::ok;
  std::uint16_t retry_after_ms = 0;
  std::string body;
  bool operator==(const SentReply&) const = default;
};
// A frame that the balancer sent, read.
struct SentFrame {
  messaging::Header header;
  std::vector<SentRequest> requests;
  std::vector<SentReply> replies;
  std::size_t bytes = 0;
};

class Harness {
 public:
  using Header = messaging::Header;
  using FrameType = messaging::FrameType;

  explicit Harness(const LoadBalancerConfig& limits = {})
      : balancer(limits, 100, TimePoint{std::chrono::hours(1)}, metrics) {}

  TimePoint now{std::chrono::hours(1)};  // Tests own the clock.
  Metrics metrics;
  Balancer balancer;

  // A peer's name is also its routing id and, unless told otherwise, its instance.
  void hello(Side side, const std::string& peer, std::uint64_t instance = 0) {
    std::string frame;
    messaging::write_header({.type = FrameType::hello, .aux = instance ? instance : hash(peer)},
                            frame);
    frame += side == Side::frontend ? '\1' : '\2';
    balancer.on_frame(side, peer, frame + peer, now);
    sides_[peer] = side;
    collect();
  }
  void gateway(const std::string& peer) { hello(Side::frontend, peer); }
  void worker(const std::string& peer, std::uint32_t credit) {
    hello(Side::backend, peer);
    grant(peer, credit);
  }
  void send(const std::string& peer, Header header, const std::string& records = {}) {
    if (header.session == 0) header.session = session(peer);
    // Of a gateway: what it has sent.
    if (header.type == FrameType::request) limits_[peer] += header.count;
    header.credit_limit = limits_[peer];
    if (messaging::carries_stamp(header.type)) {  // A gateway says what it heard.
      header.aux = sides_[peer] == Side::backend ? messaging::stamp_of(now) : stamps_[peer];
    }
    std::string frame;
    messaging::write_header(header, frame);
    balancer.on_frame(sides_[peer], peer, frame + records, now);
    collect();
  }
  void grant(const std::string& peer, std::uint32_t limit, bool down = false) {
    limits_[peer] = limit;
    send(peer, {.type = FrameType::credit,
                .flags = down ? messaging::kFlagBackendDown : std::uint8_t{0}});
  }
  void request(const std::string& peer, std::vector<messaging::RequestRecord> records) {
    std::string bytes;
    for (const auto& record : records) messaging::append_request(record, bytes);
    send(peer, {.type = FrameType::request, .count = static_cast<std::uint16_t>(records.size())},
         bytes);
  }
  static messaging::RequestRecord record(std::uint32_t tag, std::uint32_t tenant = 1,
                                         Duration budget = std::chrono::seconds(5)) {
    return {.tag = tag,
            .budget_us = static_cast<std::uint32_t>(budget / std::chrono::microseconds(1)),
            .tenant = tenant,
            .kind = 1};
  }
  void reply(const std::string& peer, std::vector<messaging::ReplyRecord> records) {
    std::string bytes;
    for (const auto& record : records) messaging::append_reply(record, bytes);
    send(peer, {.type = FrameType::reply, .count = static_cast<std::uint16_t>(records.size())},
         bytes);
  }
  // The network loses it: the gateway has sent it all the same.
  void lose_requests(const std::string& peer, std::uint32_t count) { limits_[peer] += count; }
  // As it was sent `back` requests ago.
  void request_again(const std::string& peer, std::uint32_t back,
                     std::vector<messaging::RequestRecord> records) {
    const std::uint32_t sent = limits_[peer];
    limits_[peer] = sent - back - static_cast<std::uint32_t>(records.size());
    request(peer, std::move(records));
    limits_[peer] = sent;
  }
  void turn() {
    balancer.turn(now);
    collect();
  }
  // Time passes; peers named in `alive` are heard every 50 ms.
  void pass(Duration time, const std::vector<std::string>& alive = {}) {
    for (const TimePoint end = now + time; now < end;) {
      now = std::min(end, now + std::chrono::milliseconds(50));
      for (const auto& peer : alive) send(peer, {.type = FrameType::ping});
      turn();
    }
  }

  // Frames to `peer` since the last call, those of `type` only.
  std::vector<SentFrame> take(const std::string& peer, FrameType type) {
    std::vector<SentFrame> found;
    std::deque<SentFrame> rest;
    for (auto& frame : frames_[peer]) {
      if (frame.header.type == type) {
        found.push_back(std::move(frame));
      } else {
        rest.push_back(std::move(frame));
      }
    }
    frames_[peer] = std::move(rest);
    return found;
  }
  std::vector<SentReply> replies(const std::string& peer) {
    std::vector<SentReply> all;
    for (auto& frame : take(peer, FrameType::reply)) {
      all.insert(all.end(), frame.replies.begin(), frame.replies.end());
    }
    return all;
  }
  std::vector<SentRequest> requests(const std::string& peer) {
    std::vector<SentRequest> all;
    for (auto& frame : take(peer, FrameType::request)) {
      all.insert(all.end(), frame.requests.begin(), frame.requests.end());
    }
    return all;
  }
  std::uint32_t session(const std::string& peer) const {
    const auto found = sessions_.find(peer);
    return found == sessions_.end() ? 0 : found->second;
  }
  std::uint32_t credit_of_gateway(const std::string& peer) const { return granted_.at(peer); }

 private:
  static std::uint64_t hash(const std::string& text) { return std::hash<std::string>{}(text) | 1; }

  void collect() {
    for (const OutFrame& out : balancer.out()) {
      SentFrame sent;
      if (!messaging::read_header(out.bytes, sent.header)) std::abort();
      sent.bytes = out.bytes.size();
      if (sent.header.type == FrameType::welcome) {
        const std::uint32_t before = std::exchange(sessions_[out.routing_id], sent.header.session);
        if (before != sent.header.session) limits_[out.routing_id] = 0;
      }
      if (out.side == Side::frontend) {
        granted_[out.routing_id] = sent.header.credit_limit;
        stamps_[out.routing_id] = sent.header.aux;
      }
      if (sent.header.type == FrameType::request) {
        messaging::RequestReader reader(out.bytes, sent.header);
        for (messaging::RequestRecord r; reader.next(r);) {
          sent.requests.push_back(
              {r.tag, r.budget_us, r.kind, r.attempt, r.flags, r.request_id, std::string(r.body)});
        }
        if (!reader.ok()) std::abort();
      } else {
        messaging::ReplyReader reader(out.bytes, sent.header);
        for (messaging::ReplyRecord r; reader.next(r);) {
          sent.replies.push_back({r.tag, static_cast<protocol::Status>(r.status), r.retry_after_ms,
                                  std::string(r.body)});
        }
        if (!reader.ok()) std::abort();
      }
      frames_[out.routing_id].push_back(std::move(sent));
    }
    balancer.clear_out();
  }

  std::map<std::string, Side> sides_;
  std::map<std::string, std::uint32_t> sessions_;
  std::map<std::string, std::uint32_t> limits_;
  std::map<std::string, std::uint32_t> granted_;
  std::map<std::string, std::uint64_t> stamps_;
  std::map<std::string, std::deque<SentFrame>> frames_;
};

// What the tests of the balancer start from.
class BalancerFixture : public testing::Test {
 protected:
  Harness h;

  static messaging::RequestRecord record(std::uint32_t tag, std::uint32_t tenant = 1,
                                         Duration budget = 5s) {
    return Harness::record(tag, tenant, budget);
  }
  std::vector<messaging::RequestRecord> records(std::uint32_t count, std::uint32_t first = 0) {
    std::vector<messaging::RequestRecord> all;
    for (std::uint32_t i = 0; i < count; ++i) all.push_back(record(first + i));
    return all;
  }
  // Requests in as many frames as they need.
  void flood(Harness& harness, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; i += 64) {
      harness.request("g", records(std::min(count - i, 64u), i));
    }
  }
  std::string warnings(Harness& harness) {
    std::string all;
    for (const Note& note : harness.balancer.take_notes()) {
      if (note.warning) all += note.peer + " " + note.text + "\n";
    }
    return all;
  }
};

}  // namespace depot::load_balancer
