// How the decoders of this folder begin and end alike: one array of a known size, nothing behind
// it.
//
// Threads: values.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/msgpack.hpp"
#include "protocol/orders.hpp"

namespace depot::protocol {

inline constexpr std::size_t kHashSize = 16;  // of a session or a fingerprint

// read(reader, value) takes the `fields` elements of the one array in `bytes`.
template <typename T, typename Read>
std::optional<T> decode_array(std::string_view bytes, std::size_t fields, Read read) {
  Reader reader(bytes);
  T value;
  if (reader.array() != fields) return std::nullopt;
  read(reader, value);
  if (!reader.done()) return std::nullopt;
  return std::optional<T>(std::move(value));
}

// The same behind the letter of a reply; nullopt for another letter.
template <typename T, typename Read>
std::optional<T> decode_reply(char letter, std::string_view body, std::size_t fields, Read read) {
  if (body.empty() || body.front() != letter) return std::nullopt;
  return decode_array<T>(body.substr(1), fields, read);
}

inline std::string read_sized(Reader& reader, std::size_t size) {
  const std::string_view text = reader.string();
  if (text.size() != size) reader.fail();
  return std::string(text);
}

inline void write_caller(const Caller& caller, Writer& writer) {
  writer.string(caller.session).string(caller.customer);
}

inline void read_caller(Reader& reader, Caller& caller) {
  caller.session = read_sized(reader, kHashSize);
  caller.customer = read_sized(reader, kIdSize);
}

template <typename Enum>
Enum read_enum(Reader& reader, Enum last) {
  return static_cast<Enum>(reader.integer(0, static_cast<std::int64_t>(last)));
}

}  // namespace depot::protocol
