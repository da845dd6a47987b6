// Records that wait for a worker: fair between tenants, bounded in number and bytes.
//
// Deficit round robin over 4,096 buckets that tenants are hashed into (stochastic fairness
// queueing): each who waits has one turn a round. A record takes a turn, and one more for each KiB;
// a push or pop costs as many steps, whatever waits, and a flood of tenants costs no memory. Places
// and their buffers are used again: nothing is allocated per record.
//
// While nobody else comes, a record's turn is there after as many rounds as its tenant's records
// take turns, of a turn for each who waits now. It is taken in by that, and what a flood has
// waiting behind it is no matter. Of places and bytes a tenant may have as many as are still free:
// one that floods has half of them, and whoever comes next finds one.
//
// Threads: one owner.
// Source:  Shreedhar and Varghese 1995 (the rounds), McKenney 1990 (the hashing), Choudhury and
//          Hahne 1998 (the places).
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
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

  // From now on a record is taken in whose turn comes within so many, or while half as many turns
  // are all that wait; at first, whenever that is. `firsts`: where none of its tenant waits yet.
  void limit(std::size_t turns, std::size_t firsts) {
    turns_max_ = turns;
    firsts_max_ = firsts;
  }

  // False when the queue is full, or the tenant's part of it is, or the record would wait too long.
  // Copies the record's body.
  bool push(const Asker& asker, TimePoint deadline, const messaging::RequestRecord& record) {
    // The upper 12 bits of a multiplicative hash depend on all bits of the tenant.
    const auto index = static_cast<std::uint16_t>(((record.tenant ^ salt_) * 2654435769u) >> 20);
    Bucket& bucket = buckets_[index];
    Records& records = bucket.records;
    const std::size_t turns = turns_of(record.body),
                      turns_max = records.empty() ? firsts_max_ : turns_max_;
    const std::size_t round = ring_last_ - ring_first_ + (records.empty() ? 1 : 0);
    if (size() + records.size() >= records_max_ || records.size() >= per_tenant_max_ ||
        bytes_ + bucket.bytes + record.body.size() > bytes_max_ ||
        (turns_ + turns > turns_max / 2 && (bucket.turns + turns) * round > turns_max)) {
      return false;
    }
    Waiting& waiting = free_.front();
    waiting.asker = asker;
    waiting.deadline = deadline;
    waiting.record = record;
    waiting.body.assign(record.body);
    bytes_ += record.body.size();
    bucket.bytes += record.body.size();
    turns_ += turns;
    bucket.turns += turns;
    if (records.empty()) {
      bucket.deficit = 1;
      ring_[ring_last_++ % kBuckets] = index;
    }
    records.splice(records.end(), free_, free_.begin());
    return true;
  }

  // Whose turn it is; pop() removes it. REQUIRES: !empty().
  const Waiting& front() {
    DEPOT_ASSERT(!empty());
    while (turn().deficit < turns_of(turn().records.front().body)) {
      ++turn().deficit;
      rotate();
    }
    return turn().records.front();
  }
  void pop() {
    Bucket& bucket = turn();
    bucket.deficit -= turns_of(bucket.records.front().body);
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

  static std::size_t turns_of(std::string_view body) { return 1 + body.size() / 1024; }
  bool empty() const { return ring_first_ == ring_last_; }
  std::size_t size() const { return records_max_ - free_.size(); }

 private:
  static constexpr std::size_t kBuckets = 4'096;
  static constexpr std::size_t kBufferKeptMax = 4 * 1024;
  using Records = std::list<Waiting>;
  struct Bucket {
    Records records;
    std::size_t deficit = 0, turns = 0, bytes = 0;
  };

  Bucket& turn() { return buckets_[ring_[ring_first_ % kBuckets]]; }
  void rotate() { ring_[ring_last_++ % kBuckets] = ring_[ring_first_++ % kBuckets]; }
  void leave_ring() { ++ring_first_; }
  void release(Bucket& from, Records::iterator at) {
    bytes_ -= at->body.size();
    from.bytes -= at->body.size();
    turns_ -= turns_of(at->body);
    from.turns -= turns_of(at->body);
    if (at->body.capacity() > kBufferKeptMax) std::string().swap(at->body);
    free_.splice(free_.begin(), from.records, at);
  }

  const std::size_t records_max_, per_tenant_max_, bytes_max_;
  const std::uint32_t salt_;
  std::size_t turns_max_ = SIZE_MAX, firsts_max_ = SIZE_MAX;
  Records free_;
  std::vector<Bucket> buckets_{kBuckets};
  std::vector<std::uint16_t> ring_ = std::vector<std::uint16_t>(kBuckets);  // not empty; in turn
  std::size_t ring_first_ = 0, ring_last_ = 0;
  std::size_t turns_ = 0, bytes_ = 0;
};

}  // namespace depot::load_balancer
