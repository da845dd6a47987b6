// The tables of /ops, from the newest look at everything.
//
// Threads: any.
// Errors:  none; what is not known is a dash, and a table of nothing has no rows.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "control/ops_html.hpp"
#include "control/ops_sampler.hpp"

namespace depot::control {

constexpr Duration kNow = std::chrono::seconds(10);  // what "now" is for rates and percentiles
std::string length_of(const Window& window);         // "10 s"

// Requests, orders and ledger entries per second, and over how many seconds, for a status document;
// null before the second look.
boost::json::value rates_of(const OpsState& state);

// Requests, processes, workers, manufacturers, Redis, the cycle, settlements.
std::vector<Table> tables_of(const OpsState& state, WallTime now);

// Of a status document: the cycle as a hub tells it, null where none does.
boost::json::value cycle_of(const boost::json::value& status);
std::string time_left(const boost::json::value& cycle, WallTime now);
// Rows of the hubs, each manufacturer once: the connected by how far they are behind, then the
// others.
std::vector<boost::json::value> manufacturers_of(const boost::json::value& status);

}  // namespace depot::control
