// Statements as an agent keeps them: statement-<cycle>.json and .csv in its folder. Those of
// another data set, or of a state of this one that is no more, go aside: old-<cycle>-<store
// id>-<position>.
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

// The distributor's statement, of that data set; `differences`: where ours is another.
std::string keep_statement(const std::string& folder, const std::string& store_id,
                           const protocol::Statement& statement,
                           const std::vector<std::string>& differences);
// One of that data set whose part of the ledger ends there.
bool has_statement(const std::string& folder, const std::string& store_id, const std::string& cycle,
                   const protocol::LedgerPosition& to);
std::string set_others_aside(const std::string& folder, const std::string& store_id);

// Of a cycle; of "": the one that is newest by its place in the ledger.
std::optional<boost::json::object> find_statement(const std::string& folder,
                                                  const std::string& cycle);
std::string csv_of(const std::string& folder, const std::string& cycle);  // Throws StartupError.
// For a person: its rows and totals, and whether ours agrees.
std::string table_of(const boost::json::object& statement);

}  // namespace depot::manufacturer
