// Decides what a manufacturer's agent says: states its offers in numbered records until they are
// acknowledged, and follows its ledger. What is to be done it says through AgentActions.
//
// Nothing it states is lost or counted twice: totals are absolute, records numbered, and whatever
// is in doubt is said again.
//
// Threads: one.
// Errors:  none to the caller but trouble(): the hub refused, or somebody else is this
// manufacturer. Source:  docs/PROTOCOL.md, "Sync".
#pragma once

#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "manufacturer/ledger.hpp"
#include "messaging/sync_frame.hpp"
#include "protocol/sync.hpp"

namespace depot::manufacturer {

struct AgentOptions {
  std::string id, name;
  std::size_t hubs = 1;
  Duration resend_after = std::chrono::milliseconds(300);
  Duration hello_every = std::chrono::milliseconds(200);
  Duration head_every = std::chrono::milliseconds(500);
  Duration silence_max = std::chrono::seconds(2);  // of a hub, or of the answer to a fetch
  std::size_t window = 32;                         // records sent and not acknowledged
};

// What must outlive the process for its promises to hold; without it, it begins a new epoch.
struct AgentState {
  std::string store_id;  // of the data set that the numbers belong to
  std::uint64_t epoch = 0, made = 0, acknowledged = 0;
  std::deque<std::string> records;                   // acknowledged + 1 ... made
  std::map<std::string, protocol::OfferRow> offers;  // stated last, by sku; those withdrawn as 0
  std::string cycle;                                 // that they were stated for
};

class AgentActions {
 public:
  virtual ~AgentActions() = default;
  virtual void send(std::size_t hub, std::string_view frame) = 0;
  virtual void publish(std::string_view topic, std::string_view header, std::string_view body) = 0;
  virtual void on_new_ledger(const std::string& store_id) = 0;   // What was kept is of another.
  virtual void on_entry(const KeptEntry& entry, bool news) = 0;  // news: not from before we came
  virtual void on_cycle(const protocol::Cycle& cycle) = 0;
  virtual void on_trouble(messaging::SyncError code, std::string_view why) = 0;
};

class Agent {
 public:
  Agent(AgentOptions options, AgentActions& actions);

  // All that is wanted on sale, absolute totals; a sku that was there before and is not now is
  // withdrawn. Also while records are under way.
  void set_offers(const std::vector<protocol::OfferRow>& rows);
  void on_sync(std::size_t hub, std::string_view frame, TimePoint now);
  void on_published(std::string_view topic, std::string_view header, std::string_view body,
                    TimePoint now);
  void on_tick(TimePoint now);  // at least every 50 ms; says what is due

  bool settled() const;  // Everything is stated and acknowledged.
  const AgentState& state() const { return state_; }
  const Ledger& ledger() const { return ledger_; }

 private:
  struct Session {
    bool welcomed = false;
    TimePoint hello_due{}, head_due{}, heard{};
  };

  void on_welcome(const messaging::SyncHeader& header, std::string_view body);
  void on_error(Session& session, std::uint32_t code, std::string_view why, TimePoint now);
  void on_entry(const messaging::SyncHeader& header, std::string_view body, TimePoint now);
  void on_ack(const messaging::SyncHeader& header, TimePoint now);
  void on_cycle(const protocol::Cycle& cycle);
  void note_head(std::uint64_t epoch, std::uint64_t number);
  void begin_epoch();
  void state_offers(const std::vector<protocol::OfferRow>& rows);
  void publish_records();
  void send_records(std::size_t hub, std::uint64_t from);
  void fetch(TimePoint now);
  void say_hello_again();
  void publish(const messaging::SyncHeader& header, std::string_view body = {});
  void send(std::size_t hub, const messaging::SyncHeader& header, std::string_view body = {});
  std::size_t any_hub() const;  // hubs() where none is welcomed

  AgentOptions options_;
  AgentActions& actions_;
  AgentState state_;
  Ledger ledger_;
  std::map<std::string, protocol::OfferRow> wanted_;
  std::vector<Session> sessions_;
  bool beginning_ = false;         // A new epoch waits until the ledger is here.
  std::uint64_t begin_above_ = 0;  // ... and is above this one.
  std::uint64_t published_ = 0;    // number of the newest record that was sent at all
  TimePoint progress_{};           // of acknowledgements, or of sending again
  std::uint64_t head_epoch_ = 0, head_number_ = 0;  // of the ledger, as heard
  bool fetching_ = false, caught_up_ = false;
  TimePoint fetch_due_{};
  messaging::Follower cycles_;
};

}  // namespace depot::manufacturer
