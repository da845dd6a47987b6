// Questions to the hub on sync, each with its ticket, said again every second until answered.
//
// Threads: one.
// Errors:  ask() says no at the limit. An answer is 'O' and a row, or 'X' and a problem.
// Source:  docs/PROTOCOL.md, "Questions".
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "messaging/sync_frame.hpp"

namespace depot::manufacturer {

class Asks {
 public:
  using Done = std::function<void(std::string_view answer)>;
  static constexpr std::size_t kAsksMax = 256;
  static constexpr std::size_t kAnswerBytesMax = 64UL * 1024 * 1024;

  // False where so many are under way that this one is not taken. `body`: [verb, argument, ...].
  bool ask(std::string body, Done done);
  // Says what is due.
  void on_tick(TimePoint now,
               const std::function<void(const messaging::SyncHeader&, std::string_view)>& send);
  // Pieces of one answer come in order from one hub; piece 0 begins anew. The last calls `done`.
  void on_answer(std::size_t hub, const messaging::SyncHeader& header, std::string_view piece);

 private:
  struct Ask {
    std::string body;
    Done done;
    TimePoint due{};
    std::size_t hub = 0;
    std::uint64_t pieces = 0;
    std::string answer;
  };
  std::uint64_t newest_ = 0;
  std::map<std::uint64_t, Ask> under_way_;  // by ticket
};

}  // namespace depot::manufacturer
