// What an agent says of itself on /status, as JSON, and the table that a person gets of it.
//
// Threads: values.
// Errors:  table_of_status throws std::exception where the text is not such a document.
#pragma once

#include <map>
#include <string>

#include "manufacturer/agent.hpp"
#include "manufacturer/catalogue.hpp"
#include "manufacturer/production.hpp"

namespace depot::manufacturer {

// `refused`: units wanted in vain in this cycle, by sku.
std::string status_of(const AgentFile& file, const Agent& agent, const Production& production,
                      const protocol::Cycle& cycle,
                      const std::map<std::string, std::int64_t>& refused);
std::string table_of_status(const std::string& json);

}  // namespace depot::manufacturer
