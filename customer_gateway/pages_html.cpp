#include "customer_gateway/pages_html.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "customer_gateway/page_files.hpp"
#include "customer_gateway/pages.hpp"
#include "http/problem.hpp"

namespace depot::customer_gateway::pages {
namespace {

using kainjow::mustache::mustache;

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'";

std::string_view file(std::string_view name) {
  const auto files = embedded::page_files();
  const auto found = std::ranges::find(files, name, &embedded::File::name);
  DEPOT_ASSERT(found != files.end());
  return found->bytes;
}

std::string hashed_path(std::string_view name) {
  const std::string hash = to_hex(sha256(file(name)).substr(0, 4));
  return "/assets/" + hash + "/" + std::string(name);
}

// Partials are put in once: the library would parse them again for every row.
std::string with_partials(std::string text) {
  for (std::size_t at = 0; (at = text.find("{{>", at)) != std::string::npos;) {
    const std::size_t end = text.find("}}", at);
    const std::string name = text.substr(at + 3, end - at - 3) + ".html";
    std::string_view part = file(name);
    if (part.ends_with('\n')) part.remove_suffix(1);
    text.replace(at, end + 2 - at, part);
  }
  return text;
}

struct Template {
  mustache title, body;
};

Template parse(const std::string& name) {
  constexpr std::string_view kOpen = "<title>", kClose = "</title>\n";
  const std::string text = with_partials(std::string(file(name + ".html")));
  const std::size_t close = text.find(kClose);
  Template parsed = close == std::string::npos
                        ? Template{mustache(""), mustache(text)}
                        : Template{mustache(text.substr(kOpen.size(), close - kOpen.size())),
                                   mustache(text.substr(close + kClose.size()))};
  DEPOT_ASSERT(parsed.title.is_valid() && parsed.body.is_valid());
  return parsed;
}

Template& template_of(const std::string& name) {
  thread_local std::map<std::string, Template> parsed;
  auto found = parsed.find(name);
  if (found == parsed.end()) found = parsed.emplace(name, parse(name)).first;
  return found->second;
}

std::string method_path(const http::Request& request) {
  if (!http::is_safe(request.method)) return {};
  std::string here(request.path);
  if (!request.query.empty()) (here += '?') += request.query;
  return here;
}

std::shared_ptr<const Fields> query_of(const http::Request& request) {
  return std::make_shared<const Fields>(parse_form(request.query).value_or(Form{}));
}

void send_asset(const Visit& visit, std::string_view name, std::string type) {
  const bool current = visit.request.path == hashed_path(name);
  http::Response response;
  response.content_type = std::move(type);
  response.headers = {
      {"Cache-Control", current ? "public, max-age=31536000, immutable" : "no-cache"},
      {"X-Content-Type-Options", "nosniff"}};
  response.body = file(name);
  visit.exchange->send(std::move(response));
}

}  // namespace

std::string css_path() { return hashed_path("depot.css"); }
std::string icon_path() { return hashed_path("icon.svg"); }
void get_css(const Visit& visit) { send_asset(visit, "depot.css", "text/css; charset=utf-8"); }
void get_icon(const Visit& visit) { send_asset(visit, "icon.svg", "image/svg+xml"); }

std::string Fields::text(std::string_view name) const {
  const auto found = std::ranges::find(form_, name, [](const auto& field) { return field.first; });
  return found == form_.end() ? "" : found->second;
}

bool Fields::has(std::string_view name) const {
  return std::ranges::any_of(form_, [&](const auto& field) { return field.first == name; });
}

std::int64_t Fields::integer(std::string_view name) const {
  const std::string digits = text(name);
  const char* end = digits.data() + digits.size();
  std::int64_t value = 0;
  const auto [at, error] = std::from_chars(digits.data(), end, value);
  return error == std::errc() && at == end ? value : -1;
}

Page::Page(const Visit& visit)
    : exchange_(visit.exchange),
      operations_(visit.operations),
      parameter_(visit.parameter),
      query_(query_of(visit.request)),
      here_(method_path(visit.request)) {}

std::string Page::money(std::int64_t amount_minor) const {
  const Currency& currency = operations_.config().currency;
  return format_money(amount_minor, currency) + " " + currency.code;
}

void Page::show(std::string_view name, Html data, const Failure* failure) const {
  static const std::string css = css_path(), icon = icon_path();
  Template& page = template_of(std::string(name));
  Html layout;
  layout.set("title", page.title.render(data));
  layout.set("main", page.body.render(data));
  layout.set("signed_in", who().signed_in());
  layout.set("css", css);
  layout.set("icon", icon);
  http::Response response;
  if (failure) response = response_of(*failure, exchange_->currency());
  response.content_type = "text/html; charset=utf-8";
  response.body = template_of("layout").body.render(layout);
  auto& headers = response.headers;
  headers.emplace_back("Cache-Control", "no-store");
  headers.emplace_back("Content-Security-Policy", kPolicy);
  headers.emplace_back("X-Content-Type-Options", "nosniff");
  headers.emplace_back("Referrer-Policy", "same-origin");
  headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  exchange_->send(std::move(response));
}

void Page::redirect(std::string where, std::string cookie) const {
  http::Response response;
  response.status = 303;
  response.content_type = "text/plain; charset=utf-8";
  response.headers = {{"Location", std::move(where)}, {"Cache-Control", "no-store"}};
  if (!cookie.empty()) response.headers.emplace_back("Set-Cookie", std::move(cookie));
  exchange_->send(std::move(response));
}

void Page::fail(const Failure& failure, std::string back) const {
  if (back.empty()) back = here_;
  if (failure.problem == protocol::Problem::unauthenticated) {
    return redirect(with_query("/login?need=1", "next", local_path(back, "/")));
  }
  Html data;
  set_problem(data, failure.problem);
  const protocol::ProblemRow& row = row_of(failure.problem);
  data.set("heading", std::string(row.title));
  if (!failure.detail.empty()) data.set("detail", failure.detail);
  if (!back.empty()) data.set("again", local_path(back, "/"));
  show("problem", std::move(data), &failure);
}

bool wants_page(const http::Request& request) {
  return request.header("accept").find("text/html") != std::string_view::npos &&
         !request.path.starts_with("/v1/");
}

void show_failure(const Visit& visit, const Failure& failure) { Page(visit).fail(failure); }

void get_problem(const Visit& visit) {
  const Page page(visit);
  const auto table = protocol::problem_table();
  const auto row = std::ranges::find(table, page.parameter(), &protocol::ProblemRow::name);
  if (row == table.end()) return page.fail({.problem = protocol::Problem::not_found});
  Html data;
  set_problem(data, row->problem);
  data.set("heading", std::string(row->title));
  data.set("detail", std::string(row->name) + ", HTTP " + std::to_string(row->http_status));
  page.show("problem", std::move(data));
}

std::shared_ptr<const Fields> read_form(const Visit& visit) {
  const std::string_view type = visit.request.header("content-type");
  if (!type.starts_with("application/x-www-form-urlencoded")) {
    show_failure(visit, {.problem = protocol::Problem::unsupported_media_type});
    return nullptr;
  }
  std::optional<Form> form = parse_form(visit.request.body);
  const bool readable = form && std::ranges::all_of(*form, [](const auto& field) {
                          return http::is_utf8(field.second);
                        });
  if (!readable) {
    show_failure(visit, {.problem = protocol::Problem::malformed});
    return nullptr;
  }
  return std::make_shared<const Fields>(std::move(*form));
}

std::string local_path(std::string path, std::string_view otherwise) {
  const bool ours = path.starts_with('/') && !path.starts_with("//") && path.size() <= 2048 &&
                    std::ranges::all_of(path, [](char c) { return c > 0x20 && c != '\\'; });
  return ours ? path : std::string(otherwise);
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char c : text) {
    if (std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out += static_cast<char>(c);
    } else {
      ((out += '%') += kHex[c >> 4U]) += kHex[c & 0xFU];
    }
  }
  return out;
}

