// Requests as they come from a connection, and what the gateway reads out of their heads: paths,
// queries, cookies, tokens.
//
// Promises: how the bytes were split changes nothing; a request written anew in the plain form is
// the same request; what is encoded is decoded to what it was.
#include "customer_gateway/locale.hpp"
#include "customer_gateway/routes.hpp"
#include "customer_gateway/session.hpp"
#include "http/request_reader.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace depot::fuzz {
namespace {

using customer_gateway::Form;
using http::Request;
using http::RequestReader;
using Step = RequestReader::Step;

constexpr std::size_t kHeaderBytesMax = 512, kBodyBytesMax = 1'024;

std::string percent_encoded(std::string_view text) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out.append(1, '%').append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
  }
  return out;
}

void check_form(std::string_view text) {
  const std::optional<Form> form = customer_gateway::parse_form(text);
  if (!form) return;
  std::string again;
  for (const auto& [name, value] : *form) {
    again += percent_encoded(name) + "=" + percent_encoded(value) + "&";
  }
  must(customer_gateway::parse_form(again) == form, "a form written anew is the same form");
}

// What a request says, for comparison; and all that looks into one has looked.
std::string seen(const Request& request) {
  std::string text;
  for (const std::string_view part :
       {request.method_text, request.path, request.query, request.body}) {
    text.append(std::to_string(part.size())).append(" ").append(part).append("\n");
  }
  for (const auto& [name, value] : request.fields) {
    if (http::equal_folded(name, "content-length")) continue;
    if (http::equal_folded(name, "transfer-encoding")) continue;
    text.append(name).append(": ").append(value).append("\n");
  }
  check_form(request.query);
  check_form(request.body);
  customer_gateway::match_route(customer_gateway::routes(), request.method, request.path);
  http::request_allowed(request);
  for (const bool secure : {false, true}) {
    customer_gateway::token_of(request, secure);
    customer_gateway::manufacturer_token_of(request, secure);
  }
  customer_gateway::preferred_language(
      customer_gateway::cookie_value(request.header("cookie"), "lang").value_or(""),
      request.header("accept-language"));
  return text;
}

struct Reading {
  std::vector<std::string> requests;
  bool refused = false;
  bool operator==(const Reading&) const = default;
};

void check_plain_form(const Request& request, bool minor_version_0, const std::string& text) {
  std::string target(request.path);
  if (!request.query.empty()) target.append("?").append(request.query);
  std::string bytes(request.method_text);
  bytes.append(" ").append(target).append(minor_version_0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  for (const auto& [name, value] : request.fields) {
    if (http::equal_folded(name, "content-length")) continue;
    if (http::equal_folded(name, "transfer-encoding")) continue;
    bytes.append(name).append(": ").append(value).append("\r\n");
  }
  bytes += "Content-Length: " + std::to_string(request.body.size()) + "\r\n\r\n";
  bytes += request.body;
  RequestReader reader(bytes.size(), kBodyBytesMax);
  std::size_t used = 0;
  must(reader.read(bytes, used) == Step::request, "a request written plainly is a request");
  must(used == bytes.size(), "a request written plainly is one request");
  must(seen(reader.request()) == text, "a request written plainly is the same request");
}

Reading read_in_pieces(std::string_view bytes, std::size_t piece) {
  RequestReader reader(kHeaderBytesMax, kBodyBytesMax);
  Reading reading;
  std::string input;
  while (true) {
    std::size_t used = 0;
    const Step step = reader.read(input, used);
    must(used <= input.size(), "used is at most what was given");
    if (step == Step::request) {
      must(reader.request().body.size() <= kBodyBytesMax, "a body keeps to its limit");
      reading.requests.push_back(seen(reader.request()));
      check_plain_form(reader.request(), reader.minor_version_0(), reading.requests.back());
      reader.next();
      input.erase(0, used);
      continue;
    }
    input.erase(0, used);
    reading.refused = step != Step::need_more;
    if (reading.refused || bytes.empty()) return reading;
    input += bytes.substr(0, piece);
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
}

void check_requests(Input& input) {
  const std::size_t piece = 1 + input.byte();
  const Reading whole = read_in_pieces(input.rest(), input.rest().size() + 1);
  must(read_in_pieces(input.rest(), piece) == whole, "parse(split) == parse(whole)");
}

void check_cookies(Input& input) {
  const std::string name(input.part());
  const std::string_view header = input.rest();
  const auto value = customer_gateway::cookie_value(header, name);
  if (!value) return;
  const std::string again = name + "=" + std::string(*value);
  if (name.find_first_of("=; \t") != name.npos) return;
  must(customer_gateway::cookie_value(again, name) == value, "a cookie written anew is the same");
  must(customer_gateway::cookie_value("a=b; " + again + " ;c", name) ==
           (name == "a" ? std::optional<std::string_view>("b") : value),
       "a cookie among others is the same");
}

void check_paths(Input& input) {
  const std::string text(input.rest());
  const std::string encoded = percent_encoded(text);
  must(customer_gateway::percent_decode(encoded) == text, "decode(encode(x)) == x");
  for (const bool form : {false, true}) customer_gateway::percent_decode(text, form);
  customer_gateway::match_route(customer_gateway::routes(), http::Method::get, text);
  const auto match = customer_gateway::match_route(customer_gateway::routes(), http::Method::get,
                                                   "/v1/orders/" + encoded);
  must(match.route == nullptr || match.parameter == text, "a parameter is what was encoded");
}

}  // namespace
}  // namespace depot::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  depot::fuzz::Input input(data, size);
  switch (input.byte() % 8) {
    case 0:
      depot::fuzz::check_cookies(input);
      break;
    case 1:
      depot::fuzz::check_form(input.rest());
      break;
    case 2:
      depot::fuzz::check_paths(input);
      break;
    default:  // The largest part of the work for what is largest.
      depot::fuzz::check_requests(input);
  }
  return 0;
}
