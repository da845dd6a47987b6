// Statements as an agent keeps them: statement-<cycle>.json and .csv in its folder.
//
// Threads: any.
// Errors:  in words, "" where it is done; nullopt where there is none, or none that can be read.
// Source:  docs/MANUFACTURERS.md, "Statements".
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <vector>

#include "protocol/statement.hpp"

namespace depot::manufacturer {

// The distributor's statement; `differences`: where ours is another.
std::string keep_statement(const std::string& folder, const protocol::Statement& statement,
                           const std::vector<std::string>& differences);
bool has_statement(const std::string& folder, const std::string& cycle);

// Of a cycle; of "": the one that is newest by its place in the ledger.
std::optional<boost::json::object> find_statement(const std::string& folder,
                                                  const std::string& cycle);
std::string csv_of(const std::string& folder, const std::string& cycle);  // Throws StartupError.
// For a person: its rows and totals, and whether ours agrees.
std::string table_of(const boost::json::object& statement);

}  // namespace depot::manufacturer
