// What changed in the stock, for live streams: numbered events in frames that all streams share.
//
// The feed says which offers changed. Their present values become one frame of Server-Sent Events,
// at most every `stream_every`; the first after some quiet at once. Frames are kept, up to
// `stream_buffer_max` bytes, for clients that read slowly or come back; who lacks more is sent a
// snapshot, made at most once for each number. After a minute without any stream nothing is written
// down; who comes then is sent a snapshot. An event's id is "<gateway>-<n>"; a connection that
// breaks within a frame is resumed with the whole of it, which tells nothing wrong.
//
// Threads: changed(), cycle_changed(), renew() and publish() are the feed's; the others anybody's.
//          While a snapshot is written only those wait that need one.
// Source:  docs/openapi.yaml, /v1/catalogue/stream; the HTML standard, "Server-sent events".
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "customer_gateway/catalogue.hpp"
#include "http/server.hpp"

namespace depot::customer_gateway {

class StockNews {
 public:
  StockNews(const CatalogueHolder& catalogue, const Config& config);

  void changed(std::string_view offer);  // price, quantity or name; withdrawn ones have 0 available
  void cycle_changed();                  // its state, which all are told
  void renew();                          // All is new: who follows is sent a snapshot.
  void publish(TimePoint now);           // at least every 50 ms

  bool ready() const { return catalogue_.ready(); }
  std::uint64_t newest() const { return newest_.load(std::memory_order_acquire); }
  // Where a client stands that has seen this id; 0, where nothing was seen, for one that is not of
  // this process.
  std::uint64_t position_of(std::string_view last_event_id) const;
  struct News {
    http::Stream::Frame frame;  // null when there is nothing new
    bool snapshot = false;
  };
  // What comes next for a client that has seen all up to `position`, which moves behind it.
  News next(std::uint64_t& position);

  // One stream more, of all threads; false beyond `streams_max`.
  bool enter();
  void leave() { streams_.fetch_sub(1, std::memory_order_relaxed); }
  int streams() const { return streams_.load(std::memory_order_relaxed); }

 private:
  const CatalogueHolder& catalogue_;
  const std::string gateway_;  // made anew at each start; no '-'
  const std::string currency_;
  const Duration every_;
  const std::size_t kept_max_;  // bytes
  const int streams_max_;
  std::atomic<int> streams_{0};

  std::set<std::string, std::less<>> changed_;  // the feed's
  bool cycle_changed_ = false;                  // likewise
  TimePoint due_;                               // likewise
  TimePoint listened_;                          // likewise: when there was a stream
  bool alone_ = false, missed_ = false;         // likewise: nobody listens, and to what nobody did

  struct Kept {
    std::uint64_t last;  // the number of its last event
    http::Stream::Frame frame;
  };
  std::mutex mutex_;                      // guards what follows, up to the snapshot
  std::atomic<std::uint64_t> newest_{1};  // set under it
  std::deque<Kept> kept_;
  std::uint64_t kept_behind_ = 1;  // the number before their first event
  std::size_t kept_bytes_ = 0;
  std::mutex snapshot_mutex_;  // guards the snapshot
  http::Stream::Frame snapshot_;
  std::uint64_t snapshot_number_ = 0;

  std::string id_line(std::uint64_t number) const;
  std::string snapshot_text(std::uint64_t number) const;
  std::string cycle_text(std::uint64_t number) const;
  std::optional<Kept> kept_after(std::uint64_t position);
};

}  // namespace depot::customer_gateway
