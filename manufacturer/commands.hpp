// What is asked of a running agent through its admin endpoint, beside its status: `accept`, `ship`
// and `delivered`.
//
//   POST /accept             {"accepted": "1-57"}, once the distributor has written it
//   POST /ship/<order>       {"order_id": ..., "status": "shipped"}; likewise /delivered/<order>
//
// Threads: put() is anybody's, the rest the agent's.
// Errors:  problem+json: not_found for another path, the distributor's own problem, unavailable
//          where there are too many at once or no answer came in 10 s.
// Source:  docs/MANUFACTURERS.md, "Commands".
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "http/server.hpp"
#include "manufacturer/agent.hpp"

namespace depot::manufacturer {

class Commands {
 public:
  static constexpr std::size_t kUnderWayMax = 64;
  using Answer = std::function<void(http::Response)>;

  explicit Commands(Agent& agent) : agent_(agent) {}
  void put(std::string path, Answer answer);
  void on_tick(TimePoint now);  // Takes what was put, and answers what is done or late.

 private:
  struct Command {
    std::string path;
    Answer answer;
    TimePoint deadline{};
    Position accepting{};  // 0-0: another command
  };
  void begin(Command command, TimePoint now);
  void step(std::uint64_t key, std::string_view verb, const std::string& order);
  void finish(std::uint64_t key, http::Response response);

  Agent& agent_;
  std::mutex mutex_;  // of `inbox_`, for moments
  std::vector<Command> inbox_;
  std::map<std::uint64_t, Command> under_way_;
  std::uint64_t newest_ = 0;
};

}  // namespace depot::manufacturer
