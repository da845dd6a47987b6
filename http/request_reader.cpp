#include "http/request_reader.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <string>

namespace depot::http {
namespace {

namespace beast = boost::beast;
using beast::http::field;
using boost::system::error_code;

// In the order of Method; `other` is what is not among them.
constexpr std::string_view kMethods[] = {"GET",   "HEAD",   "POST",   "PUT",
                                         "PATCH", "DELETE", "OPTIONS"};

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

// A line end that is not CRLF, or a NUL: no head can come of it, so there is no use in waiting.
bool has_bare_line_end(std::string_view bytes, std::size_t from) {
  for (std::size_t i = from; i < bytes.size(); ++i) {
    if (bytes[i] == '\n' && (i == 0 || bytes[i - 1] != '\r')) return true;
    if (bytes[i] == '\r' && i + 1 < bytes.size() && bytes[i + 1] != '\n') return true;
    if (bytes[i] == '\0') return true;
  }
  return false;
}

// Beast joins a line that begins with a blank to the one before; proxies differ in what they do.
bool has_folded_line(std::string_view head) {
  for (std::size_t at = 0; (at = head.find('\n', at)) != head.npos;) {
    if (++at < head.size() && (head[at] == ' ' || head[at] == '\t')) return true;
  }
  return false;
}

// Whether the line of a chunk's size ends within quotes of an extension: Beast looks for the other
// quote in all that follows, and takes the size from the body's limit each time it does.
bool ends_in_quotes(std::string_view bytes) {
  if (bytes.starts_with("\r\n")) bytes.remove_prefix(2);  // the end of the chunk before
  const std::size_t end = bytes.find("\r\n");
  bool quoted = false;
  for (std::size_t i = 0; end != bytes.npos && i < end; ++i) {
    if (quoted && bytes[i] == '\\') {
      ++i;
    } else if (bytes[i] == '"') {
      quoted = !quoted;
    }
  }
  return quoted;
}

bool is_authority(std::string_view text) {
  constexpr std::string_view kPunctuation = "-._~:[]!$&'()*+;=%";
  return std::ranges::all_of(text, [&](char c) {
    const char l = to_lower(c);
    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
           kPunctuation.find(c) != kPunctuation.npos;
  });
}

}  // namespace

// Keeps the fields as views and looks at what Beast lets pass.
struct RequestReader::HeadParser final : beast::http::basic_parser<true> {
  HeadParser(std::vector<Request::Field>& to, std::size_t head_size, std::size_t body_max)
      : fields(to) {
    fields.clear();
    header_limit(static_cast<std::uint32_t>(head_size + 1));
    body_limit(body_max);
  }

  std::vector<Request::Field>& fields;
  std::string* chunked_body = nullptr;
  bool in_chunk = false;  // It has read some of a chunk.
  std::string_view method, target, host, expect;
  int version = 11;
  int hosts = 0;
  int lengths = 0;
  int encodings = 0;
  bool sound = true;

  void on_request_impl(beast::http::verb, beast::string_view text, beast::string_view to,
                       int http_version, error_code&) override {
    method = {text.data(), text.size()};
    target = {to.data(), to.size()};
    version = http_version;
  }
  void on_field_impl(field id, beast::string_view n, beast::string_view v, error_code&) override {
    if (is_header_done()) return;  // Trailers are dropped.
    const std::string_view name{n.data(), n.size()}, value{v.data(), v.size()};
    if (id == field::host) {
      ++hosts;
      host = value;
    } else if (id == field::content_length) {
      ++lengths;  // Beast takes "5,5" for 5.
      sound = sound && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
    } else if (id == field::transfer_encoding) {
      ++encodings;  // Beast ignores codings that are not last, and reads no body then.
      sound = sound && equal_folded(value, "chunked");
    } else if (id == field::expect) {
      expect = value;
    }
    fields.push_back({name, value});
  }
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
    chunked_body->append(body);
    in_chunk = true;
    return body.size();
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_finish_impl(error_code&) override {}
};

struct RequestReader::Chunks {
  Chunks(std::string_view bytes, std::size_t body_max)
      : head(bytes), parser(fields, head.size(), body_max) {
    parser.chunked_body = &body;
  }
  std::string head;  // The parser's views lie in it.
  std::string body;
  std::vector<Request::Field> fields;
  HeadParser parser;
  std::size_t used_at_end = 0;  // What the read() that completed it used.
};

RequestReader::RequestReader(std::size_t header_bytes_max, std::size_t body_bytes_max)
    : header_bytes_max_(header_bytes_max), body_bytes_max_(body_bytes_max) {}

RequestReader::~RequestReader() = default;

RequestReader::Step RequestReader::read(std::string_view bytes, std::size_t& used) {
  used = 0;
  if (bytes.size() < bytes_wanted_) return Step::need_more;
  if (!chunks_) return read_head(bytes, used);
  if (!chunks_->parser.is_done()) return read_chunks(bytes, used);
  used = chunks_->used_at_end;
  return Step::request;
}

void RequestReader::next() {
  searched_ = 0;
  bytes_wanted_ = 0;
  wants_continue_ = false;
  chunks_.reset();
}

RequestReader::Step RequestReader::read_head(std::string_view bytes, std::size_t& used) {
  // One empty line before a request is allowed for (RFC 9112, 2.2).
  const std::size_t start = bytes.starts_with("\r\n") ? 2 : 0;
  const std::size_t end = bytes.find("\r\n\r\n", std::max(start, searched_));
  if (end == bytes.npos) {
    if (bytes.size() - start > header_bytes_max_) return Step::headers_too_large;
    if (has_bare_line_end(bytes, searched_)) return Step::malformed;
    searched_ = bytes.size() < 3 ? 0 : bytes.size() - 3;
    return Step::need_more;
  }
  const std::string_view head = bytes.substr(start, end + 4 - start);
  if (head.size() > header_bytes_max_) return Step::headers_too_large;
  if (has_folded_line(head)) return Step::malformed;

  HeadParser parser(fields_, head.size(), body_bytes_max_);
  error_code error;
  parser.put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error == beast::http::error::body_limit) return Step::body_too_large;
  if (error || !parser.is_header_done() || !accept(parser)) return Step::malformed;

