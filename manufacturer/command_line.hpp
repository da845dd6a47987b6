// The commands of depot-manufacturer, of which those but `statement` ask the running agent.
//
// Threads: one.
// Errors:  StartupError: 69 where no agent runs, 78 for a bad file. Usage errors exit 2.
// Source:  docs/MANUFACTURERS.md, "Commands".
#pragma once

#include <optional>
#include <string>

#include "base/config.hpp"

namespace depot::manufacturer {

// Where agents keep what they keep, when --data does not say it.
std::string data_folder(const Config& config);

// nullopt where the first word is no command: then it is an agent that is to be run. Else the exit
// code: 1 where something was refused, or is not there.
std::optional<int> run_command(int argc, char** argv);

}  // namespace depot::manufacturer
