// A manufacturer who states new offers as fast as the hub's connection takes them, each of which
// has to be written: what it must not take from anybody else.
//
// Threads: one.
#pragma once

#include "bench/maker_session.hpp"

namespace depot::bench {

class OfferFlood {
 public:
  // `rows`: goods that each record states, with another total each time; 1 to 200.
  OfferFlood(messaging::Context& context, const std::string& sync_endpoint, std::string id,
             int rows)
      : session_(context, sync_endpoint, std::move(id)), rows_(rows) {}
  // Reads what has come and says a burst. To be called about every millisecond.
  void turn(TimePoint now);
  std::uint64_t said() const { return said_; }                       // frames
  std::uint64_t written() const { return session_.acknowledged(); }  // records

 private:
  MakerSession session_;
  const int rows_;
  std::uint64_t next_ = 1, said_ = 0;
  TimePoint resend_due_{};
};

}  // namespace depot::bench
