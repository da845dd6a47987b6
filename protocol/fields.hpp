// How the bodies of this folder are written and read: a struct's fields as elements of one array.
//
//   write_array(out, request.caller, request.limit, request.before);
//   return decode_array<ListOrders>(body, 4, [](Reader& reader, ListOrders& request) {
//     read(reader, request.caller, ranged(request.limit, 1, 100), request.before);
//   });
//
// Threads: values.
// Errors:  a field that is not as it must be leaves the reader !ok().
#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/cycles.hpp"
#include "protocol/msgpack.hpp"
#include "protocol/orders.hpp"

namespace depot::protocol {

inline constexpr std::size_t kHashSize = 16;  // of a session or a fingerprint

// What a field must be besides its type.
struct Sized {
  std::string& text;
  std::size_t min, max;
};
inline Sized sized(std::string& text, std::size_t size) { return {text, size, size}; }
inline Sized sized(std::string& text, std::size_t min, std::size_t max) { return {text, min, max}; }

template <typename T>
struct Ranged {
  T& value;
  std::int64_t min, max;
};
template <typename T>
Ranged<T> ranged(T& value, std::int64_t min, std::int64_t max) {
  return {value, min, max};
}
template <typename Enum>
Ranged<Enum> up_to(Enum& value, Enum last) {
  return {value, 0, static_cast<std::int64_t>(last)};
}

template <typename T>  // nil leaves the value as it is
struct OrNothing {
  T& value;
};
template <typename T>
OrNothing<T> or_nothing(T& value) {
  return {value};
}

inline void read_field(Reader& reader, std::string& text) { text = reader.string(); }
inline void read_field(Reader& reader, std::int64_t& value) { value = reader.integer(); }
inline void read_field(Reader& reader, bool& value) { value = reader.boolean(); }
inline void read_field(Reader& reader, Sized field) {
  field.text = reader.string();
  if (field.text.size() < field.min || field.text.size() > field.max) reader.fail();
}
template <typename T>
void read_field(Reader& reader, Ranged<T> field) {
  field.value = static_cast<T>(reader.integer(field.min, field.max));
}
template <typename T>  // nil, or false: nullopt
void read_field(Reader& reader, std::optional<T>& value) {
  if (!reader.absent()) read_field(reader, value.emplace());
}
inline void read_field(Reader& reader, Caller& caller) {
  read_field(reader, sized(caller.session, kHashSize));
  read_field(reader, sized(caller.customer, kIdSize));
}
inline void read_field(Reader& reader, std::vector<std::string>& texts) {
  for (std::size_t left = reader.array(); left > 0 && reader.ok(); --left) {
    texts.emplace_back(reader.string());
  }
}
template <typename T>
void read_field(Reader& reader, OrNothing<T> field) {
  if (!reader.absent()) read_field(reader, field.value);
}

template <typename... Fields>
void read(Reader& reader, Fields&&... fields) {
  (read_field(reader, std::forward<Fields>(fields)), ...);
}

// A list laid flat, of at most `rows_max` rows: read_row(row) takes the `fields` elements of each.
template <typename Row, typename ReadRow>
void read_rows(Reader& reader, std::size_t fields, std::vector<Row>& rows, ReadRow read_row,
               std::size_t rows_max = SIZE_MAX) {
  const std::size_t count = reader.rows(fields);
  if (count > rows_max) return reader.fail();
  rows.reserve(count);
  while (rows.size() < count && reader.ok()) read_row(rows.emplace_back());
}

// read(reader, value) takes the `fields` elements of the one array in `bytes`; nothing behind it.
template <typename T, typename Read>
std::optional<T> decode_array(std::string_view bytes, std::size_t fields, Read read) {
  Reader reader(bytes);
  std::optional<T> value(std::in_place);
  if (reader.array() != fields) return std::nullopt;
  read(reader, *value);
  if (!reader.done()) value.reset();
  return value;
}

// The same behind the letter of a reply; nullopt for another letter.
template <typename T, typename Read>
std::optional<T> decode_reply(char letter, std::string_view body, std::size_t fields, Read read) {
  if (!body.starts_with(letter)) return std::nullopt;
  return decode_array<T>(body.substr(1), fields, read);
}

inline constexpr std::size_t kCycleFields = 4;
inline void read_cycle(Reader& reader, Cycle& cycle) {
  read(reader, cycle.id, up_to(cycle.state, CycleState::settled), cycle.opens_at_ms,
       cycle.closes_at_ms);
}

inline void write_field(Writer& writer, std::string_view text) { writer.string(text); }
inline void write_field(Writer& writer, std::int64_t value) { writer.integer(value); }
inline void write_field(Writer& writer, std::same_as<bool> auto value) { writer.boolean(value); }
template <typename T>
void write_field(Writer& writer, const std::optional<T>& value) {
  value ? write_field(writer, *value) : void(writer.nil());
}
inline void write_field(Writer& writer, const Caller& caller) {
  writer.string(caller.session).string(caller.customer);
}

// The elements that a field takes.
template <typename T>
inline constexpr std::size_t kWidth = std::same_as<T, Caller> ? 2 : 1;

template <typename... Fields>
void write(Writer& writer, const Fields&... fields) {
  (write_field(writer, fields), ...);
}

template <typename... Fields>
void write_array(std::string& out, const Fields&... fields) {
  Writer writer(out);
  writer.array((kWidth<Fields> + ...));
  write(writer, fields...);
}

}  // namespace depot::protocol
