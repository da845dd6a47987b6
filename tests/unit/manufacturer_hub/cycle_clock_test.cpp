#include "manufacturer_hub/cycle_clock.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <iomanip>
#include <sstream>

#include "base/fatal.hpp"

namespace depot::manufacturer_hub {
namespace {

CycleConfig calendar(const std::string& period, const std::string& zone) {
  CycleConfig config;
  config.period = period;
  config.zone = zone;
  return config;
}

WallTime at(const std::string& text) {
  std::tm parts{};
  std::istringstream(text) >> std::get_time(&parts, "%Y-%m-%dT%H:%M:%SZ");
  return WallTime(std::chrono::seconds(timegm(&parts)));
}

TEST(CycleClockTest, KnowsTheBoundsOfMonthsAndWeeks) {
  const struct {
    const char *period, *zone, *now, *id, *opens, *closes;
  } cases[] = {
      {"monthly", "UTC", "2026-11-22T09:25:51Z", "2026-11", "2026-11-01T00:00:00.000Z",
       "2026-12-01T00:00:00.000Z"},
      // The first and the last instant belong to the month; the next does not.
      {"monthly", "UTC", "2026-11-01T00:00:00Z", "2026-11", "2026-11-01T00:00:00.000Z",
       "2026-12-01T00:00:00.000Z"},
      {"monthly", "UTC", "2026-11-30T23:59:59.999Z", "2026-11", "2026-11-01T00:00:00.000Z",
       "2026-12-01T00:00:00.000Z"},
      {"monthly", "UTC", "2026-12-31T12:00:00Z", "2026-12", "2026-12-01T00:00:00.000Z",
       "2027-01-01T00:00:00.000Z"},
      {"monthly", "UTC", "2028-02-29T12:00:00Z", "2028-02", "2028-02-01T00:00:00.000Z",
       "2028-03-01T00:00:00.000Z"},
      {"monthly", "UTC", "2027-02-28T23:00:00Z", "2027-02", "2027-02-01T00:00:00.000Z",
       "2027-03-01T00:00:00.000Z"},
      // Clocks go forward in March, so it is an hour short, and back in October.
      {"monthly", "Europe/Warsaw", "2026-03-10T12:00:00Z", "2026-03", "2026-02-28T23:00:00.000Z",
       "2026-03-31T22:00:00.000Z"},
      {"monthly", "Europe/Warsaw", "2026-10-31T23:30:00Z", "2026-11", "2026-10-31T23:00:00.000Z",
       "2026-11-30T23:00:00.000Z"},
      {"monthly", "Europe/Warsaw", "2026-10-31T22:30:00Z", "2026-10", "2026-09-30T22:00:00.000Z",
       "2026-10-31T23:00:00.000Z"},
      {"monthly", "Asia/Kolkata", "2026-10-31T18:30:00Z", "2026-11", "2026-10-31T18:30:00.000Z",
       "2026-11-30T18:30:00.000Z"},
      {"monthly", "America/New_York", "2026-11-01T03:59:59Z", "2026-10", "2026-10-01T04:00:00.000Z",
       "2026-11-01T04:00:00.000Z"},
      // Midnight of 1 October 2006 did not exist in Asuncion... of 15 October it did not: the month
      // begins where the clocks say so, here on the first instant of 2023-10-01 in Paraguay.
      {"monthly", "America/Asuncion", "2023-10-15T12:00:00Z", "2023-10", "2023-10-01T04:00:00.000Z",
       "2023-11-01T03:00:00.000Z"},
      {"weekly", "UTC", "2026-11-22T23:59:59Z", "2026-W47", "2026-11-16T00:00:00.000Z",
       "2026-11-23T00:00:00.000Z"},
      {"weekly", "UTC", "2027-01-01T00:00:00Z", "2026-W53", "2026-12-28T00:00:00.000Z",
       "2027-01-04T00:00:00.000Z"},
      {"weekly", "Europe/Warsaw", "2026-03-29T12:00:00Z", "2026-W13", "2026-03-22T23:00:00.000Z",
       "2026-03-29T22:00:00.000Z"},
  };
  for (const auto& c : cases) {
    const CycleBounds bounds = cycle_bounds(calendar(c.period, c.zone), at(c.now));
    EXPECT_EQ(bounds.id, c.id) << c.now << " " << c.zone;
    EXPECT_EQ(to_rfc3339(bounds.opens), c.opens) << c.now << " " << c.zone;
    EXPECT_EQ(to_rfc3339(bounds.closes), c.closes) << c.now << " " << c.zone;
  }
}

// Every instant of ten years lies in the period found for it, and periods meet without a gap.
TEST(CycleClockTest, PeriodsFollowEachOtherWithoutAGap) {
  for (const char* zone : {"UTC", "Europe/Warsaw", "America/Asuncion", "Australia/Lord_Howe",
                           "Asia/Beirut", "Pacific/Apia"}) {
    for (const char* period : {"monthly", "weekly"}) {
      const CycleConfig config = calendar(period, zone);
      WallTime now = at("2020-01-15T12:00:00Z");
      std::string before;
      while (now < at("2030-01-01T00:00:00Z")) {
        const CycleBounds bounds = cycle_bounds(config, now);
        ASSERT_LE(bounds.opens, now) << zone << to_rfc3339(now);
        ASSERT_LT(now, bounds.closes) << zone << to_rfc3339(now);
        ASSERT_NE(bounds.id, before);
        const auto last = cycle_bounds(config, bounds.closes - std::chrono::milliseconds(1));
        ASSERT_EQ(last.id, bounds.id) << zone;
        before = bounds.id;
        now = bounds.closes;
        ASSERT_EQ(cycle_bounds(config, now).opens, now) << zone << to_rfc3339(now);
      }
    }
  }
}

TEST(CycleClockTest, APlainDurationRunsFromTheInstant) {
  const CycleBounds bounds = cycle_bounds(
      calendar("90s", "UTC"), at("2026-11-22T09:25:51Z") + std::chrono::milliseconds(42));
  EXPECT_EQ(bounds.id, "2026-11-22T09.25.51.042Z");
  EXPECT_EQ(to_rfc3339(bounds.opens), "2026-11-22T09:25:51.042Z");
  EXPECT_EQ(to_rfc3339(bounds.closes), "2026-11-22T09:27:21.042Z");
}

TEST(CycleClockTest, RefusesWhatThereIsNot) {
  EXPECT_THROW(cycle_bounds(calendar("monthly", "Europe/Atlantis"), {}), StartupError);
  EXPECT_THROW(cycle_bounds(calendar("yearly", "UTC"), {}), StartupError);
}

}  // namespace
}  // namespace depot::manufacturer_hub
