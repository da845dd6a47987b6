// Statements for people and their programs: JSON, CSV, and where two differ.
//
// Threads: any.
// Units:   JSON has minor units, CSV decimals of the statement's currency.
// Source:  docs/MANUFACTURERS.md, "Statements".
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/statement.hpp"

namespace depot::protocol {

boost::json::object to_json(const Statement& statement);
std::string to_table(const boost::json::object& statement);  // of that form, for a person

// RFC 4180:
// cycle_id,manufacturer_id,currency,kind,sku,opening,increases,cuts,sold,cancelled,unsold,
// unit_price,units,money; a line per offer and sale, then total, fee and payable.
std::string to_csv(const Statement& statement);

// The lines of the two canonical texts that are not the same: "- <theirs>" and "+ <ours>", those
// of one sku beside each other. Empty where both have one hash.
std::vector<std::string> differences(const Statement& theirs, const Statement& ours);

// "agrees", "disagrees"; "none" while its manufacturer has not said a word.
std::string_view name_of_answer(std::optional<std::int64_t> agrees);

std::string fee_percent_of(std::int64_t fee_rate);  // 250: "2.50"
std::string to_text(const LedgerPosition& at);      // "1-57"

}  // namespace depot::protocol
