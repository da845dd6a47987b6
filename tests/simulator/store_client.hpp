// A process' connection to the store: commands in their order, as store::RedisClient has it. When
// it ends, what was written is unknown and what was not is not executed.
//
// Threads: one.
#pragma once

#include <deque>
#include <functional>

#include "base/result.hpp"
#include "tests/simulator/net.hpp"

namespace depot::simulator {

class StoreClient {
 public:
  using Reply = std::function<void()>;  // what the answer does, at the client
  using Respond = std::function<void(Reply)>;
  using Run = std::function<void(const Respond&)>;  // what the command does, at the store
  using Failed = std::function<void(ErrorCode)>;

  StoreClient(Net& net, unsigned node, Random random)
      : net_(net), dealer_(net, node, kStore, random) {}

  // `written`: when it goes to the socket.
  void command(Run run, Failed failed, std::function<void()> written = {});
  void flush();  // As much as the socket takes.
  bool wants_write() const { return written_ < pending_.size(); }
  bool connected() const { return dealer_.connected(); }
  void tick(TimePoint now);
  void disconnect();
  void on_closed(std::uint32_t connection);
  void forget();  // The process is gone.

 private:
  // Commands that a socket holds while the store does not read.
  static constexpr std::size_t kSocketCommands = 4;
  static constexpr Duration kReplyTimeout = std::chrono::seconds(15);

  struct Pending {
    Run run;
    Failed failed;
    std::function<void()> written;
  };

  void on_reply(std::uint32_t connection, const Reply& reply);
  void fail_all();

  Net& net_;
  Dealer dealer_;
  std::deque<Pending> pending_;
  std::size_t written_ = 0;
  TimePoint progress_{};
};

}  // namespace depot::simulator
