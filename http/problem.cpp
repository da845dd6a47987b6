#include "http/problem.hpp"

#include "base/crypto.hpp"

namespace depot::http {
namespace {

// Bytes of the well-formed UTF-8 sequence that `text` begins with; 0 where there is none
// (overlong forms, surrogates and values above U+10FFFF are not well-formed).
std::size_t utf8_sequence(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto continues = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;
    return continues(1) && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (first == 0xF0 && byte(1) < 0x90) return 0;
    if (first == 0xF4 && byte(1) > 0x8F) return 0;
    return continues(1) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

void append_escaped(unsigned char c, std::string& out) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[c >> 4U];
      out += kHex[c & 0xFU];
  }
}

}  // namespace

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = utf8_sequence(text.substr(i));
    if (size == 0) return false;
    i += size;
  }
  return true;
}

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  std::size_t plain = 0;  // Start of the run that needs no change, copied as one.
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    const bool escape = c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
    const std::size_t size = escape ? 0 : utf8_sequence(text.substr(i));
    if (size > 0) {
      i += size;
      continue;
    }
    out += text.substr(plain, i - plain);
    if (escape) {
      append_escaped(c, out);
    } else {
      out += "\xEF\xBF\xBD";
    }
    plain = ++i;
  }
  out += text.substr(plain);
  out += '"';
}

Response problem_response(protocol::Problem problem, std::string_view detail,
                          std::string_view extra) {
  const protocol::ProblemRow& row = protocol::row_of(problem);
  Response response;
  response.status = row.http_status;
  response.content_type = "application/problem+json";
  std::string& body = response.body;
  body.reserve(128 + detail.size() + extra.size());
  body.append(R"({"type":"/problems/)").append(row.name).append(R"(","title":)");
  append_json_string(row.title, body);
  body.append(R"(,"status":)").append(std::to_string(row.http_status)).append(R"(,"detail":)");
  append_json_string(detail, body);
  body.append(extra).append("}");
  return response;
}

void add_retry_after(Response& response) {
  response.headers.emplace_back("Retry-After", std::to_string(1 + random_u64() % 3));
}

}  // namespace depot::http
