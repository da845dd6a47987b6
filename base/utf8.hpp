// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF; and names in it.
//
// Threads: any.
// Source:  Unicode 15, table 3-7.
#pragma once

#include <cstddef>
#include <string_view>

namespace depot {

constexpr bool continues_utf8(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// Bytes of the character that `text` begins with; 0 where it begins with none.
std::size_t utf8_size(std::string_view text);
bool is_utf8(std::string_view text);

// The name of a person, a product or a manufacturer: 1 to 200 bytes, not only spaces, and
// printable: no control characters, no line ends, nothing that is invisible or turns the text
// around it.
bool is_name(std::string_view text);

}  // namespace depot
