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
#include "base/fatal.hpp"
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
  FairQueue(std::size_t records_max, std::size_t per_tenant_max, std::uint32_t salt)
      : per_tenant_max_(per_tenant_max), salt_(salt), nodes_(records_max) {
    for (std::size_t i = records_max; i > 0; --i) free_.push_back(static_cast<Place>(i - 1));
  }

  // False when the queue, or the tenant's part of it, is full. Copies the record's body.
  bool push(const Asker& asker, TimePoint deadline, const messaging::RequestRecord& record) {
    // The upper 12 bits of a multiplicative hash depend on all bits of the tenant.
    const auto index = static_cast<std::uint16_t>(((record.tenant ^ salt_) * 2654435769u) >> 20);
    Bucket& bucket = buckets_[index];
    const std::size_t bytes = bytes_ + record.body.size();
    if (free_.empty() || bucket.count >= per_tenant_max_ ||
        bytes > nodes_.size() * kBytesPerPlace) {
      return false;
    }
    const Place at = free_.back();
    free_.pop_back();
    Waiting& waiting = nodes_[at].waiting;
    waiting.asker = asker;
    waiting.deadline = deadline;
    waiting.record = record;
    waiting.body.assign(record.body);
    nodes_[at].next = kNone;
    bytes_ = bytes;
    (bucket.count > 0 ? nodes_[bucket.last].next : bucket.first) = at;
    bucket.last = at;
    if (bucket.count++ == 0) ring_[ring_last_++ % kBuckets] = index;
    return true;
  }

  // Whose turn it is; pop() removes it. REQUIRES: !empty().
  const Waiting& front() {
    DEPOT_ASSERT(!empty());
    while (turn().deficit < cost_of(turn().first)) {
      rotate();
      turn().deficit += kQuantum;
    }
    return nodes_[turn().first].waiting;
  }
  void pop() {
    Bucket& bucket = turn();
    const Place at = bucket.first;
    bucket.deficit -= cost_of(at);
    bucket.first = nodes_[at].next;
    release(at);
    if (--bucket.count == 0) leave_ring();
  }

  // Removes every record that `leaves` says yes to.
  template <typename F>
  void remove_if(F&& leaves) {
    for (std::size_t left = ring_last_ - ring_first_; left > 0; --left) {
      Bucket& bucket = turn();
      for (Place* link = &bucket.first; *link != kNone;) {
        const Place at = *link;
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

  bool empty() const { return size() == 0; }
  std::size_t size() const { return nodes_.size() - free_.size(); }

 private:
  using Place = std::uint32_t;
  static constexpr Place kNone = UINT32_MAX;
  static constexpr std::size_t kBuckets = 4'096;
  static constexpr std::size_t kQuantum = 8;
  struct Node {
    Waiting waiting;
    Place next = kNone;
  };
  struct Bucket {
    Place first = kNone;
    Place last = kNone;
    std::uint32_t count = 0;
    std::size_t deficit = 0;
  };

  std::size_t cost_of(Place at) const { return 1 + nodes_[at].waiting.body.size() / 1024; }
  Bucket& turn() { return buckets_[ring_[ring_first_ % kBuckets]]; }
  void rotate() { ring_[ring_last_++ % kBuckets] = ring_[ring_first_++ % kBuckets]; }
  void leave_ring() {
    turn().deficit = 0;
    ++ring_first_;
  }
  void release(Place at) {
    std::string& body = nodes_[at].waiting.body;
    bytes_ -= body.size();
    // The buffer is kept for the next record, unless this one was out of the ordinary.
    if (body.capacity() > kBytesPerPlace) std::string().swap(body);
    body.clear();
    free_.push_back(at);
  }

  const std::size_t per_tenant_max_;
  const std::uint32_t salt_;
  std::vector<Node> nodes_;
  std::vector<Place> free_;
  std::vector<Bucket> buckets_{kBuckets};
  std::vector<std::uint16_t> ring_ = std::vector<std::uint16_t>(kBuckets);  // not empty; in turn
  std::size_t ring_first_ = 0;
  std::size_t ring_last_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace depot::load_balancer
