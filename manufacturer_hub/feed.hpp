// A stretch of the feed, coalesced: values are absolute, so the latest of an offer is all that
// counts.
//
// Threads: values.
// Errors:  add() says false for what the store's functions never write, and takes nothing of it.
// Source:  docs/STORE.md, "Feed entries".
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messaging/sync_frame.hpp"
#include "protocol/sync.hpp"

namespace depot::manufacturer_hub {

struct FeedEntry {  // as it stands in Redis; views good as long as the store's reply
  std::uint64_t number = 0;
  std::vector<std::pair<std::string_view, std::string_view>> fields;
};

class FeedWindow {
 public:
  bool add(const FeedEntry& entry);
  bool empty() const { return bytes_ == 0; }
  std::size_t bytes() const { return bytes_; }  // about what the records will take

  // The body of that kind's RECORD; "" where nothing of it changed. Each is whole by itself: a
  // follower may have one kind and lack the other.
  std::string body(messaging::PublicKind kind) const;

  // Ledgers that grew: manufacturer -> epoch and number of the newest entry.
  const std::map<std::string, std::pair<std::uint64_t, std::uint64_t>>& heads() const {
    return heads_;
  }
  const std::map<std::string, std::string>& manufacturers() const { return manufacturers_; }
  const std::optional<protocol::Cycle>& cycle() const { return cycle_; }

 private:
  std::map<std::string, protocol::StockRow> stock_;
  std::map<std::string, std::string> names_, manufacturers_;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> heads_;
  std::optional<protocol::Cycle> cycle_;
  std::size_t bytes_ = 0;
};

}  // namespace depot::manufacturer_hub
