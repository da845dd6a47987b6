// Moves frames between an Agent and its hubs, reads the catalogue again when its file changes, runs
// the production lines, keeps the ledger and what was made in files, and prints what was sold.
//
// Threads: run() is one thread's; board() is anybody's.
// Errors:  the constructor throws StartupError; a catalogue that turns bad later is logged, and the
//          offers stay as they were.
#pragma once

#include <fstream>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/metrics.hpp"
#include "base/status_board.hpp"
#include "base/stop_signal.hpp"
#include "manufacturer/agent.hpp"
#include "manufacturer/catalogue.hpp"
#include "manufacturer/production.hpp"
#include "messaging/socket.hpp"

namespace depot::manufacturer {

class AgentLoop final : private AgentActions {
 public:
  // `data`: the folder for <id>/ledger-<store id>.jsonl and <id>/production-<store id>.json.
  AgentLoop(messaging::Context& context, const Config& config, AgentFile file, std::string data,
            Log& log, Metrics& metrics);
  ~AgentLoop();
  void run(StopSignal& stop);

  const StatusBoard& board() const { return board_; }  // Ready: offers are acknowledged.

 private:
  void send(std::size_t hub, std::string_view frame) override;
  void publish(std::string_view topic, std::string_view header, std::string_view body) override;
  void reopen(std::size_t hub) override;
  void on_new_ledger(const std::string& store_id) override;
  void on_entry(const KeptEntry& entry, bool news) override;
  void on_cycle(const protocol::Cycle& cycle) override;
  void on_trouble(messaging::SyncError code, std::string_view why) override;

  void drain_sockets(TimePoint now);
  void watch_file(TimePoint now);
  void produce(TimePoint now);
  void report();

  messaging::Context& context_;
  const Config& config_;
  AgentFile file_;
  std::string data_;
  Log& log_;
  messaging::Socket out_, in_;
  std::vector<messaging::Socket> sync_;
  Agent agent_;
  Production production_;
  std::string made_path_;  // of the data set that we are connected to
  int watch_fd_ = -1;
  TimePoint read_due_ = TimePoint::max(), report_due_{}, settled_{};
  std::ofstream kept_;
  protocol::Cycle cycle_;
  Gauge &unacknowledged_, &behind_;
  StatusBoard board_;
};

}  // namespace depot::manufacturer
