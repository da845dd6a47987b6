// Decides what a manufacturer's agent says: states its offers in numbered records until they are
// acknowledged, and follows its ledger. What is to be done it says through AgentActions.
//
// Nothing it states is lost or counted twice: totals are absolute, records numbered, whatever is in
// doubt is said again, and when all is acknowledged the ledger must say the same.
//
// Threads: one.
// Errors:  none to the caller; on_trouble() where the hub refuses it, or another is connected.
// Source:  docs/PROTOCOL.md, "Sync".
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
  // Milliseconds of the wall clock at the start. An epoch that begins is not below it, so that a
  // record of an agent that died before any was applied is never taken for one of ours.
  std::uint64_t epoch_min = 1;
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
  // Nothing was heard of that hub for long: its socket is to be a new one. libzmq gives a
  // connection up for good when a message on it is too large.
  virtual void reopen(std::size_t) {}
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
  // The same where a snapshot follows at once: within the on_cycle() that names another cycle, or
  // the same one of another data set.
  void set_wanted(const std::vector<protocol::OfferRow>& rows);
  void on_sync(std::size_t hub, std::string_view frame, TimePoint now);
  void on_published(std::string_view topic, std::string_view header, std::string_view body,
                    TimePoint now);
  void on_tick(TimePoint now);  // at least every 50 ms; says what is due

  bool settled() const;  // Everything is acknowledged, and the ledger says so too.
  const AgentState& state() const { return state_; }
  const Ledger& ledger() const { return ledger_; }

 private:
  struct Session {
    bool welcomed = false;
    bool doubted = false;  // It works, but WELCOME is to say once more what it knows.
    TimePoint hello_due{}, head_due{}, heard{};
  };

  void on_welcome(const messaging::SyncHeader& header, std::string_view body, TimePoint now);
  void on_error(Session& session, std::uint32_t code, std::string_view why, TimePoint now);
  void on_entry(const messaging::SyncHeader& header, std::string_view body, TimePoint now);
  void on_ack(const messaging::SyncHeader& header, TimePoint now);
  void on_cycle(const protocol::Cycle& cycle);
  void note_head(std::uint64_t epoch, std::uint64_t number);
  void state_all();
  void state_offers(const std::vector<protocol::OfferRow>& rows);
  void compare_with_ledger();
  void publish_records();
  void send_records(std::size_t hub, std::uint64_t from);
  void fetch(TimePoint now);
  void publish(const messaging::SyncHeader& header, std::string_view body = {});
  void send(std::size_t hub, const messaging::SyncHeader& header, std::string_view body = {});
  std::size_t any_hub() const;  // hubs() where none is welcomed

  AgentOptions options_;
  AgentActions& actions_;
  AgentState state_;
  Ledger ledger_;
  std::map<std::string, protocol::OfferRow> wanted_;
  std::vector<Session> sessions_;
  std::uint64_t published_ = 0;  // number of the newest record that was sent at all
  TimePoint progress_{};         // of acknowledgements, or of sending again
  std::uint64_t head_epoch_ = 0, head_number_ = 0;  // of the ledger, as heard
  bool fetching_ = false, caught_up_ = false;
  bool compared_ = false;   // What is stated, with what the ledger says.
  bool comparing_ = false;  // The fetch under way began behind the last acknowledgement.
  TimePoint fetch_due_{};
  messaging::Follower cycles_;
};

}  // namespace depot::manufacturer
