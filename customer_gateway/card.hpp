// What a person may type into the forms: cards, e-mails, names, passwords.
//
// A card is checked here and goes no further: only brand, last four and expiry come out.
//
// Threads: values.
// Source:  ISO/IEC 7812 (Luhn, prefixes); RFC 5321 for lengths of an e-mail.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "customer_gateway/operations.hpp"

namespace depot::customer_gateway {

// Spaces and hyphens between the digits are welcome. Errors never repeat what was typed.
tl::expected<protocol::Card, std::vector<FieldError>> check_card(const CardEntry& entry,
                                                                 WallTime now);

bool is_email(std::string_view text);     // local@domain, at most 254 bytes, no spaces
bool is_password(std::string_view text);  // 8..128 bytes

}  // namespace depot::customer_gateway