  wants_continue_ = version_ == 11 && equal_folded(parser.expect, "100-continue");
  if (parser.chunked()) {
    used = start + head.size();
    chunks_ = std::make_unique<Chunks>(head, body_bytes_max_);
    chunks_->parser.put(boost::asio::const_buffer(chunks_->head.data(), head.size()), error);
    std::size_t more = 0;
    const Step step = read_chunks(bytes.substr(used), more);
    used += more;
    chunks_->used_at_end = used;
    return step;
  }
  const std::size_t length = parser.content_length().value_or(0);
  used = start + head.size() + length;
  if (bytes.size() < used) {
    bytes_wanted_ = std::exchange(used, 0);
    return Step::need_more;
  }
  request_.body = bytes.substr(start + head.size(), length);
  return Step::request;
}

RequestReader::Step RequestReader::read_chunks(std::string_view bytes, std::size_t& used) {
  HeadParser& parser = chunks_->parser;
  error_code error;
  // Wherever a chunked body stands, at least "0\r\n\r\n" is still to come; with less than that
  // behind a last chunk's size Beast runs into an assertion of its own.
  while (!parser.is_done() && bytes.size() - used >= 5) {
    const std::string_view rest = bytes.substr(used);
    parser.in_chunk = false;
    const std::size_t size = parser.put(boost::asio::const_buffer(rest.data(), rest.size()), error);
    used += size;
    if (error == beast::http::error::need_more) {
      if (ends_in_quotes(rest)) return Step::malformed;
      break;
    }
    // As below, where all of it has come at once.
    if (!parser.in_chunk && size > header_bytes_max_) return Step::malformed;
    if (error == beast::http::error::body_limit) return Step::body_too_large;
    if (error) return Step::malformed;
  }
  if (!parser.is_done()) {
    // Chunk extensions and trailers have to end as a head has to.
    return bytes.size() - used > header_bytes_max_ ? Step::malformed : Step::need_more;
  }
  if (!accept(parser)) return Step::malformed;
  request_.body = chunks_->body;
  chunks_->used_at_end = used;
  return Step::request;
}

// What Beast lets pass and we do not; fills in the request.
bool RequestReader::accept(const HeadParser& parser) {
  if (!parser.sound || parser.lengths > 1 || parser.encodings > 1) return false;
  if (parser.encodings == 1 && (parser.lengths > 0 || parser.version == 10)) return false;
  if (parser.hosts > 1 || (parser.hosts == 0 && parser.version == 11)) return false;
  if (!is_authority(parser.host)) return false;

  std::string_view target = parser.target;
  if (target.starts_with("http://") || target.starts_with("https://")) {
    target.remove_prefix(target.find("//") + 2);
    const std::size_t slash = std::min(target.find_first_of("/?"), target.size());
    if (target.substr(0, slash) != parser.host) return false;
    target.remove_prefix(slash);
    if (target.empty()) target = "/";
    if (!target.starts_with('/')) return false;
  } else if (!target.starts_with('/')) {
    const bool asterisk = parser.method == "OPTIONS" && target == "*";
    const bool authority = parser.method == "CONNECT" && is_authority(target);
    if (!asterisk && !authority) return false;
  }
  const std::size_t question = std::min(target.find('?'), target.size());
  if (target.find('#') != target.npos) return false;
  request_.method = static_cast<Method>(std::ranges::find(kMethods, parser.method) - kMethods);
  request_.method_text = parser.method;
  request_.fields = parser.fields;
  request_.path = target.substr(0, question);
  request_.query = target.substr(std::min(question + 1, target.size()));
  request_.body = {};
  version_ = parser.version;
  keep_alive_ = parser.keep_alive();
  return true;
}

std::optional<std::string_view> Request::optional_header(std::string_view name) const {
  const auto found = std::ranges::find_if(fields, [&](const Field& field) {
    return field.name.size() == name.size() && to_lower(field.name.front()) == name.front() &&
           equal_folded(field.name, name);
  });
  return found == fields.end() ? std::nullopt : std::optional(found->value);
}

bool equal_folded(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (to_lower(a[i]) != to_lower(b[i])) return false;
  }
  return true;
}

std::string_view name_of(Method method) {
  return method == Method::other ? "" : kMethods[static_cast<std::size_t>(method)];
}

bool request_allowed(const Request& request) {
  if (is_safe(request.method) || !request.header("authorization").empty()) return true;
  const std::string_view site = request.header("sec-fetch-site");
  if (!site.empty()) return site == "same-origin" || site == "none";
  const std::string_view origin = request.header("origin");
  // Every browser sends one of the two with such a request, so this is none, or one that does not
  // say: what it was made to send by itself must not speak for anybody.
  if (origin.empty()) return request.header("cookie").empty();
  const std::size_t scheme = origin.find("://");
  return scheme != std::string_view::npos &&
         equal_folded(origin.substr(scheme + 3), request.header("host"));
}

}  // namespace depot::http
