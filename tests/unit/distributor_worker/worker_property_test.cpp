#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <set>

#include "distributor_worker/worker.hpp"
#include "tests/unit/distributor_worker/worker_fixture.hpp"

namespace depot::distributor_worker {
namespace {

// Whatever the function takes, Redis loses and balancers do: one answer each, in batches that obey
// the limits, orders of a batch in the order they came.
RC_GTEST_PROP(WorkerPropertyTest, AnswersEachRequestOnce, ()) {
  Config config;
  config.workers.batch_orders_max = *rc::gen::inRange(1, 9);
  config.workers.batches_in_flight_max = *rc::gen::inRange(1, 4);
  Recorder recorder;
  Metrics metrics;
  Worker worker(config, recorder, metrics);
  TimePoint now = kStart;
  std::set<std::uint32_t> asked;
  std::uint32_t next = 1;
  worker.on_redis(true);
  const auto answer_one = [&] {
    if (recorder.commands.empty()) return;
    const auto index = *rc::gen::inRange<std::size_t>(0, recorder.commands.size());
    const auto command = recorder.commands[index];
    recorder.commands.erase(recorder.commands.begin() + static_cast<long>(index));
    const auto outcome = *rc::gen::inRange(0, 8);
    if (outcome == 0) return worker.on_failed(command.tag, ErrorCode::unknown);
    if (outcome == 1) return worker.on_failed(command.tag, ErrorCode::not_executed);
    const bool batch = command.function() == "place_orders_v1";
    const std::size_t orders = batch ? command.bodies().size() : 1;
    const auto taken = *rc::gen::inRange<std::size_t>(1, orders + 1);
    worker.on_answers(command.tag, std::vector<std::string_view>(taken, "P"));
  };
  const int steps = *rc::gen::inRange(1, 200);
  for (int i = 0; i < steps; ++i) {
    switch (*rc::gen::weightedElement<int>({{6, 0}, {1, 1}, {3, 2}, {3, 3}, {1, 4}, {1, 5}})) {
      case 0:
        asked.insert(next);
        worker.on_request({.link = next % 2, .session = 1, .tag = next},
                          {.budget_us = *rc::gen::inRange(0u, 1'000'000u),
                           .kind = 1,
                           .flags = static_cast<std::uint8_t>(next % 7 == 0),
                           .body = std::to_string(next)},
                          now);
        ++next;
        break;
      case 1:
        asked.insert(next);
        worker.on_request({.link = 0, .session = 1, .tag = next},
                          {.budget_us = 1'000'000, .kind = 14}, now);
        ++next;
        break;
      case 2:
        answer_one();
        break;
      case 3:
        now += std::chrono::milliseconds(*rc::gen::inRange(0, 300));
        break;
      case 4:
        worker.on_redis(*rc::gen::arbitrary<bool>());
        break;
      case 5:
        worker.turn(now);
        break;
    }
    int batches = 0;
    for (const auto& command : recorder.commands) {
      if (command.function() != "place_orders_v1") continue;
      ++batches;
      const auto bodies = command.bodies();
      RC_ASSERT(bodies.size() <= static_cast<std::size_t>(config.workers.batch_orders_max));
      for (const std::string& body : bodies) {
        RC_ASSERT(std::stoul(body) % 7 != 0 || bodies.size() == 1);
      }
    }
    RC_ASSERT(batches <= config.workers.batches_in_flight_max);
    RC_ASSERT(worker.batches_in_flight() == static_cast<std::size_t>(batches));
  }
  worker.on_redis(true);
  for (int i = 0; i < 2'000 && !worker.idle(); ++i) {
    worker.turn(now);
    answer_one();
  }
  RC_ASSERT(worker.idle());
  std::multiset<std::uint32_t> answered;
  for (const auto& answer : recorder.answers) answered.insert(answer.tag);
  RC_ASSERT(answered == std::multiset<std::uint32_t>(asked.begin(), asked.end()));
  RC_ASSERT(worker.credit(0, 0) ==
            static_cast<std::uint32_t>(config.workers.batch_orders_max *
                                       config.workers.batches_in_flight_max));
}

}  // namespace
}  // namespace depot::distributor_worker
