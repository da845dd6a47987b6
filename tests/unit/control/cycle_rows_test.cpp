#include "control/cycle_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace depot::control {
namespace {

using namespace std::chrono_literals;
using protocol::CycleState;
using testing::HasSubstr;

constexpr std::int64_t kCloses = 1'000'000;

// What is overdue of a cycle that came into that state at `turned_ms`.
std::string found(CycleState state, std::int64_t turned_ms, std::int64_t now_ms) {
  Troubles look;
  look.planned = protocol::Cycle{.id = "2026-12", .opens_at_ms = 2 * kCloses};
  look.current = protocol::Cycle{.id = "2026-11", .state = state, .closes_at_ms = kCloses};
  look.turned_ms = turned_ms;
  look.now_ms = now_ms;
  CycleConfig config;
  config.collect_for = 30s;
  config.closing_grace = 5s;
  return overdue(look, config);
}

TEST(CycleRowsTest, AStepThatIsLateIsOverdue) {
  EXPECT_EQ(found(CycleState::open, 0, kCloses + 9'999), "");
  EXPECT_THAT(found(CycleState::open, 0, kCloses + 10'000),
              HasSubstr("cycle 2026-11 is open, and should be closing since 1970-01-01T00:16:40"));
  EXPECT_EQ(found(CycleState::closing, kCloses, kCloses + 14'999), "");
  EXPECT_THAT(found(CycleState::closing, kCloses, kCloses + 15'000), HasSubstr("should be closed"));
  EXPECT_EQ(found(CycleState::collecting, 500, 70'499), "");
  EXPECT_THAT(found(CycleState::collecting, 500, 70'500), HasSubstr("should be open"));
  EXPECT_EQ(found(CycleState::closed, kCloses, 2 * kCloses + 9'999), "");
  EXPECT_THAT(found(CycleState::closed, kCloses, 2 * kCloses + 10'000),
              HasSubstr("cycle 2026-12 is planned, and should be collecting"));
}

TEST(CycleRowsTest, WhatBeganLateIsLateFromThenOn) {
  EXPECT_EQ(found(CycleState::open, kCloses + 50'000, kCloses + 59'999), "");
  EXPECT_EQ(found(CycleState::closing, kCloses + 50'000, kCloses + 59'999), "");
  EXPECT_NE(found(CycleState::closing, kCloses + 50'000, kCloses + 60'000), "");
}

TEST(CycleRowsTest, NothingIsOverdueBeforeTheFirstCycle) { EXPECT_EQ(overdue({}, {}), ""); }

TEST(CycleRowsTest, ASettlementIsSaidInWordsThatCountEachOnce) {
  CycleRow row;
  EXPECT_EQ(settlement_of(row), "");
  row = {.cycle = {},
         .manufacturers = 6,
         .packs = 3,
         .failed = 2,
         .agree = 1,
         .disagree = 1,
         .resolved = 2,
         .resolved_unwritten = 1};
  EXPECT_EQ(settlement_of(row),
            "1 of 6 agree, 1 does not, 2 are resolved, 1 has no statement, 1 to be written");
}

TEST(CycleRowsTest, ATroublePointsToWhatShowsIt) {
  EXPECT_EQ(to_text({"2026-11", "tea-co", Trouble::Kind::disagrees, 1, "first; second"}),
            "cycle 2026-11: tea-co does not agree to its statement: first; see depot settlement "
            "show tea-co --cycle 2026-11");
  EXPECT_EQ(to_text({"2026-11", "tea-co", Trouble::Kind::no_statement, 1, "why"}),
            "cycle 2026-11: tea-co has no statement: why; see depot settlement list --cycle "
            "2026-11");
  EXPECT_THAT(
      to_text({"", "tea-co", Trouble::Kind::closed_ledger, 1, "its ledger takes none"}),
      HasSubstr("tea-co: its ledger takes none; nothing more of it is sold: docs/OPERATIONS"));
}

}  // namespace
}  // namespace depot::control
