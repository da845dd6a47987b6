// Fixed-width little-endian fields, for the frame codecs of this folder.
#pragma once

#include <bit>
#include <concepts>
#include <cstring>

namespace depot::messaging {

static_assert(std::endian::native == std::endian::little,
              "frames are copied as they lie in memory");

// Writes fields one behind the other; the caller's buffer is large enough.
class FieldWriter {
 public:
  explicit FieldWriter(char* at) : at_(at) {}
  template <std::integral T>
  FieldWriter& put(T value) {
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
    return *this;
  }

 private:
  char* at_;
};

// Reads fields one behind the other; the caller has checked that they are there.
class FieldReader {
 public:
  explicit FieldReader(const char* at) : at_(at) {}
  template <std::integral T>
  T get() {
    T value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

 private:
  const char* at_;
};

}  // namespace depot::messaging
