// Decides what the hub says: takes frames, feed entries and the store's answers, and says through
// HubActions what to send, publish and ask of the store. It keeps nothing that Redis has not.
//
// An offer is acknowledged when the store has written it. What was lost or dropped on the way the
// agent sends again, and the store's function alone judges which record is the next.
//
// Threads: one.
// Errors:  none to the caller: a peer's nonsense is counted, warned of once a minute, and dropped.
// Source:  docs/PROTOCOL.md, "Sync".
#pragma once

#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/config.hpp"
#include "base/metrics.hpp"
#include "base/result.hpp"
#include "manufacturer_hub/feed.hpp"
#include "messaging/socket.hpp"
#include "messaging/sync_frame.hpp"
#include "protocol/sync.hpp"

namespace depot::manufacturer_hub {

enum class OfferVerdict { applied = 0, duplicate = 1, gap = 2, stale_cycle = 3, old_epoch = 4 };

// What the store answers.
struct StoreState {
  std::string store_id;
  std::string run_id;  // of the Redis process: a restored data set is served by another one
  protocol::Cycle cycle;
  std::uint64_t feed_number = 0;
};
struct OfferAnswer {
  OfferVerdict verdict;
  std::uint64_t epoch, last;  // What is applied now.
};
struct LedgerLine {
  std::uint64_t epoch, number;
  std::string_view entry;
};
struct CataloguePage {
  std::string next_cursor;  // "0" behind the last page
  std::uint64_t number;
  std::string_view record;
};
struct Behind {  // connected manufacturers, in ledger entries that they were not told of yet
  std::uint64_t sum = 0, max = 0;
};
inline constexpr std::size_t kPageEntries = 200;  // Of a ledger or the feed; a shorter one is last.

class HubActions {
 public:
  virtual ~HubActions() = default;
  virtual messaging::Sent send(std::string_view peer, std::string_view frame) = 0;
  virtual void publish(std::string_view topic, std::string_view header, std::string_view body) = 0;
  virtual void warn(std::string_view what, std::string_view who) = 0;
  // Each asks the store and is answered by the Hub's on_... below, possibly before it returns. A
  // ticket comes back with the page, so that one of an older request is told apart.
  virtual void greet(const std::string& peer, const protocol::SyncHello& hello) = 0;
  virtual void apply(const std::string& manufacturer, std::uint64_t epoch, std::uint64_t number,
                     std::string_view record, bool whole) = 0;
  virtual void accept(const std::string& peer, const std::string& manufacturer, std::uint64_t epoch,
                      std::uint64_t number) = 0;
  virtual void read_ledger(std::uint64_t ticket, const std::string& manufacturer,
                           std::uint64_t epoch, std::uint64_t from) = 0;
  virtual void read_feed(std::uint64_t ticket, std::uint64_t from) = 0;
  virtual void read_catalogue(std::uint64_t ticket, const std::string& cursor) = 0;
  virtual void ask(const std::string& peer, std::uint64_t ticket, const std::string& manufacturer,
                   const protocol::SyncAsk& ask) = 0;
};

class Hub {
 public:
  Hub(const HubConfig& config, HubActions& actions, Metrics& metrics);

  // user: the name of the sender's key, "" where none is asked for (ipc).
  void on_sync(const std::string& peer, std::string_view frame, TimePoint now,
               std::string_view user = {});
  void on_published(std::string_view topic, std::string_view header, std::string_view body,
                    TimePoint now, std::string_view user = {});
  void on_subscription(std::string_view topic);
  void on_tick(TimePoint now, WallTime wall);  // Publishes what is due; once per loop turn.

  // The store is there (again). Everybody is asked to say HELLO (again).
  void on_store(StoreState state);
  void on_feed(const FeedEntry& entry);  // In order, from feed_number() + 1.
  void on_greeted(const std::string& peer, const Result<protocol::SyncWelcome>& answer);
  void on_applied(const std::string& manufacturer, const Result<OfferAnswer>& answer,
                  TimePoint now);
  void on_accepted(const std::string& peer, std::uint64_t epoch, std::uint64_t number,
                   bool written);
  void on_ledger(std::uint64_t ticket, const Result<std::vector<LedgerLine>>& page);
  void on_feed_page(std::uint64_t ticket, const Result<std::vector<FeedEntry>>& page);
  void on_catalogue(std::uint64_t ticket, const Result<CataloguePage>& page);
  // An error is not passed on: it is asked again.
  void on_answer(const std::string& peer, std::uint64_t ticket,
                 const Result<std::string_view>& answer);

  std::uint64_t feed_number() const { return feed_number_; }
  bool publishing() const { return !window_.empty(); }
  std::string status_json() const;
  Behind behind() const;
  bool is_connected(const std::string& manufacturer) const;

