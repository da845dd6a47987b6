// Fixed-width little-endian fields one behind the other, for the frame codecs of this folder. The
// caller has made sure that there is room, or that they are there.
#pragma once

#include <bit>
#include <cstring>
#include <type_traits>

namespace depot::messaging {

static_assert(std::endian::native == std::endian::little,
              "fields are copied as they lie in memory");

class FieldWriter {
 public:
  explicit FieldWriter(char* at) : at_(at) {}
  template <typename T>
  FieldWriter& put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::memcpy(at_, &value, sizeof value);
    at_ += sizeof value;
    return *this;
  }

 private:
  char* at_;
};

class FieldReader {
 public:
  explicit FieldReader(const char* at) : at_(at) {}
  template <typename T>
  T get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return value;
  }

 private:
  const char* at_;
};

}  // namespace depot::messaging
