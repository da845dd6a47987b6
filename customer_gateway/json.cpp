#include "customer_gateway/json.hpp"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <limits>

#include "base/fatal.hpp"
#include "http/problem.hpp"

namespace depot::customer_gateway {
namespace {

namespace json = boost::json;
using json::error_code;
using Chars = json::string_view;

// Builds the tree by Boost's own stack and refuses what Boost lets pass: double keys, fractions.
struct StrictHandler {
  // NOLINTBEGIN(readability-identifier-naming): Boost reads them by these names.
  static constexpr std::size_t max_object_size = 16;  // No object of ours has more fields.
  static constexpr std::size_t max_array_size = 1 << 17;
  static constexpr std::size_t max_key_size = 64;
  static constexpr std::size_t max_string_size = 1 << 17;
  // NOLINTEND(readability-identifier-naming)

  json::value_stack stack;
  boost::container::small_vector<std::string, 16> keys;    // of the objects that are open
  boost::container::small_vector<std::size_t, 8> objects;  // Where each begins among them.
  std::string key;
  std::string why;

  bool refuse(std::string reason, error_code& ec) {
    why = std::move(reason);
    ec = json::error::syntax;
    return false;
  }
  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t n, error_code&) { return stack.push_array(n), true; }
  bool on_object_begin(error_code&) { return objects.push_back(keys.size()), true; }
  bool on_object_end(std::size_t n, error_code&) {
    keys.resize(objects.back());
    objects.pop_back();
    return stack.push_object(n), true;
  }
  bool on_key_part(Chars part, std::size_t, error_code&) {
    key.append(part.data(), part.size());
    return stack.push_chars(part), true;
  }
  bool on_key(Chars part, std::size_t, error_code& ec) {
    key.append(part.data(), part.size());
    const auto first = keys.begin() + static_cast<std::ptrdiff_t>(objects.back());
    if (std::find(first, keys.end(), key) != keys.end()) {
      return refuse("A field is given twice: " + key, ec);
    }
    keys.push_back(std::move(key));
    key.clear();
    return stack.push_key(part), true;
  }
  bool on_string_part(Chars part, std::size_t, error_code&) { return stack.push_chars(part), true; }
  bool on_string(Chars part, std::size_t, error_code&) { return stack.push_string(part), true; }
  bool on_number_part(Chars, error_code&) { return true; }
  bool on_int64(std::int64_t value, Chars, error_code&) { return stack.push_int64(value), true; }
  bool on_uint64(std::uint64_t, Chars, error_code&) {  // Above any range of ours: keep it so.
    return stack.push_int64(std::numeric_limits<std::int64_t>::max()), true;
  }
  bool on_double(double value, Chars text, error_code& ec) {
    if (text.find_first_of(".eE") != Chars::npos) {
      return refuse("Numbers are whole: no point, no exponent.", ec);
    }
    using Limits = std::numeric_limits<std::int64_t>;
    return stack.push_int64(value < 0 ? Limits::min() : Limits::max()), true;
  }
  bool on_bool(bool value, error_code&) { return stack.push_bool(value), true; }
  bool on_null(error_code&) { return stack.push_null(), true; }
  bool on_comment_part(Chars, error_code&) { return true; }
  bool on_comment(Chars, error_code&) { return true; }
};

// A field's name inside a JSON pointer.
std::string escaped(std::string_view name) {
  std::string out;
  for (const char c : name) c == '~' ? out += "~0" : c == '/' ? out += "~1" : out += c;
  return out;
}

}  // namespace

JsonBody::JsonBody(std::string_view text) : JsonFields(errors_), memory_(buffer_, sizeof buffer_) {
  json::parse_options options;
  options.max_depth = 8;
  json::basic_parser<StrictHandler> parser(options);
  parser.handler().stack.reset(&memory_);
  error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && used < text.size()) ec = json::error::extra_data;
  if (ec) {
    const std::string& why = parser.handler().why;
    errors_.push_back({"", !why.empty() ? why : "Not JSON as RFC 8259 has it: " + ec.message()});
    return;
  }
  root_.emplace(
      parser.handler().stack.release());  // Moved: an assignment copies into its own memory.
  object_ = root_->if_object();
  if (!object_) errors_.push_back({"", "The body is one JSON object."});
}

