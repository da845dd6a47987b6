// msgpack, as much as Depot speaks: nil, bool, integers, str/bin, arrays. No floats, maps, ext.
//
// Own code because Debian's libmsgpack-cxx-dev cannot be installed beside Boost 1.81 and its parser
// allocates what five hostile bytes ask for (docs/adr/0001). The reader allocates nothing: every
// length is checked against the bytes that are there.
//
// Threads: values.
// Errors:  the reader never throws; after the first mismatch it is !ok() and returns zeros.
// Source:  github.com/msgpack/msgpack/blob/master/spec.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace depot::protocol {

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}  // Appends to `out`.

  Writer& array(std::size_t count) {
    if (count < 16) return byte(static_cast<std::uint8_t>(0x90 | count));
    return count <= 0xFFFF ? number(0xDC, count, 2) : number(0xDD, count, 4);
  }
  Writer& nil() { return byte(0xC0); }
  Writer& boolean(bool value) { return byte(value ? 0xC3 : 0xC2); }
  Writer& integer(std::int64_t value) {
    if (value >= -32 && value < 128) return byte(static_cast<std::uint8_t>(value));
    return long_integer(value);
  }
  Writer& string(std::string_view value) {  // as str, whatever the bytes
    const std::size_t size = value.size();
    if (size < 32) {
      byte(static_cast<std::uint8_t>(0xA0 | size));
    } else if (size <= 0xFF) {
      number(0xD9, size, 1);
    } else {
      size <= 0xFFFF ? number(0xDA, size, 2) : number(0xDB, size, 4);
    }
    out_.append(value);
    return *this;
  }

 private:
  std::string& out_;
  Writer& byte(std::uint8_t value) {
    out_.push_back(static_cast<char>(value));
    return *this;
  }
  Writer& number(std::uint8_t code, std::uint64_t value, int bytes);  // big-endian, as msgpack is
  Writer& long_integer(std::int64_t value);
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::size_t array();  // element count; every element has at least one byte left
  // An array of rows laid flat, `fields` values each: the number of rows.
  std::size_t rows(std::size_t fields);
  std::int64_t integer() {
    if (ok_ && !rest_.empty() && peek() < 0x80) return take_byte();
    return long_integer();
  }
  // Not ok outside min..max.
  std::int64_t integer(std::int64_t min, std::int64_t max);
  std::uint64_t unsigned_integer();  // not ok when negative
  bool boolean();
  std::string_view string() {  // str or bin; a view into the bytes given
    if (ok_ && !rest_.empty() && peek() >> 5 == 5) return take(take_byte() & 0x1F);
    return long_string();
  }
  bool is_nil() const { return is(0xC0, 0xC0); }  // looks, does not move
  bool is_string() const { return is(0xA0, 0xBF) || is(0xD9, 0xDB) || is(0xC4, 0xC6); }
  bool is_integer() const { return is(0x00, 0x7F) || is(0xE0, 0xFF) || is(0xCC, 0xD3); }
  bool is_boolean() const { return is(0xC2, 0xC3); }
  bool absent();  // nil, or false: moves behind it and says true
  void skip();    // any one value, nested at most 16 deep

  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }  // well-formed, and nothing behind it
  std::string_view rest() const { return rest_; }
  void fail() {
    ok_ = false;
    rest_ = {};
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
  std::uint8_t peek() const { return static_cast<std::uint8_t>(rest_.front()); }
  bool is(std::uint8_t first, std::uint8_t last) const {
    return ok_ && !rest_.empty() && peek() >= first && peek() <= last;
  }
  std::uint8_t take_byte() {
    const std::uint8_t byte = peek();
    rest_.remove_prefix(1);
    return byte;
  }
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) return fail(), std::string_view();
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::uint64_t take_number(int bytes);  // big-endian; not ok when too short
  std::int64_t long_integer();
  std::string_view long_string();
  void skip(int depth);
};

}  // namespace depot::protocol
