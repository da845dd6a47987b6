// Numbers, money and time as a reader of a language expects them, and which language that is.
//
// What a browser shows by Intl.NumberFormat and Intl.PluralRules is the same: pages are made here
// and changed in place by a script there.
//
// Threads: any.
// Source:  Unicode CLDR 42 (number patterns, plural rules); RFC 9110, 12.5.4 (Accept-Language).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/money.hpp"

namespace depot::customer_gateway {

enum class Language : std::uint8_t { en, pl };
inline constexpr Language kLanguages[] = {Language::en, Language::pl};
std::string_view name_of(Language language);  // BCP 47: "en"

// The language chosen before ("pl", of a cookie), else the one that Accept-Language prefers, else
// English.
Language preferred_language(std::string_view chosen, std::string_view accept_language);

// "one", "few", "many" or "other": the form of a noun behind the number.
std::string_view plural_of(Language language, std::int64_t number);

std::string number_text(Language language, std::int64_t number);        // "12,345"
std::string decimal_text(Language language, std::string_view decimal);  // of "2.50": "2,50"
// "€12.99", "12,99 €"; a currency without a sign of its own in that language by its code.
std::string money_text(Language language, std::int64_t amount_minor, const Currency& currency);
// "27 November 2026, 22:05 UTC" of RFC 3339 text in UTC; other text comes back as it is.
std::string time_text(Language language, std::string_view rfc3339);

}  // namespace depot::customer_gateway
