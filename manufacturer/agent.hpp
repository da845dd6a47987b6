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
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "manufacturer/agent_state.hpp"
#include "manufacturer/asks.hpp"
#include "manufacturer/early_entries.hpp"
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
  // Sales as old as this, by the ledger's time, are accepted; nullopt: by accept_all() alone.
  std::optional<std::chrono::milliseconds> accept_after = {};
};

class AgentActions {
 public:
  virtual ~AgentActions() = default;
  virtual void send(std::size_t hub, std::string_view frame) = 0;
  virtual void publish(std::string_view topic, std::string_view header, std::string_view body) = 0;
  // Nothing was heard of that hub for long: its socket is to be a new one. libzmq gives a
  // connection up for good when a message on it is too large.
  virtual void reopen(std::size_t) {}
  // The state has changed so. It has to be on disk before anything more is sent or published.
  virtual void keep(const Change&) {}
  // What is kept of the ledger of that data set, which is the one that counts from now on.
  virtual Ledger open_ledger(const std::string&) { return {}; }
  virtual void on_dropped(Position) {}  // What is kept of the ledger above it did not happen.
  virtual void on_entry(const KeptEntry& entry, bool news) = 0;  // news: not from before we came
  virtual void on_cycle(const protocol::Cycle& cycle) = 0;
  virtual void on_trouble(messaging::SyncError code, std::string_view why) = 0;
};

class Agent {
 public:
  // `state`: of its life before, so that it goes on where that ended.
  Agent(AgentOptions options, AgentActions& actions, AgentState state = {});

  // All that is wanted on sale, absolute totals; a sku that was there before and is not now is
  // withdrawn. Also while records are under way.
  void set_offers(const std::vector<protocol::OfferRow>& rows);
  // The same where a snapshot follows at once: within the on_cycle() that names another cycle, or
  // the same one of another data set.
  void set_wanted(const std::vector<protocol::OfferRow>& rows);
  void on_sync(std::size_t hub, std::string_view frame, TimePoint now);
  void on_published(std::string_view topic, std::string_view header, std::string_view body,
                    TimePoint now);
  // At least every 50 ms; says what is due. `wall`: for how old sales are.
  void on_tick(TimePoint now, WallTime wall = {});

  void set_made(const Made& made);  // units in this cycle, by sku
  Position accept_all();            // the ledger's newest entry that is here
  bool ask(std::string body, Asks::Done done) {
    return asks_.ask(std::move(body), std::move(done));
  }
  void forget(const std::string& cycle) { ledger_.forget(cycle); }  // Its statement is done with.

  bool connected() const { return any_hub() < sessions_.size(); }
  bool settled() const;  // Everything is acknowledged, and the ledger says so too.
  bool resting() const;  // Between two cycles, or before the first is known: nothing is stated.
  const AgentState& state() const { return state_; }
  const Ledger& ledger() const { return ledger_; }
  const EarlyEntries& early() const { return early_; }
  Position head() const { return head_; }          // of the ledger, as heard
  std::uint64_t behind() const;                    // entries up to it that are not here
  Position accepted() const { return accepted_; }  // as the hub has written it; 0-0: not heard of

 private:
  struct Session {
    bool welcomed = false;
    bool doubted = false;  // It works, but WELCOME is to say once more what it knows.
    TimePoint hello_due{}, head_due{}, heard{};
  };

  void on_welcome(const messaging::SyncHeader& header, std::string_view body, TimePoint now);
  void on_error(Session& session, std::uint32_t code, std::string_view why, TimePoint now);
  void on_entry(Position at, std::string_view body, TimePoint now);
  Ledger::Step add_entry(Position at, std::string_view body);
  void on_ack(const messaging::SyncHeader& header, TimePoint now);
  void on_cycle(const protocol::Cycle& cycle);
  void change(const Change& what);
  void open_ledger(const std::string& store_id);
  void note_head(Position head);
  void note_sales(const KeptEntry& kept);
  void accept_due(TimePoint now, WallTime wall);
  void keep_sessions(TimePoint now);
  void say_hello(std::size_t hub);
  void state_all();
  void state_changes();
  void state_offers(const std::vector<protocol::OfferRow>& rows);
  void state_record(const protocol::OfferRecord& record, std::uint32_t flags);
  void compare_with_ledger();
  void publish_records();
  void send_records(std::size_t hub, std::uint64_t from);
  void fetch(TimePoint now);
  void publish(const messaging::SyncHeader& header, std::string_view body = {});
  void send(std::size_t hub, const messaging::SyncHeader& header, std::string_view body = {});
  std::size_t any_hub() const;  // hubs() where none is welcomed

  static constexpr Duration kFetchAgain = std::chrono::milliseconds(100);

  AgentOptions options_;
  AgentActions& actions_;
  AgentState state_;
  Ledger ledger_;
  EarlyEntries early_;  // of this session
  std::map<std::string, protocol::OfferRow> wanted_;
  std::vector<Session> sessions_;
  std::uint64_t published_ = 0;  // number of the newest record that was sent at all
  TimePoint progress_{};         // of acknowledgements, or of sending again
  Position head_;
  bool fetching_ = false, caught_up_ = false;
  bool compared_ = false;   // What is stated, with what the ledger says.
  bool comparing_ = false;  // The fetch under way began behind the last acknowledgement.
  TimePoint fetch_due_{};
  messaging::Follower cycles_;
  protocol::CycleState cycle_state_ = protocol::CycleState::planned;  // planned: not heard of yet
  Asks asks_;
  struct Sales {  // all up to a position, of about one second
    std::int64_t time_ms = 0;
    Position at;
  };
  std::deque<Sales> young_;  // not old enough to be accepted
  Position to_accept_, accepted_;
  TimePoint accept_due_{};
};

}  // namespace depot::manufacturer
