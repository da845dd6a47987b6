#include "manufacturer_hub/cycle_clock.hpp"

#include <date/iso_week.h>
#include <date/tz.h>

#include <algorithm>

#include "base/fatal.hpp"
#include "base/yaml.hpp"

namespace depot::manufacturer_hub {
namespace {

const date::time_zone& find_zone(const std::string& name) try {
  return *date::locate_zone(name);
} catch (const std::exception& error) {
  throw StartupError("cycle.zone: no zone '" + name + "' (" + error.what() +
                         "); use an IANA name, and install tzdata",
                     kExitConfig);
}

// Midnight of `day` in the zone. Where the clocks skip it the day begins with the skip, where it
// comes twice with the first.
WallTime begin_of(const date::time_zone& zone, date::local_days day) {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(
      zone.to_sys(day, date::choose::earliest));
}

}  // namespace

CycleBounds cycle_bounds(const CycleConfig& config, WallTime now) {
  if (config.period != "monthly" && config.period != "weekly") {
    const std::optional<Millis> length = parse_duration(config.period);
    if (!length || length->count() <= 0) {
      throw StartupError("cycle.period: must be monthly, weekly or a duration such as 90s",
                         kExitConfig);
    }
    std::string id = to_rfc3339(now);
    std::replace(id.begin(), id.end(), ':', '.');
    return {std::move(id), now, now + *length};
  }
  const date::time_zone& zone = find_zone(config.zone);
  const date::local_days today = date::floor<date::days>(zone.to_local(now));
  if (config.period == "weekly") {
    const iso_week::year_weeknum_weekday week{today};
    const date::local_days monday{week.year() / week.weeknum() / iso_week::mon};
    return {date::format("%G-W%V", today), begin_of(zone, monday),
            begin_of(zone, monday + date::weeks(1))};
  }
  const date::year_month_day day{today};
  const date::year_month month = day.year() / day.month();
  return {date::format("%Y-%m", today), begin_of(zone, date::local_days(month / 1)),
          begin_of(zone, date::local_days((month + date::months(1)) / 1))};
}

}  // namespace depot::manufacturer_hub
