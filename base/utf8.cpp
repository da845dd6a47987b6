#include "base/utf8.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace depot {

namespace {

constexpr std::size_t kNameMax = 200;

// The characters that names do without, as [first, last]. The joiners U+200C and U+200D are not
// among them: Persian and Indic names need them.
constexpr std::pair<std::uint32_t, std::uint32_t> kUnprintable[] = {
    {0x00, 0x1F},     {0x7F, 0x9F},     {0x200B, 0x200B}, {0x200E, 0x200F},  {0x2028, 0x202E},
    {0x2060, 0x206F}, {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xE0000, 0xE007F}};

// The character that `text` begins with, and its bytes; 0 bytes where it begins with none.
std::pair<std::uint32_t, std::size_t> first_of(std::string_view text) {
  static constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};  // Nothing overlong.
  if (text.empty()) return {0, 0};
  const std::uint32_t lead = static_cast<unsigned char>(text[0]);
  const std::size_t more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  if (continues_utf8(text[0]) || lead > 0xF4 || text.size() <= more) return {0, 0};
  std::uint32_t point = more == 0 ? lead : lead & (0x3Fu >> more);
  for (std::size_t k = 1; k <= more; ++k) {
    if (!continues_utf8(text[k])) return {0, 0};
    point = point << 6 | (static_cast<unsigned char>(text[k]) & 0x3Fu);
  }
  const bool surrogate = point >> 11 == 0x1B;
  const bool good = point >= kLeast[more] && point <= 0x10FFFF && !surrogate;
  return {point, good ? more + 1 : 0};
}

}  // namespace

std::size_t utf8_size(std::string_view text) { return first_of(text).second; }

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

bool is_name(std::string_view text) {
  if (text.size() > kNameMax || text.find_first_not_of(' ') == text.npos) return false;
  while (!text.empty()) {
    const auto [point, size] = first_of(text);
    const bool printable = std::ranges::none_of(
        kUnprintable, [p = point](auto range) { return range.first <= p && p <= range.second; });
    if (size == 0 || !printable) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace depot
