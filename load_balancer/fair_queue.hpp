// Records that wait for a worker: fair between tenants, bounded in number and bytes.
//
// Deficit round robin over 4,096 buckets that tenants are hashed into (stochastic fairness
// queueing): every step takes constant time and a flood of tenants costs no memory. A large record
// costs more of its bucket's share than a small one. Bodies are copied into buffers that are used
// again.
//
// Threads: one owner.
// Source:  Shreedhar and Varghese 1995 (the rounds), McKenney 1990 (the hashing).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "messaging/frame.hpp"

namespace depot::load_balancer {

struct Asker {  // whom to answer
  std::uint32_t gateway = 0;
  std::uint32_t session = 0;
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
  static constexpr std::size_t kBytesPerPlace = 4 * 1024;  // on average over all places

  // `salt` keeps strangers from guessing who shares a bucket with whom.
  FairQueue(std::size_t records_max, std::size_t per_tenant_max, std::uint32_t salt);

  // False when the queue, or the tenant's part of it, is full. Copies the record's body.
  bool push(const Asker& asker, TimePoint deadline, const messaging::RequestRecord& record);
  // Whose turn it is; pop() removes it. REQUIRES: !empty().
  const Waiting& front();
  void pop();
  // Removes every record that `leaves` says yes to.
  template <typename F>
  void remove_if(F&& leaves);

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kBuckets = 4'096;
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Node {
    Waiting waiting;
    std::uint32_t next = kNone;
  };
  struct Bucket {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    std::uint32_t count = 0;
    std::size_t deficit = 0;
  };

  Bucket& turn() { return buckets_[ring_[ring_first_ % kBuckets]]; }
  void rotate() { ring_[ring_last_++ % kBuckets] = ring_[ring_first_++ % kBuckets]; }
  void leave_ring();
  void release(std::uint32_t node);

  std::size_t per_tenant_max_;
  std::size_t bytes_max_;
  std::uint32_t salt_;
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> free_;
  std::vector<Bucket> buckets_;
  std::vector<std::uint16_t> ring_;  // the buckets that hold something, whose turn it is first
  std::size_t ring_first_ = 0;
  std::size_t ring_last_ = 0;
  std::size_t size_ = 0;
  std::size_t bytes_ = 0;
};

template <typename F>
void FairQueue::remove_if(F&& leaves) {
  for (std::size_t left = ring_last_ - ring_first_; left > 0; --left) {
    Bucket& bucket = turn();
    bucket.last = kNone;
    for (std::uint32_t* link = &bucket.first; *link != kNone;) {
      const std::uint32_t at = *link;
      if (leaves(static_cast<const Waiting&>(nodes_[at].waiting))) {
        *link = nodes_[at].next;
        --bucket.count;
        release(at);
      } else {
        bucket.last = at;
        link = &nodes_[at].next;
      }
    }
    bucket.count > 0 ? rotate() : leave_ring();
  }
}

}  // namespace depot::load_balancer
