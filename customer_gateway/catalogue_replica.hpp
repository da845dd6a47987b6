// Keeps the catalogue as the hub tells it: a snapshot, then numbered records, gaps fetched. Decides
// only; catalogue_feed.hpp moves the frames.
//
// Threads: one.
// Errors:  a frame that makes no sense is counted and, where it leaves a hole, repaired by a
//          snapshot.
// Source:  docs/PROTOCOL.md, "Gateways, and whoever wants the public feed".
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "base/metrics.hpp"
#include "customer_gateway/catalogue.hpp"
#include "customer_gateway/stock_news.hpp"
#include "messaging/sync_frame.hpp"

namespace depot::customer_gateway {

// The topics to subscribe to, in the order of PublicKind.
inline constexpr std::string_view kTopics[] = {"stock/", "catalogue/", "cycle/"};

class CatalogueReplica {
 public:
  // `clock`: how long a rebuild takes is measured, since it paces the next one.
  CatalogueReplica(std::string name, CatalogueHolder& holder, StockNews& news, Metrics& metrics,
                   TimePoint (*clock)() = steady_now);

  void connect(TimePoint now);  // The sockets are new, or the hub forgot us: says HELLO.
  void on_public(std::string_view topic, std::string_view header, std::string_view body,
                 TimePoint now);
  void on_sync(std::string_view frame, TimePoint now);
  void tick(TimePoint now);  // at least every 100 ms

  // The hub has not been heard for 2 s, or says nothing to what it was asked for 4 s: open new
  // sockets, to another one where there is one. libzmq gives a connection up for good when a
  // message on it is too large.
  bool silent(TimePoint now) const;
  // Frames for the sync socket; the owner pops what it has sent.
  std::deque<std::string>& outbox() { return outbox_; }

 private:
  enum class Phase { greeting, waiting, live };  // waiting: for the answer to FETCH or SNAPSHOT
  struct Held {
    messaging::PublicKind kind;
    messaging::SyncHeader header;
    std::string body;
  };

  const std::string name_;
  TimePoint (*const clock_)();
  CatalogueHolder& holder_;
  StockNews& news_;
  Counter &gaps_, &snapshots_, &malformed_;
  Gauge& products_;

  Phase phase_ = Phase::greeting;
  TimePoint heard_, progress_;  // the hub; what we asked for
  TimePoint answered_;          // the last that came of it, or of being live
  bool unanswered_ = false;
  std::array<messaging::Follower, 3> followers_;  // by PublicKind - 1
  std::deque<Held> held_;                         // came while waiting
  std::deque<std::string> outbox_;

  std::shared_ptr<Catalogue> catalogue_ = std::make_shared<Catalogue>();
  std::string cycle_;
  std::vector<protocol::CatalogueItem> parts_;  // of the snapshot that is coming
  Catalogue::Manufacturers part_manufacturers_;
  bool in_snapshot_ = false;

  // New names, until the next rebuild: one per record would be quadratic during an import.
  std::unordered_map<std::string, protocol::CatalogueItem> pending_;
  Catalogue::Manufacturers pending_manufacturers_;
  TimePoint rebuild_due_;

  messaging::Follower& follower(messaging::PublicKind kind) {
    return followers_[static_cast<std::size_t>(kind) - 1];
  }
  void say(messaging::SyncType type, std::uint64_t epoch, std::uint64_t from,
           std::string_view body = {});
  void greet(TimePoint now);
  void fetch(TimePoint now);
  void snapshot(TimePoint now);
  void handle(messaging::PublicKind kind, const messaging::SyncHeader& header,
              std::string_view body, TimePoint now);
  bool apply(messaging::PublicKind kind, std::string_view body, TimePoint now);
  bool apply_catalogue(std::string_view body);
  bool apply_stock(std::string_view body);
  void on_part(const messaging::SyncHeader& header, std::string_view body);
  void on_end(const messaging::SyncHeader& header, TimePoint now);
  void rebuild(TimePoint now);
  void replace(const std::vector<protocol::CatalogueItem>& items,
               Catalogue::Manufacturers manufacturers);
};

}  // namespace depot::customer_gateway