std::string with_query(std::string path, std::string_view name, std::string_view value) {
  path += path.find('?') == std::string::npos ? '?' : '&';
  ((path += name) += '=') += percent_encode(value);
  return path;
}

void set_errors(Html& data, const Failure* failure, std::span<const std::string_view> fields) {
  for (const std::string_view field : fields) {
    Html error(false);
    for (const FieldError& found : failure ? failure->errors : std::vector<FieldError>{}) {
      if (found.pointer.substr(std::min<std::size_t>(1, found.pointer.size())) == field) {
        error = Html(found.detail);
      }
    }
    data.set("error_" + std::string(field), error);
  }
  set_problem(data, failure ? failure->problem : protocol::Problem{});
}

// Every flag is set, true or not: a name that is missing would be looked for further out.
void set_problem(Html& data, protocol::Problem problem) {
  for (const protocol::ProblemRow& row : protocol::problem_table()) {
    data.set(std::string(row.name), row.problem == problem);
  }
}

void set_line_problem(Html& data, protocol::LineProblem problem) {
  using enum protocol::LineProblem;
  for (const auto each : {withdrawn, price_changed, limit, sold_out, short_}) {
    data.set(std::string(name_of(each)), each == problem);
  }
  data.set("problem", problem != none);
}

void set_status(Html& data, protocol::PartStatus status) {
  using enum protocol::PartStatus;
  for (const auto each : {paid, in_realisation, shipped, delivered, cancelled}) {
    data.set(std::string(name_of(each)), each == status);
  }
}

void set_time(Html& data, std::int64_t ms) {
  const std::string text = to_rfc3339(WallTime(std::chrono::milliseconds(ms)));
  data.set("placed_at", text);
  data.set("placed", text.substr(0, 10) + " " + text.substr(11, 5) + " UTC");
}

void set_done(Html& data, const Fields& query) {
  const std::string done = query.text("done");
  if (!done.empty()) data.set("done_" + done, true);
}

HtmlList faults_of(const Page& page, std::span<const FaultView> faults,
                   const std::vector<std::string>* removed) {
  HtmlList rows;
  for (const FaultView& fault : faults) {
    Html row;
    row.set("name", fault.name);
    row.set("manufacturer", fault.manufacturer_name);
    row.set("requested", std::to_string(fault.verdict.requested));
    row.set("available", std::to_string(fault.verdict.available));
    row.set("seen_price", "another");
    row.set("removed",
            removed && std::ranges::find(*removed, fault.verdict.offer) != removed->end());
    set_line_problem(row, fault.verdict.problem);
    HtmlList others;
    for (const Alternative& alternative : fault.alternatives) {
      Html& other = others.emplace_back();
      other.set("offer_id", alternative.offer_id);
      other.set("manufacturer", alternative.manufacturer_name);
      other.set("price", page.money(alternative.unit_price));
      other.set("available", std::to_string(alternative.available));
    }
    row.set("has_alternatives", !others.empty());
    row.set("alternatives", others);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace depot::customer_gateway::pages
