#include "load_balancer/fair_queue.hpp"

#include "base/fatal.hpp"

namespace depot::load_balancer {
namespace {

constexpr std::size_t kQuantum = 8;

std::size_t cost_of(const Waiting& waiting) { return 1 + waiting.body.size() / 1024; }

}  // namespace

FairQueue::FairQueue(std::size_t records_max, std::size_t per_tenant_max, std::uint32_t salt)
    : per_tenant_max_(per_tenant_max),
      bytes_max_(records_max * kBytesPerPlace),
      salt_(salt),
      nodes_(records_max),
      buckets_(kBuckets),
      ring_(kBuckets) {
  for (std::size_t i = records_max; i > 0; --i) free_.push_back(static_cast<std::uint32_t>(i - 1));
}

bool FairQueue::push(const Asker& asker, TimePoint deadline,
                     const messaging::RequestRecord& record) {
  // The upper 12 bits of a multiplicative hash depend on all bits of the tenant.
  const auto index = static_cast<std::uint16_t>(((record.tenant ^ salt_) * 2654435769u) >> 20);
  Bucket& bucket = buckets_[index];
  if (free_.empty() || bucket.count >= per_tenant_max_ ||
      bytes_ + record.body.size() > bytes_max_) {
    return false;
  }
  const std::uint32_t at = free_.back();
  free_.pop_back();
  nodes_[at].next = kNone;
  Waiting& waiting = nodes_[at].waiting;
  waiting.asker = asker;
  waiting.deadline = deadline;
  waiting.record = record;
  waiting.body.assign(record.body);
  bytes_ += record.body.size();
  ++size_;
  if (bucket.count++ == 0) {
    bucket.first = at;
    ring_[ring_last_++ % kBuckets] = index;
  } else {
    nodes_[bucket.last].next = at;
  }
  bucket.last = at;
  return true;
}

const Waiting& FairQueue::front() {
  DEPOT_ASSERT(size_ > 0);
  while (turn().deficit < cost_of(nodes_[turn().first].waiting)) {
    rotate();
    turn().deficit += kQuantum;
  }
  return nodes_[turn().first].waiting;
}

void FairQueue::pop() {
  Bucket& bucket = turn();
  const std::uint32_t at = bucket.first;
  bucket.deficit -= cost_of(nodes_[at].waiting);
  bucket.first = nodes_[at].next;
  release(at);
  if (--bucket.count == 0) leave_ring();
}

void FairQueue::leave_ring() {
  turn().deficit = 0;
  ++ring_first_;
}

void FairQueue::release(std::uint32_t node) {
  std::string& body = nodes_[node].waiting.body;
  bytes_ -= body.size();
  --size_;
  // The buffer is kept for the next record, unless this one was out of the ordinary.
  if (body.capacity() > kBytesPerPlace) std::string().swap(body);
  body.clear();
  free_.push_back(node);
}

}  // namespace depot::load_balancer
