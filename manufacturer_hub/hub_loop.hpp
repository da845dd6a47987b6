// Moves frames, commands and answers between the sockets, Redis and the Hub.
//
// Two Redis connections: one for commands, one that waits for the feed. While Redis is away the
// sockets stay, and it goes on from the last feed number.
//
// Threads: run() is one thread's; board() is anybody's.
// Errors:  the constructor throws StartupError (an endpoint taken, a bad cycle.zone).
#pragma once

#include <string>

#include "base/config.hpp"
#include "base/log.hpp"
#include "base/status_board.hpp"
#include "base/stop_signal.hpp"
#include "manufacturer_hub/cycle_keeper.hpp"
#include "manufacturer_hub/hub.hpp"
#include "store/redis_client.hpp"

namespace depot::manufacturer_hub {

class HubLoop final : private HubActions {
 public:
  HubLoop(messaging::Context& context, const Config& config, int index, Log& log, Metrics& metrics);
  void run(StopSignal& stop);

  const StatusBoard& board() const { return board_; }

 private:
  messaging::Sent send(std::string_view peer, std::string_view frame) override;
  void publish(std::string_view topic, std::string_view header, std::string_view body) override;
  void warn(std::string_view what, std::string_view who) override;
  void greet(const std::string& peer, const protocol::SyncHello& hello) override;
  void apply(const std::string& manufacturer, std::uint64_t epoch, std::uint64_t number,
             std::string_view record, bool whole) override;
  void accept(const std::string& peer, const std::string& manufacturer, std::uint64_t epoch,
              std::uint64_t number) override;
  void read_ledger(std::uint64_t ticket, const std::string& manufacturer, std::uint64_t epoch,
                   std::uint64_t from) override;
  void read_feed(std::uint64_t ticket, std::uint64_t from) override;
  void read_catalogue(std::uint64_t ticket, const std::string& cursor) override;
  void ask(const std::string& peer, std::uint64_t ticket, const std::string& manufacturer,
           const protocol::SyncAsk& ask) override;

  void read_range(const std::string& stream, std::uint64_t epoch, std::uint64_t from,
                  store::RedisClient::Done done);
  void follow_store();
  void prepare();
  void read_more();
  bool drain_sockets();
  void report();

  const Config& config_;
  Log& log_;
  messaging::Socket in_, out_, sync_;
  Hub hub_;
  store::RedisClient commands_, feed_;
  const std::string feed_max_;
  CycleKeeper keeper_;
  Gauge &feed_number_, &connected_, &misshapen_, &behind_sum_, &behind_max_;
  Counter& unsent_;
  TimePoint now_{}, next_try_{}, next_report_{};
  bool up_ = false, preparing_ = false, reading_ = false, ready_ = false;
  StatusBoard board_;
};

}  // namespace depot::manufacturer_hub
