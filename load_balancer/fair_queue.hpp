// Records that wait for a worker: fair between tenants, bounded in number and bytes.
//
// Where it is full, the newest record of the tenant who has most waiting makes room for one of a
// tenant who has less: a flood is refused alone. Deficit round robin over 4,096 buckets that
// tenants are hashed into (stochastic fairness queueing): every step takes constant time and a
// flood of tenants costs no memory. A large record costs more of its bucket's share than a small
// one. Places and their buffers are used again: nothing is allocated per record.
//
// Threads: one owner.
// Source:  Shreedhar and Varghese 1995 (the rounds), McKenney 1990 (the hashing), RFC 8290
//          section 4.1 (whose makes room).
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/fatal.hpp"
#include "messaging/frame.hpp"

namespace depot::load_balancer {

struct Asker {  // whom to answer
  std::uint32_t gateway = 0;
  std::uint32_t tag = 0;
};

struct Waiting {
  Asker asker;
  TimePoint deadline;
  messaging::RequestRecord record;  // its body lies in `body`
  std::string body;
};

class FairQueue {
 public:
  // `salt` keeps strangers from guessing who shares a bucket with whom.
  FairQueue(std::size_t records_max, std::size_t per_tenant_max, std::size_t bytes_max,
            std::uint32_t salt)
      : records_max_(records_max),
        per_tenant_max_(per_tenant_max),
        bytes_max_(bytes_max),
        salt_(salt),
        free_(records_max) {}

  // From now on it is full with so many; records_max at first. `firsts`: for tenants of whom none
  // waits yet.
  void limit(std::size_t records, std::size_t firsts) {
    records_now_max_ = records;
    firsts_now_max_ = firsts;
  }

  // Copies the record's body. False when the tenant's part of the queue is full, or the queue is
  // and nobody has more in it. Calls `out` with the asker of the record that makes room.
  template <typename F>
  bool push(const Asker& asker, TimePoint deadline, const messaging::RequestRecord& record,
            F&& out) {
    // The upper 12 bits of a multiplicative hash depend on all bits of the tenant.
    const auto index = static_cast<std::uint16_t>(((record.tenant ^ salt_) * 2654435769u) >> 20);
    Bucket& bucket = buckets_[index];
    Records& records = bucket.records;
    if (records.size() >= per_tenant_max_) return false;
    const std::size_t bytes = bytes_ + record.body.size();
    if (size() >= (records.empty() ? firsts_now_max_ : records_now_max_) || bytes > bytes_max_) {
      Bucket& most = buckets_[most_];
      if (most.records.size() < 2 || most.cost <= bucket.cost + cost_of(record.body)) return false;
      const Waiting& newest = most.records.back();
      if (bytes - newest.body.size() > bytes_max_) return false;
      out(newest.asker);
      release(most, std::prev(most.records.end()));
    }
    Waiting& waiting = free_.front();
    waiting.asker = asker;
    waiting.deadline = deadline;
    waiting.record = record;
    waiting.body.assign(record.body);
    bytes_ += record.body.size();
    bucket.cost += cost_of(record.body);
    if (bucket.cost > buckets_[most_].cost) most_ = index;
    if (records.empty()) ring_[ring_last_++ % kBuckets] = index;
    records.splice(records.end(), free_, free_.begin());
    return true;
  }

  // Whose turn it is; pop() removes it. REQUIRES: !empty().
  const Waiting& front() {
    DEPOT_ASSERT(!empty());
    while (turn().deficit < cost_of(turn().records.front().body)) {
      rotate();
      turn().deficit += kQuantum;
    }
    return turn().records.front();
  }
  void pop() {
    Bucket& bucket = turn();
    bucket.deficit -= cost_of(bucket.records.front().body);
    release(bucket, bucket.records.begin());
    if (bucket.records.empty()) leave_ring();
  }

  // Removes every record that `leaves` says yes to.
  template <typename F>
  void remove_if(F&& leaves) {
    for (std::size_t left = ring_last_ - ring_first_; left > 0; --left) {
      Records& records = turn().records;
      for (auto at = records.begin(); at != records.end();) {
        const auto here = at++;
        if (leaves(std::as_const(*here))) release(turn(), here);
      }
      records.empty() ? leave_ring() : rotate();
    }
  }

  bool empty() const { return ring_first_ == ring_last_; }
  std::size_t size() const { return records_max_ - free_.size(); }

 private:
  static constexpr std::size_t kBuckets = 4'096;
  static constexpr std::size_t kQuantum = 8;
  static constexpr std::size_t kBufferKeptMax = 4 * 1024;
  using Records = std::list<Waiting>;
  struct Bucket {
    Records records;
    std::size_t deficit = 0, cost = 0;  // cost: of all its records
  };

  static std::size_t cost_of(std::string_view body) { return 1 + body.size() / 1024; }
  Bucket& turn() { return buckets_[ring_[ring_first_ % kBuckets]]; }
  void rotate() { ring_[ring_last_++ % kBuckets] = ring_[ring_first_++ % kBuckets]; }
  void leave_ring() {
    turn().deficit = 0;
    ++ring_first_;
  }
  void release(Bucket& from, Records::iterator at) {
    bytes_ -= at->body.size();
    from.cost -= cost_of(at->body);
    if (at->body.capacity() > kBufferKeptMax) std::string().swap(at->body);
    free_.splice(free_.begin(), from.records, at);
  }

  const std::size_t records_max_, per_tenant_max_, bytes_max_;
  const std::uint32_t salt_;
  std::size_t records_now_max_ = records_max_, firsts_now_max_ = records_max_;
  Records free_;
  std::vector<Bucket> buckets_{kBuckets};
  std::vector<std::uint16_t> ring_ = std::vector<std::uint16_t>(kBuckets);  // not empty; in turn
  std::size_t ring_first_ = 0, ring_last_ = 0;
  std::size_t bytes_ = 0;
  // The bucket that cost most when one was last pushed into: who grows past it takes its place, and
  // while all are served alike it stays the largest.
  std::uint16_t most_ = 0;
};

}  // namespace depot::load_balancer
