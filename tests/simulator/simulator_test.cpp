// Short runs of the simulator, and whether it sees what it is there to see.
#include <gtest/gtest.h>

#include "tests/simulator/shrink.hpp"
#include "tests/simulator/world.hpp"

namespace depot::simulator {
namespace {

using namespace std::chrono_literals;

Report run(const Options& options) {
  return World(options, schedule_for(options.seed, options.length)).run();
}

class SimulatorRun : public testing::TestWithParam<std::uint64_t> {};

TEST_P(SimulatorRun, KeepsEveryPromise) {
  const Report report = run({.seed = GetParam(), .length = 3min});
  EXPECT_EQ(report.violation, "") << "simulator --minutes 3 --seed " << GetParam();
  EXPECT_GT(report.acknowledged, 20u);
  EXPECT_GT(report.faults, 10u);
}
INSTANTIATE_TEST_SUITE_P(Seeds, SimulatorRun, testing::Range<std::uint64_t>(1, 9));

TEST(SimulatorTest, ASeedReproducesBitForBit) {
  const Options options{.seed = 20261128, .length = 3min};
  const Report first = run(options), second = run(options);
  EXPECT_EQ(first.hash, second.hash);
  EXPECT_EQ(first.turns, second.turns);
  EXPECT_EQ(first.acknowledged, second.acknowledged);
  EXPECT_NE(first.hash, run({.seed = 20261129, .length = 3min}).hash);
}

TEST(SimulatorTest, AScheduleIsReadAsItIsWritten) {
  const Schedule schedule = schedule_for(3, 10min);
  for (const Action& action : schedule) EXPECT_EQ(parse(to_text(action)), action);
  EXPECT_EQ(parse("1 kill nobody 0 10"), std::nullopt);
  EXPECT_EQ(parse("soon kill worker-1 0 10"), std::nullopt);
}

TEST(SimulatorTest, AFailingScheduleShrinks) {
  const Options options{.seed = 1, .length = 2min, .mistake = Mistake::no_idempotency};
  const auto fails = [&](const Schedule& schedule) {
    return !World(options, schedule).run().violation.empty();
  };
  const Schedule all = schedule_for(options.seed, options.length);
  ASSERT_TRUE(fails(all));
  const Schedule least = shrink(all, fails, 200);
  EXPECT_TRUE(fails(least));
  EXPECT_LE(least.size(), 3u);
}

struct Planted {
  Mistake mistake;
  const char* symptom;       // one of those it shows in
  std::uint64_t first_seed;  // one that shows it, as things are; the next ones do as well
};
class SimulatorPlanted : public testing::TestWithParam<Planted> {};

TEST_P(SimulatorPlanted, IsFound) {
  const auto& [mistake, symptom, first_seed] = GetParam();
  std::string seen;
  for (std::uint64_t seed = first_seed; seed < first_seed + 60; ++seed) {
    const Report report = run({.seed = seed, .length = 3min, .mistake = mistake});
    if (report.violation.find(symptom) != std::string::npos) return;
    seen += report.violation + "\n";
  }
  ADD_FAILURE() << "not in 60 runs, only:\n" << seen;
}
INSTANTIATE_TEST_SUITE_P(
    Mistakes, SimulatorPlanted,
    testing::Values(Planted{Mistake::refused_after_unknown, "503", 3},
                    Planted{Mistake::deadlines_forgotten, "requests", 1},
                    Planted{Mistake::answers_twice, "twice", 1},
                    Planted{Mistake::credit_ignored, "more than it granted", 1},
                    Planted{Mistake::late_requests_run, "after it was answered without it", 7},
                    Planted{Mistake::unknown_as_not_done, "503", 8},
                    Planted{Mistake::no_idempotency, "placed twice", 1},
                    Planted{Mistake::oversold, "oversold", 1},
                    Planted{Mistake::entries_applied_twice, "sold differs", 1},
                    Planted{Mistake::gap_skipped, "agent", 8}),
    [](const auto& test) {
      return std::string(kMistakes[static_cast<std::size_t>(test.param.mistake)]);
    });

}  // namespace
}  // namespace depot::simulator
