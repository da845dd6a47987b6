#include "base/utf8.hpp"

#include <cstdint>

namespace depot {

std::size_t utf8_size(std::string_view text) {
  static constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x10000};  // Nothing overlong.
  if (text.empty()) return 0;
  const std::uint32_t lead = static_cast<unsigned char>(text[0]);
  const std::size_t more = lead < 0x80 ? 0 : lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
  if (continues_utf8(text[0]) || lead > 0xF4 || text.size() <= more) return 0;
  std::uint32_t point = more == 0 ? lead : lead & (0x3Fu >> more);
  for (std::size_t k = 1; k <= more; ++k) {
    if (!continues_utf8(text[k])) return 0;
    point = point << 6 | (static_cast<unsigned char>(text[k]) & 0x3Fu);
  }
  const bool surrogate = point >> 11 == 0x1B;
  return point < kLeast[more] || point > 0x10FFFF || surrogate ? 0 : more + 1;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t size = utf8_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace depot
