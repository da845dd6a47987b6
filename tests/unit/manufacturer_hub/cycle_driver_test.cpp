#include "manufacturer_hub/cycle_driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace depot::manufacturer_hub {
namespace {

using namespace std::chrono_literals;
using protocol::Cycle;
using protocol::CycleState;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = CycleStep::Kind;

constexpr std::int64_t kHour = 3'600'000;

std::int64_t ms_at(std::string_view text) {
  return from_rfc3339(text).value().time_since_epoch().count();
}

class CycleDriverTest : public testing::Test {
 protected:
  CycleDriverTest() {
    work_.current = {"2026-11", CycleState::open, ms_at("2026-11-01T00:00:00.000Z"),
                     ms_at("2026-12-01T00:00:00.000Z")};
    work_.now_ms = ms_at("2026-11-20T12:00:00.000Z");
  }
  std::vector<Kind> due() {
    steps_ = driver_->due(work_, now_, [this](const std::string& id) { return id == connected_; });
    std::vector<Kind> kinds;
    for (const CycleStep& step : steps_) kinds.push_back(step.kind);
    return kinds;
  }
  void restart() { driver_.emplace(config_); }

  CycleConfig config_;
  std::optional<CycleDriver> driver_{std::in_place, config_};
  CycleWork work_;
  TimePoint now_{1h};
  std::string connected_ = "m1";
  std::vector<CycleStep> steps_;
};

TEST_F(CycleDriverTest, NothingIsDueBeforeItsTime) {
  EXPECT_THAT(due(), IsEmpty());
  work_.now_ms = work_.current.closes_at_ms - 1;
  EXPECT_THAT(due(), IsEmpty());
  ++work_.now_ms;
  EXPECT_THAT(due(), ElementsAre(Kind::close));
}

TEST_F(CycleDriverTest, TheNextCycleIsTheCalendarsAndIsNamedOnceMoreWhereOneClosedEarly) {
  work_.current.state = CycleState::closing;
  work_.now_ms = work_.current.closes_at_ms;
  ASSERT_THAT(due(), ElementsAre(Kind::finish));
  EXPECT_EQ(steps_[0].next.id, "2026-12");
  EXPECT_EQ(to_rfc3339(steps_[0].next.opens), "2026-12-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(steps_[0].next.closes), "2027-01-01T00:00:00.000Z");

  work_.current.closes_at_ms = ms_at("2026-11-20T11:00:00.000Z");  // By command.
  due();
  EXPECT_EQ(steps_[0].next.id, "2026-11.2");
  EXPECT_EQ(to_rfc3339(steps_[0].next.opens), "2026-11-20T11:00:00.000Z");
  EXPECT_EQ(to_rfc3339(steps_[0].next.closes), "2026-12-01T00:00:00.000Z");
  work_.current.id = "2026-11.9";
  due();
  EXPECT_EQ(steps_[0].next.id, "2026-11.10");
}

TEST_F(CycleDriverTest, AMonthLateEveryCycleInBetweenHasItsTurn) {
  work_.now_ms = ms_at("2027-02-03T00:00:00.000Z");
  std::vector<std::string> story;
  while (story.size() < 20) {
    const auto kinds = due();
    if (kinds.empty()) break;
    const CycleStep& step = steps_[0];
    story.push_back(step.cycle + " " + std::to_string(static_cast<int>(step.kind)));
    Cycle& cycle = work_.current;
    if (step.kind == Kind::close) cycle.state = CycleState::closing;
    if (step.kind == Kind::open) cycle.state = CycleState::open;
    if (step.kind != Kind::finish) continue;
    cycle = {step.next.id, CycleState::collecting, step.next.opens.time_since_epoch().count(),
             step.next.closes.time_since_epoch().count()};
    work_.silent = {"m1"};
  }
  EXPECT_THAT(story, ElementsAre("2026-11 2", "2026-11 3", "2026-12 0", "2026-12 2", "2026-12 3",
                                 "2027-01 0", "2027-01 2", "2027-01 3"))
      << "and the one that is running waits for its manufacturers";
  EXPECT_EQ(work_.current.id, "2027-02");
}

TEST_F(CycleDriverTest, ADurationBeginsWhenItsTurnComes) {
  config_.period = "1h";
  config_.gap = 10min;
  restart();
  work_.current = {"x", CycleState::closing, 0, work_.now_ms - 60'000};
  due();
  EXPECT_EQ(steps_[0].next.opens.time_since_epoch().count(), work_.now_ms + 9 * 60'000);
  work_.current.closes_at_ms = work_.now_ms - 100 * kHour;  // An outage.
  due();
  EXPECT_EQ(steps_[0].next.opens.time_since_epoch().count(), work_.now_ms);
  EXPECT_EQ(steps_[0].next.closes.time_since_epoch().count(), work_.now_ms + kHour);
}

TEST_F(CycleDriverTest, CollectsUntilAllThatAreConnectedHaveAnswered) {
  work_.current.state = CycleState::collecting;
  work_.silent = {"m1", "m2"};
  EXPECT_THAT(due(), IsEmpty());
  work_.silent = {"m2"};  // No agent of it is here.
  EXPECT_THAT(due(), ElementsAre(Kind::open));
  driver_->on_store(now_);  // Agents have not said HELLO yet: who is connected is not known.
  EXPECT_THAT(due(), IsEmpty());
  work_.silent = {"m1", "m2"};
  now_ += config_.collect_for - 1ms;
  EXPECT_THAT(due(), IsEmpty());
  now_ += 1ms;
  EXPECT_THAT(due(), ElementsAre(Kind::open));
}

TEST_F(CycleDriverTest, AGraceIsForCancellations) {
  config_.closing_grace = 5min;
  restart();
  work_.current.state = CycleState::closing;
  work_.current.closes_at_ms = work_.now_ms - 5 * 60'000 + 1;
  EXPECT_THAT(due(), IsEmpty());
  --work_.current.closes_at_ms;
  EXPECT_THAT(due(), ElementsAre(Kind::finish));
}

TEST_F(CycleDriverTest, QuietEndsItEarly) {
  config_.close_after_quiet = 10min;
  restart();
  EXPECT_THAT(due(), IsEmpty());
  now_ += 9min;
  driver_->on_purchase(now_);
  now_ += 9min;
  EXPECT_THAT(due(), IsEmpty());
  now_ += 1min;
  EXPECT_THAT(due(), ElementsAre(Kind::end_now));
  work_.current.id = "2026-11.2";
  EXPECT_THAT(due(), IsEmpty()) << "the next one has its own time";
}

TEST_F(CycleDriverTest, DepletionEndsItEarlyWhereThatIsWanted) {
  due();
  EXPECT_FALSE(driver_->wants_depletion());
  config_.close_when_depleted = true;
  restart();
  due();
  EXPECT_TRUE(driver_->wants_depletion());
  driver_->on_depletion_judged(driver_->begin_judgement(), false);
  EXPECT_FALSE(driver_->wants_depletion());
  EXPECT_THAT(due(), IsEmpty());
  driver_->on_stock();
  EXPECT_TRUE(driver_->wants_depletion());
  const std::uint64_t begun = driver_->begin_judgement();
  driver_->on_stock();
  driver_->on_depletion_judged(begun, true);
  EXPECT_THAT(due(), IsEmpty()) << "more was offered meanwhile";
  driver_->on_depletion_judged(driver_->begin_judgement(), true);
  EXPECT_THAT(due(), ElementsAre(Kind::end_now));
  driver_->on_stock();
  EXPECT_THAT(due(), IsEmpty());
}

TEST_F(CycleDriverTest, OlderCyclesSettleBesideIt) {
  work_.settling = {{.cycle = "2026-09", .state = CycleState::settling},
                    {.cycle = "2026-10",
                     .state = CycleState::closed,
                     .packs = {{"m1", {1, 0}, {1, 9}}, {"m2", {1, 0}, {1, 3}}}}};
  EXPECT_THAT(due(), ElementsAre(Kind::settle, Kind::pack, Kind::pack));
  const auto quietly = [&] {
    return driver_->due(
        work_, now_, [](const auto&) { return true; }, false);
  };
  EXPECT_EQ(quietly().size(), 2u) << "one that waits for answers is asked about now and then";
  work_.settling[1].packs.clear();
  EXPECT_EQ(quietly().size(), 1u) << "one whose packs are written does not wait for another";
  work_.settling[1].packs = {{"m1", {1, 0}, {1, 9}}, {"m2", {1, 0}, {1, 3}}};
  due();
  EXPECT_EQ(steps_[0].cycle, "2026-09");
  work_.settling[1].packs[0].failed = true;
  EXPECT_EQ(quietly().size(), 2u) << "m2's is to be made still";
  work_.settling[1].packs[1].failed = true;
  EXPECT_EQ(quietly().size(), 3u) << "those that cannot be made are not waited for";
  EXPECT_EQ(steps_[2].pack.manufacturer, "m2");
}

TEST_F(CycleDriverTest, APlannedCycleBeginsAtItsTime) {
  work_.current.state = CycleState::closed;
  work_.planned = {"2026-12", CycleState::planned, work_.now_ms + 1, work_.now_ms + kHour};
  EXPECT_THAT(due(), IsEmpty());
  ++work_.now_ms;
  EXPECT_THAT(due(), ElementsAre(Kind::collect));
  EXPECT_EQ(steps_[0].cycle, "2026-12");
}

}  // namespace
}  // namespace depot::manufacturer_hub
