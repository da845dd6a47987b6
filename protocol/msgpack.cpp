#include "protocol/msgpack.hpp"

namespace depot::protocol {
namespace {

constexpr int kDepthMax = 16;

}  // namespace

Writer& Writer::number(std::uint8_t code, std::uint64_t value, int bytes) {
  char text[9] = {static_cast<char>(code)};
  for (int i = bytes; i > 0; --i, value >>= 8) text[i] = static_cast<char>(value & 0xFF);
  out_.append(text, static_cast<std::size_t>(bytes) + 1);
  return *this;
}

Writer& Writer::long_integer(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  if (value >= 0) {
    if (value <= 0xFF) return number(0xCC, bits, 1);
    if (value <= 0xFFFF) return number(0xCD, bits, 2);
    if (value <= 0xFFFFFFFF) return number(0xCE, bits, 4);
    return number(0xCF, bits, 8);
  }
  if (value >= INT8_MIN) return number(0xD0, bits, 1);
  if (value >= INT16_MIN) return number(0xD1, bits, 2);
  if (value >= INT32_MIN) return number(0xD2, bits, 4);
  return number(0xD3, bits, 8);
}

std::uint64_t Reader::take_number(int bytes) {
  std::uint64_t value = 0;
  for (const char byte : take(static_cast<std::size_t>(bytes))) {
    value = value << 8 | static_cast<std::uint8_t>(byte);
  }
  return value;
}

std::size_t Reader::array() {
  if (!ok_ || rest_.empty()) return fail(), 0;
  const std::uint8_t code = take_byte();
  std::uint64_t count = 0;
  if (code >> 4 == 9) {
    count = code & 0x0F;
  } else if (code == 0xDC || code == 0xDD) {
    count = take_number(code == 0xDC ? 2 : 4);
  } else {
    fail();
  }
  if (!ok_ || count > rest_.size()) return fail(), 0;
  return count;
}

std::size_t Reader::rows(std::size_t fields) {
  const std::size_t count = array();
  if (count % fields != 0) return fail(), 0;
  return count / fields;
}

std::int64_t Reader::long_integer() {
  if (!is_integer()) return fail(), 0;
  const std::uint8_t code = take_byte();
  if (code < 0x80) return code;
  if (code >= 0xE0) return static_cast<std::int8_t>(code);
  const std::uint64_t value = take_number(1 << (code & 3));
  switch (code) {
    case 0xCF:
      if (value > INT64_MAX) fail();
      return ok_ ? static_cast<std::int64_t>(value) : 0;
    case 0xD0:
      return static_cast<std::int8_t>(value);
    case 0xD1:
      return static_cast<std::int16_t>(value);
    case 0xD2:
      return static_cast<std::int32_t>(value);
    default:
      return static_cast<std::int64_t>(value);
  }
}

std::int64_t Reader::integer(std::int64_t min, std::int64_t max) {
  const std::int64_t value = integer();
  if (value < min || value > max) fail();
  return ok_ ? value : min;
}

std::uint64_t Reader::unsigned_integer() {
  return static_cast<std::uint64_t>(integer(0, INT64_MAX));
}

bool Reader::boolean() {
  if (!is_boolean()) return fail(), false;
  return take_byte() == 0xC3;
}

std::string_view Reader::long_string() {
  if (!is_string()) return fail(), std::string_view();
  const std::uint8_t code = take_byte();  // C4..C6 bin, D9..DB str: 1, 2 or 4 bytes of length
  const std::uint64_t size = take_number(1 << (code >= 0xD9 ? code - 0xD9 : code - 0xC4));
  return take(size);
}

bool Reader::absent() {
  const bool nothing = is_nil() || is(0xC2, 0xC2);
  if (nothing) take_byte();
  return nothing;
}

void Reader::skip() { skip(kDepthMax); }

void Reader::skip(int depth) {
  if (is_string()) {
    string();
  } else if (is_integer()) {
    integer();
  } else if (is_boolean() || is_nil()) {
    take_byte();
  } else if (depth == 0) {
    fail();
  } else {
    for (std::size_t left = array(); left > 0 && ok_; --left) skip(depth - 1);
  }
}

}  // namespace depot::protocol
