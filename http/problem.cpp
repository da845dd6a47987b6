#include "http/problem.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "base/crypto.hpp"
#include "base/utf8.hpp"

namespace depot::http {
namespace {

std::string escape_of(unsigned char c) {
  constexpr std::string_view kHex = "0123456789abcdef", kShort = "\"\\\n\r\t", kLetters = "\"\\nrt";
  const std::size_t at = kShort.find(static_cast<char>(c));
  if (at != std::string_view::npos) return {'\\', kLetters[at]};
  return {'\\', 'u', '0', '0', kHex[c >> 4U], kHex[c & 0xFU]};
}

// How much of the text's begin is ASCII that JSON takes as it is, by eight bytes at a time.
std::size_t plain_size(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101, kHigh = 0x8080808080808080;
  std::size_t at = 0;
  for (; at < text.size(); at += 8) {
    std::uint64_t eight = kOnes * ' ';
    std::memcpy(&eight, text.data() + at, std::min(sizeof eight, text.size() - at));
    const auto has = [&](std::uint64_t byte) {  // Exact as long as no byte is above 0x7F.
      const std::uint64_t other = eight ^ (kOnes * byte);
      return (other - kOnes) & ~other;
    };
    const std::uint64_t below_space = (eight - kOnes * 0x20) & ~eight;
    if (((eight | below_space | has('"') | has('\\') | has(0x7F)) & kHigh) != 0) break;
  }
  return std::min(at, text.size());
}

}  // namespace

void append_json_string(std::string_view text, std::string& out) {
  out += '"';
  std::size_t plain = 0;  // Start of the run that needs no change, copied as one.
  for (std::size_t i = 0; i < text.size();) {
    i += plain_size(text.substr(i));
    if (i == text.size()) break;
    const auto c = static_cast<unsigned char>(text[i]);
    const bool escape = c < 0x20 || c == '"' || c == '\\' || c == 0x7F;
    const std::size_t size = escape ? 0 : c < 0x80 ? 1 : utf8_size(text.substr(i));
    if (size > 0) {
      i += size;
      continue;
    }
    out += text.substr(plain, i - plain);
    out += escape ? escape_of(c) : "\xEF\xBF\xBD";
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
  response.headers = {{"Cache-Control", "no-store"}};
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
