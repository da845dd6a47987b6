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
#include <optional>
#include <string>
#include <string_view>

namespace depot::protocol {

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}  // Appends to `out`.

  Writer& array(std::size_t count);
  Writer& nil();
  Writer& boolean(bool value);
  Writer& integer(std::int64_t value);
  Writer& string(std::string_view value);  // as str, whatever the bytes

 private:
  std::string& out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::size_t array();        // element count; every element has at least one byte left
  std::int64_t integer();
  std::uint64_t unsigned_integer();  // not ok when negative
  bool boolean();
  std::string_view string();  // str or bin; a view into the bytes given
  bool is_nil() const;        // looks, does not move
  bool is_string() const;
  bool is_integer() const;
  bool is_boolean() const;
  std::optional<std::int64_t> optional_integer();          // nil, or false: nullopt
  std::optional<std::string_view> optional_string();       // nil, or false: nullopt
  void skip();                // any one value, nested at most 16 deep

  bool ok() const { return ok_; }
  bool done() const { return ok_ && rest_.empty(); }  // well-formed, and nothing behind it
  std::string_view rest() const { return rest_; }
  void fail() { ok_ = false; }

 private:
  std::string_view rest_;
  bool ok_ = true;
  unsigned char peek() const { return static_cast<unsigned char>(rest_.front()); }
};

}  // namespace depot::protocol