JsonFields::JsonFields(const json::value& object, std::string pointer,
                       std::vector<FieldError>& errors)
    : object_(object.if_object()), pointer_(std::move(pointer)), errors_(errors) {
  if (!object_ && errors_.empty()) errors_.push_back({pointer_, "This is an object."});
}

void JsonFields::wrong(std::string_view name, std::string detail) {
  if (errors_.size() < 20) errors_.push_back({pointer_ + "/" + escaped(name), std::move(detail)});
}

const json::value* JsonFields::find(std::string_view name) {
  names_.push_back(name);
  return object_ ? object_->if_contains(Chars(name.data(), name.size())) : nullptr;
}

void JsonFields::require(std::string_view name) {
  const Chars key(name.data(), name.size());
  if (object_ && !object_->contains(key)) wrong(name, "This field is missing.");
}

std::string JsonFields::text(std::string_view name) {
  require(name);
  return optional_text(name).value_or("");
}

std::int64_t JsonFields::integer(std::string_view name) {
  require(name);
  return optional_integer(name).value_or(0);
}

std::optional<std::string> JsonFields::optional_text(std::string_view name) {
  const json::value* value = find(name);
  if (!value) return std::nullopt;
  if (const json::string* text = value->if_string()) return std::string(text->data(), text->size());
  wrong(name, "This is a string.");
  return std::nullopt;
}

std::optional<std::int64_t> JsonFields::optional_integer(std::string_view name) {
  const json::value* value = find(name);
  if (!value) return std::nullopt;
  if (const std::int64_t* number = value->if_int64()) return *number;
  wrong(name, "This is a whole number.");
  return std::nullopt;
}

std::optional<std::int64_t> JsonFields::optional_money(std::string_view name,
                                                       const Currency& currency) {
  const json::value* value = find(name);
  if (!value) return std::nullopt;
  JsonFields money(*value, pointer_ + "/" + std::string(name), errors_);
  const std::int64_t amount = money.integer("amount_minor");
  const bool ours = money.text("currency") == currency.code;
  money.end();
  return ours ? amount : -1;
}

const json::array* JsonFields::optional_array(std::string_view name) {
  const json::value* value = find(name);
  if (!value) return nullptr;
  if (!value->is_array()) wrong(name, "This is an array.");
  return value->if_array();
}

void JsonFields::end() {
  if (!object_) return;
  for (const auto& field : *object_) {
    const std::string_view name(field.key().data(), field.key().size());
    if (std::ranges::find(names_, name) == names_.end()) wrong(name, "There is no such field.");
  }
}

void JsonWriter::comma() {
  if (out_.empty()) return;
  const char last = out_.back();
  if (last != '{' && last != '[' && last != ':') out_ += ',';
}

JsonWriter& JsonWriter::open(char bracket) {
  comma();
  out_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  return *this;
}

// Assembled first: one append.
void JsonWriter::key(std::string_view name) {
  comma();
  char text[64];
  DEPOT_ASSERT(name.size() + 3 <= sizeof text);
  text[0] = '"';
  name.copy(text + 1, name.size());
  text[name.size() + 1] = '"';
  text[name.size() + 2] = ':';
  out_.append(text, name.size() + 3);
}

void JsonWriter::value(std::string_view text) {
  comma();
  http::append_json_string(text, out_);
}

void JsonWriter::value(std::int64_t number) {
  comma();
  char digits[20];
  out_.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

void JsonWriter::value(bool is) {
  comma();
  out_ += is ? "true" : "false";
}

void JsonWriter::value(std::nullptr_t) {
  comma();
  out_ += "null";
}

}  // namespace depot::customer_gateway
