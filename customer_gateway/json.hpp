// Request bodies read strictly, and replies written without a tree.
//
// Strict: UTF-8, one object at the top, no key twice, whole numbers only (1e3 and 1.0 are refused),
// bounded depth, and every field named here or refused. What breaks that is `malformed`; a value of
// the right type that is out of range is for the operation to judge (`invalid`).
//
// Threads: values.
// Source:  RFC 8259, RFC 6901 (pointers).
#pragma once

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/money.hpp"
#include "customer_gateway/views.hpp"
#include "http/server.hpp"

namespace depot::customer_gateway {

// Takes the fields of one object by name; what it finds wrong is added to `errors`.
class JsonFields {
 public:
  JsonFields(const boost::json::value& object, std::string pointer,
             std::vector<FieldError>& errors);

  std::string text(std::string_view name);
  std::int64_t integer(std::string_view name);
  std::optional<std::string> optional_text(std::string_view name);
  std::optional<std::int64_t> optional_integer(std::string_view name);
  // {"amount_minor": n, "currency": ours}; another currency is an error of its own: -1.
  std::optional<std::int64_t> optional_money(std::string_view name, const Currency& currency);
  const boost::json::array* optional_array(std::string_view name);
  void end();  // Every field that was not asked for is an error.

 private:
  friend class JsonBody;
  explicit JsonFields(std::vector<FieldError>& errors) : errors_(errors) {}

  const boost::json::object* object_ = nullptr;
  std::string pointer_;
  std::vector<FieldError>& errors_;
  std::vector<std::string_view> names_;

  const boost::json::value* find(std::string_view name);
  void require(std::string_view name);
  void wrong(std::string_view name, std::string detail);
};

// The JSON body of a request, an object; `errors` is empty while all is well-formed.
class JsonBody : public JsonFields {
 public:
  explicit JsonBody(std::string_view text);
  JsonBody(const JsonBody&) = delete;
  JsonBody& operator=(const JsonBody&) = delete;
  std::vector<FieldError>& errors() { return errors_; }

 private:
  unsigned char buffer_[4096];
  boost::json::monotonic_resource memory_;
  std::optional<boost::json::value> root_;
  std::vector<FieldError> errors_;
};

struct Minor {  // An amount of money as the API writes it.
  std::int64_t amount = 0;
};

// Appends JSON text; commas are its own business. Views are written by their write(json, view).
class JsonWriter {
 public:
  // `reserved`: bytes that it is to have room for from the start.
  explicit JsonWriter(std::string_view currency = "", std::size_t reserved = 0)
      : currency_(currency) {
    out_.reserve(reserved);
  }

  // object("name", value, "name", value...): an object of those fields. Names need no escape.
  template <typename... Fields>
  JsonWriter& object(const Fields&... fields) {
    open('{');
    this->fields(fields...);
    return close('}');
  }
  template <typename T, typename... Rest>
  void fields(std::string_view name, const T& field, const Rest&... rest) {
    key(name);
    value(field);
    fields(rest...);
  }
  void fields() {}

  void value(std::string_view text);
  void value(const std::string& text) { value(std::string_view(text)); }
  void value(const char* text) { value(std::string_view(text)); }
  void value(std::int64_t number);
  void value(int number) { value(std::int64_t{number}); }
  void value(Minor money) { object("amount_minor", money.amount, "currency", currency_); }
  void value(bool is);
  void value(std::nullptr_t);
  template <typename T>
  void value(const std::optional<T>& maybe) {
    maybe ? value(*maybe) : value(nullptr);
  }
  template <typename T>
  void value(const std::vector<T>& rows) {
    open('[');
    for (const T& row : rows) value(row);
    close(']');
  }
  template <typename T>
  requires std::is_class_v<T>
  void value(const T& view) {  // or a callable that writes one
    if constexpr (std::is_invocable_v<T, JsonWriter&>) {
      view(*this);
    } else {
      write(*this, view);
    }
  }

  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void key(std::string_view name);
  // {"items": rows, "next_cursor": cursor}, null at the end of the list.
  template <typename Rows>
  JsonWriter& list(const Rows& rows, const std::string& next_cursor) {
    const bool more = !next_cursor.empty();
    return object("items", rows, "next_cursor", more ? std::optional(next_cursor) : std::nullopt);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::string_view currency_;
  void comma();
};

}  // namespace depot::customer_gateway
