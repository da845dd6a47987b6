// A Worker with the test on both sides: what it asks for is kept, and answered by hand.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "distributor_worker/worker.hpp"

namespace depot::distributor_worker {

using namespace std::chrono_literals;
using protocol::RequestKind;
using protocol::Status;

inline constexpr TimePoint kStart{1h};  // Tests own the clock; nothing here sleeps.
inline const std::string kSession(16, 's');
inline const std::string kCustomer(16, 'c');
inline const std::string kRequestId(16, '\0');

// Keeps what the worker asks for.
class Recorder final : public WorkerActions {
 public:
  struct Command {
    std::uint32_t tag;
    std::vector<std::string> arguments;
    const std::string& function() const { return arguments.at(1); }
    std::vector<std::string> bodies() const {  // of a batch
      return {arguments.begin() + 4, arguments.end()};
    }
  };
  struct Answer {
    std::uint32_t tag;
    Status status;
    std::uint16_t retry_after_ms;
    std::string body;
    bool operator==(const Answer&) const = default;
  };
  void call(std::uint32_t tag, std::span<const std::string_view> arguments) override {
    commands.push_back({tag, {arguments.begin(), arguments.end()}});
  }
  void hash(HashTask task) override { tasks.push_back(std::move(task)); }
  bool timely(const Origin&) override { return is_timely; }
  void answer(const Origin& origin, Status status, std::uint16_t retry_after_ms,
              std::string_view body) override {
    answers.push_back({origin.tag, status, retry_after_ms, std::string(body)});
  }
  Command take() {
    Command command = commands.at(0);
    commands.erase(commands.begin());
    return command;
  }

  bool is_timely = true;
  std::vector<Command> commands;
  std::vector<HashTask> tasks;
  std::vector<Answer> answers;
};

class WorkerTest : public testing::Test {
 protected:
  explicit WorkerTest(const Config& config = {}) : worker(config, recorder, metrics) {
    worker.on_redis(true);
  }

  void request(RequestKind kind, std::uint32_t tag, std::string_view body, std::uint8_t flags = 0,
               Duration budget = 5s) {
    worker.on_request({.link = 0, .session = 1, .tag = tag},
                      {.tag = tag,
                       .budget_us = static_cast<std::uint32_t>(budget / 1us),
                       .kind = static_cast<std::uint8_t>(kind),
                       .flags = flags,
                       .body = body},
                      now);
    ++received;
  }
  void order(std::uint32_t tag, std::uint8_t flags = 0, Duration budget = 5s) {
    request(RequestKind::place_order, tag, "order " + std::to_string(tag), flags, budget);
  }
  void orders(std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t tag = first; tag <= last; ++tag) order(tag);
  }
  void respond(std::uint32_t call, std::vector<std::string_view> answers) {
    worker.on_answers(call, answers);
  }
  // Answers a batch, the first `count` of its orders only.
  void place(const Recorder::Command& batch, std::size_t count) {
    respond(batch.tag, std::vector<std::string_view>(count, "P..."));
  }
  void place(const Recorder::Command& batch) { place(batch, batch.bodies().size()); }

  Metrics metrics;
  Recorder recorder;
  Worker worker;
  TimePoint now = kStart;
  std::uint64_t received = 0;
};

}  // namespace depot::distributor_worker
