// What a configuration runs on this host: the processes, their command lines and what each needs.
//
// Threads: any.
// Errors:  StartupError for a manufacturer's file that cannot be read and for a port in use.
#pragma once

#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "control/supervisor.hpp"

namespace depot::control {

inline constexpr const char* kShoppers = "shoppers";  // the process of demo.shoppers

struct Program {
  ProcessSpec spec;
  std::vector<std::string> arguments;  // the program first
};

// In the order of starting. `config_path`: the file that they are to read.
std::vector<Program> programs_of(const Config& config, const std::string& config_path);

// What is to run of them: all, or without `writers` who writes nothing to Redis.
std::vector<ProcessSpec> specs_of(const std::vector<Program>& programs, bool writers);

inline constexpr Duration kOrphansMax = std::chrono::seconds(20);  // They end their requests first.
// Fails with the key, the address and the fix where somebody listens there already, before anything
// is started. `wait`: so long at most for the gateways of an `up` that was killed.
void expect_free_ports(const Config& config, Duration wait = {});

// The addresses that this host's gateways listen on: gateway.listen and the ports behind it.
std::vector<std::string> gateway_addresses(const Config& config);

// Copies a process' log that is larger than 16 MiB to .1, and empties it.
void set_aside_large_log(const Config& config, const std::string& process, Log& log);

std::string log_path(const Config& config, const std::string& process);  // var/log/<process>.log
std::string last_line_of(const std::string& path);                       // "" without one

}  // namespace depot::control
