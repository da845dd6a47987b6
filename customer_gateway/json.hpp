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
  const std::string& pointer() const { return pointer_; }
  void end();  // Every field that was not asked for is an error.

 private:
  const boost::json::object* object_ = nullptr;
  std::string pointer_;
  std::vector<FieldError>& errors_;
  std::vector<std::string_view> names_;

  const boost::json::value* find(std::string_view name);
  void require(std::string_view name);
  void wrong(std::string_view name, std::string detail);
};

// The JSON body of a request; `errors` is empty while all is well-formed.
class JsonBody {
 public:
  explicit JsonBody(std::string_view text);
  JsonBody(const JsonBody&) = delete;
  JsonBody& operator=(const JsonBody&) = delete;

  JsonFields fields() { return JsonFields(root_, "", errors_); }
  std::vector<FieldError>& errors() { return errors_; }

 private:
  unsigned char buffer_[4096];
  boost::json::monotonic_resource memory_;
  boost::json::value root_;
  std::vector<FieldError> errors_;
};

// Appends JSON text; commas are its own business.
class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return out_ += '}', *this; }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return out_ += ']', *this; }
  JsonWriter& key(std::string_view name);  // REQUIRES: nothing in it needs an escape.
  JsonWriter& string(std::string_view text);
  JsonWriter& integer(std::int64_t value);
  JsonWriter& null();
  JsonWriter& money(std::int64_t amount_minor, std::string_view currency);
  JsonWriter& string(std::string_view name, std::string_view text) {
    return key(name).string(text);
  }
  JsonWriter& integer(std::string_view name, std::int64_t value) {
    return key(name).integer(value);
  }
  // Closes an object {"items": [...]} with its cursor, null at the end.
  JsonWriter& end_list(std::string_view next_cursor) {
    key("next_cursor");
    next_cursor.empty() ? null() : string(next_cursor);
    return end_object();
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  JsonWriter& open(char bracket);
  void comma();
};

}  // namespace depot::customer_gateway
