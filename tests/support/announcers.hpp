// Many manufacturers in one process, by raw frames of the protocol: each says HELLO, states one
// record and repeats it until it is acknowledged. And one who floods.
//
// Threads: Announcers: one. Flooder: made and destroyed by one, on a thread of its own.
// Source:  docs/PROTOCOL.md, "A manufacturer: offers in".
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "base/config.hpp"
#include "bench/maker_session.hpp"

namespace depot::test {

// One of them.
class Announcer {
 public:
  Announcer(messaging::Context& context, const Config& config, std::string id)
      : session_(context, config.hub_sync_endpoint(), std::move(id)) {}
  // From now on it states `offered` of each of `skus` goods, by its next record.
  void state(int skus, std::int64_t offered);
  // Reads what has come, says what is due.
  void turn(TimePoint now);
  bool acknowledged() const { return session_.acknowledged() >= number_; }

  // For the Flooder. REQUIRES: acknowledged().
  const std::string& record() const { return record_; }
  bool send(const std::string& frame) { return session_.send(frame); }

 private:
  bench::MakerSession session_;
  std::string record_;  // a frame
  std::uint64_t number_ = 0;
  int skus_ = 0;
  std::int64_t offered_ = 0;
  TimePoint record_due_{}, head_due_{};
};

// Until all have an acknowledgement of a record of `skus` rows; how long that took.
std::chrono::milliseconds announce(std::vector<Announcer>& all, int skus, std::int64_t offered,
                                   std::chrono::seconds patience);

// A manufacturer with a session who says thousands of things a second: records that are known
// already, requests, nonsense.
class Flooder {
 public:
  Flooder(const Config& config, const std::string& id);
  ~Flooder();
  Flooder(const Flooder&) = delete;
  Flooder& operator=(const Flooder&) = delete;
  std::uint64_t said() const { return said_; }

 private:
  void run(const Config& config, const std::string& id);
  std::atomic<bool> stopped_{false};
  std::atomic<std::uint64_t> said_{0};
  std::jthread thread_;
};

}  // namespace depot::test
