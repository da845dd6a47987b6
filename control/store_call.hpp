// The store's functions as the operator's commands call them.
//
// Threads: one a connection.
// Errors:  StartupError: exit 69 where Redis is not there, 78 where its data are not for this
// Depot,
//          1 for an answer that cannot be read.
#pragma once

#include <string>
#include <vector>

#include "base/config.hpp"
#include "store/blocking.hpp"

namespace depot::control {

// Loads the functions, and claims the data for the currency configured where they are new; refuses
// data that count in another currency, or that another version's functions wrote.
void open_store(store::BlockingRedis& redis, const Config& config);
store::BlockingRedis connect_store(const Config& config);  // opened

// What the function answers, its letter included.
std::string call_store(store::BlockingRedis& redis, const std::string& function,
                       const std::vector<std::string>& arguments);
[[noreturn]] void fail_on_answer(const std::string& function);

int print_line(const std::string& text);  // the exit code

}  // namespace depot::control
