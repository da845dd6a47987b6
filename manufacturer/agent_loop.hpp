// Moves frames between an Agent and its hubs, reads the offers again when their file changes, runs
// the production lines, keeps journal, ledger and statements in files, and prints what was sold.
//
// Nothing is sent while a change of the agent's state is not on disk.
//
// Threads: run() is one thread's; board() and commands().put() are anybody's.
// Errors:  the constructor throws StartupError; a catalogue that turns bad later is logged, and the
//          offers stay as they were; a disk that is full is logged, and the agent falls silent.
// Source:  docs/MANUFACTURERS.md.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/status_board.hpp"
#include "base/stop_signal.hpp"
#include "manufacturer/agent.hpp"
#include "manufacturer/catalogue.hpp"
#include "manufacturer/commands.hpp"
#include "manufacturer/journal.hpp"
#include "manufacturer/ledger_file.hpp"
#include "manufacturer/production.hpp"
#include "manufacturer/settlement.hpp"
#include "messaging/socket.hpp"

namespace depot::manufacturer {

class AgentLoop final : private AgentActions {
 public:
  // `data`: the folder for <id>/, which has journal, ledger copies and statements.
  AgentLoop(messaging::Context& context, const Config& config, AgentFile file, std::string data,
            Log& log, Metrics& metrics);
  ~AgentLoop();
  void run(StopSignal& stop);

  const StatusBoard& board() const { return board_; }  // Ready: offers are acknowledged.
  Commands& commands() { return commands_; }

 private:
  void send(std::size_t hub, std::string_view frame) override;
  void publish(std::string_view topic, std::string_view header, std::string_view body) override;
  void reopen(std::size_t hub) override;
  void keep(const Change& change) override { journal_.add(change); }
  Ledger open_ledger(const std::string& store_id) override;
  void on_dropped(Position left) override;
  void on_entry(const KeptEntry& entry, bool news) override;
  void on_cycle(const protocol::Cycle& cycle) override;
  void on_trouble(messaging::SyncError code, std::string_view why) override;

  bool may_send();
  void drain_sockets(TimePoint now);
  void watch(const std::string& file);
  void watch_files(TimePoint now);
  void produce(TimePoint now);
  void ask_demand(TimePoint now);
  void log_trouble(const std::string& why);
  void report();
  void say_where_alone(TimePoint now);

  messaging::Context& context_;
  const Config& config_;
  AgentFile file_;
  std::string data_;
  Log& log_;
  messaging::Socket out_, in_;
  std::vector<messaging::Socket> sync_;
  Journal journal_;
  LedgerFile kept_;
  protocol::Cycle cycle_;
  std::map<std::string, std::int64_t> refused_;  // units of this cycle, by sku
  std::string demand_asked_;                     // up to this sku
  bool asking_demand_ = false;
  Settlement settlement_;
  Agent agent_;
  Commands commands_;
  Production production_;
  int watch_fd_ = -1;
  TimePoint read_due_ = TimePoint::max(), report_due_{}, demand_due_{}, settled_{}, alone_due_{};
  Gauge &unacknowledged_, &behind_;
  StatusBoard board_;
};

}  // namespace depot::manufacturer