 private:
  // The answer to a FETCH or SNAPSHOT, one page of the store at a time.
  struct Job {
    std::string peer;
    enum class Kind { ledger, feed, snapshot } kind;
    std::uint64_t epoch = 0, from = 0;  // snapshot: from = the lowest number of its parts
    std::string cursor = "0";
    std::uint32_t part = 0;
    bool full = false;  // The peer reads slowly: the page is read again at the next tick.
  };
  struct Rate {  // frames within a second
    TimePoint since{};
    int frames = 0;
  };
  struct Session {
    std::string manufacturer;  // "": a gateway
    std::string user;          // the name of its key; "" over ipc
    Rate said{}, published{};  // Apart: anybody can publish in its name.
    bool welcomed = false;
    bool greeting = false;  // The store is being asked; again, where it is welcomed.
    TimePoint heard{};
    std::uint64_t ticket = 0;  // of its newest request
    int asked = 0;             // ASK and ACCEPT that the store has not answered
  };
  struct Manufacturer {
    std::string name, peer;                       // peer: its session, "" without
    std::uint64_t epoch = 0, last = 0;            // applied, as far as we heard
    std::uint64_t sent_epoch = 0, sent_last = 0;  // handed to the store
    std::size_t in_flight = 0;
    std::uint64_t head_epoch = 0, head_number = 0;  // of its ledger
    // What it was told of it: what it said that it has, or what was sent since.
    std::optional<std::pair<std::uint64_t, std::uint64_t>> told{};
    // In entries; nullopt where what it has is of another epoch than the head.
    std::optional<std::uint64_t> behind() const;
    TimePoint head_sent{}, asked{};
  };
  struct Kind {
    messaging::PublicKind flag;
    std::string_view topic;
    std::uint64_t last = 0;
  };

  void on_hello(const std::string& peer, std::string_view body, TimePoint now,
                std::string_view user);
  void on_fetch(const std::string& peer, Session& session, const messaging::SyncHeader& header);
  void on_ask(const std::string& peer, Session& session, std::uint64_t ticket,
              std::string_view body, TimePoint now);
  void on_offer(const std::string& id, Manufacturer& maker, const messaging::SyncHeader& header,
                std::string_view body, TimePoint now);
  void on_record(const std::string& id, Manufacturer& maker, const messaging::SyncHeader& header,
                 std::string_view body, TimePoint now);
  void ask_again(Manufacturer& maker, std::uint64_t epoch, std::uint64_t from, TimePoint now);
  void read_page(std::uint64_t ticket);
  Job* job_for(std::uint64_t ticket, bool good);
  bool send_page(Job& job, const messaging::SyncHeader& header, std::string_view body);
  void end_job(std::uint64_t ticket, std::uint64_t epoch, std::uint64_t to);
  bool connected(const Manufacturer& maker) const;
  bool alive(const std::string& peer, TimePoint now);
  void drop(const std::string& peer);
  bool floods(Rate& rate, std::string_view who, TimePoint now);
  void complain(std::string_view who, std::string_view what, TimePoint now);
  void warn_seldom(std::string_view who, std::string_view what, TimePoint now,
                   std::string_view about = "");
  messaging::Sent send(std::string_view peer, messaging::SyncHeader header,
                       std::string_view body = {});
  void send_error(std::string_view peer, messaging::SyncError code, std::string_view text);
  void publish(std::string_view topic, messaging::SyncHeader header, std::string_view body = {});
  void publish_window();
  void publish_heads(TimePoint now);
  void publish_ledger_heads(TimePoint now);

  const HubConfig config_;
  HubActions& actions_;
  Counter &applied_, &repeated_, &gaps_, &malformed_, &flooded_;
  std::uint64_t time_us_ = 0;
  std::string store_id_;        // "" until the store was there once
  std::uint64_t data_set_ = 0;  // 64 bits of the hash of both: the public epoch
  protocol::Cycle cycle_;
  std::uint64_t feed_number_ = 0;
  FeedWindow window_;
  std::array<Kind, 3> kinds_;
  std::map<std::string, Session, std::less<>> sessions_;
  Rate strangers_;  // who have no session, all together
  std::map<std::string, Manufacturer, std::less<>> manufacturers_;
  std::map<std::uint64_t, Job> jobs_;  // by ticket
  std::uint64_t tickets_ = 0;
  std::set<std::string, std::less<>> dirty_heads_;
  std::map<std::string, TimePoint, std::less<>> warned_;
  TimePoint window_due_{}, heads_due_{};
};

}  // namespace depot::manufacturer_hub
