// Tags for what is in flight: slot (20 bits) and generation (12 bits), constant-time lookup; a late
// duplicate of an old tag is recognised and finds nothing. Slots are used in turn, so a tag comes
// again only after a million others: a reply that late would meet a stranger's request.
//
// Threads: one owner.
// Source:  docs/PROTOCOL.md, "tag".
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/fatal.hpp"

namespace depot::messaging {

template <typename T>
class Slots {
 public:
  static constexpr std::size_t kMax = std::size_t{1} << 20;

  static constexpr std::size_t kFreeMin = 256;  // 256 slots of 4,096 generations each.

  // REQUIRES: size() + kFreeMin < kMax.
  std::uint32_t insert(T value) {
    std::uint32_t slot;
    if (free_.size() < kFreeMin) {
      DEPOT_ASSERT(entries_.size() < kMax);
      slot = static_cast<std::uint32_t>(entries_.size());
      entries_.emplace_back();
    } else {
      slot = free_.front();
      free_.pop_front();
    }
    Entry& entry = entries_[slot];
    entry.value.emplace(std::move(value));
    ++size_;
    return slot | (entry.generation << 20);
  }

  T* find(std::uint32_t tag) {
    const std::uint32_t slot = tag & 0xFFFFF;
    if (slot >= entries_.size()) return nullptr;
    Entry& entry = entries_[slot];
    if (!entry.value || entry.generation != tag >> 20) return nullptr;
    return &*entry.value;
  }

  // The value, out of the table; nullopt for a tag that is not there any more.
  std::optional<T> take(std::uint32_t tag) {
    T* found = find(tag);
    if (!found) return std::nullopt;
    Entry& entry = entries_[tag & 0xFFFFF];
    std::optional<T> value(std::move(*found));
    entry.value.reset();
    entry.generation = (entry.generation + 1) & 0xFFF;
    free_.push_back(tag & 0xFFFFF);
    --size_;
    return value;
  }

  std::size_t size() const { return size_; }

  // Calls f(tag, value) for each; f must not insert or take.
  template <typename F>
  void for_each(F&& f) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      Entry& entry = entries_[i];
      if (entry.value) f(static_cast<std::uint32_t>(i) | (entry.generation << 20), *entry.value);
    }
  }

  // Tags of all values that f says yes to: a list of its own, so that one may insert and take.
  template <typename F>
  std::vector<std::uint32_t> where(F&& f) {
    std::vector<std::uint32_t> tags;
    for_each([&](std::uint32_t tag, const T& value) {
      if (f(value)) tags.push_back(tag);
    });
    return tags;
  }

 private:
  struct Entry {
    std::optional<T> value;
    std::uint32_t generation = 0;
  };
  std::vector<Entry> entries_;
  std::deque<std::uint32_t> free_;  // The longest free first.
  std::size_t size_ = 0;
};

}  // namespace depot::messaging
