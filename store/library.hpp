// The function library: its text (built in from store/functions/*.lua), loading and checking it.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "store/blocking.hpp"

namespace depot::store {

std::string_view library_name();  // "depot_v1"
std::string library_text();       // "#!lua name=depot_v1\n..." all files in order

// FUNCTION LOAD REPLACE when the loaded text differs; nothing otherwise.
Result<void> load_library(BlockingRedis& redis);

// The same only where functions of ours are not there: a name never changes its meaning, so a
// library that has them all, perhaps of a newer Depot, stays. One that was missing; "" = none was.
Result<std::string> restore_library(BlockingRedis& redis);

// Refuses a Redis that would lose acknowledged orders (AOF off, fsync not always, eviction, ...).
// bad_input names each setting at fault and what it must be.
Result<void> check_settings(BlockingRedis& redis, bool allow_unsafe);

}  // namespace depot::store
