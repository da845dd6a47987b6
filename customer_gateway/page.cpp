#include "customer_gateway/page.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/utf8.hpp"
#include "customer_gateway/page_files.hpp"
#include "http/problem.hpp"

namespace depot::customer_gateway {
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
  return "/assets/" + to_hex(sha256(file(name)).substr(0, 4)) + "/" + std::string(name);
}

void put(std::string& text, std::string_view mark, std::string_view what) {
  text.replace(text.find(mark), mark.size(), what);
}

// Partials are put in once: the library would parse them again for every row.
std::string with_partials(std::string text) {
  for (std::size_t at = 0; (at = text.find("{{>", at)) != std::string::npos;) {
    const std::size_t end = text.find("}}", at);
    std::string_view part = file(text.substr(at + 3, end - at - 3) + ".html");
    if (part.ends_with('\n')) part.remove_suffix(1);
    text.replace(at, end + 2 - at, part);
  }
  return text;
}

// The layout around one page, whose first line is its title.
mustache& template_of(const std::string& name) {
  thread_local std::map<std::string, mustache> parsed;
  const auto found = parsed.find(name);
  if (found != parsed.end()) return found->second;
  constexpr std::string_view kOpen = "<title>", kClose = "</title>\n";
  const std::string text = with_partials(std::string(file(name + ".html")));
  const std::size_t close = text.find(kClose);
  DEPOT_ASSERT(text.starts_with(kOpen) && close != std::string::npos);
  std::string whole(file("layout.html"));
  put(whole, "{{title}}", text.substr(kOpen.size(), close - kOpen.size()));
  put(whole, "{{{main}}}", text.substr(close + kClose.size()));
  mustache& made = parsed.emplace(name, whole).first->second;
  DEPOT_ASSERT(made.is_valid());
  return made;
}

std::string address_of(const http::Request& request) {
  if (!http::is_safe(request.method)) return {};
  return std::string(request.path) + (request.query.empty() ? "" : "?") +
         std::string(request.query);
}

template <typename Enum>
void set_one_of(Html& data, std::initializer_list<Enum> all, Enum chosen) {
  for (const Enum each : all) data.set(std::string(name_of(each)), each == chosen);
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

void get_css(const Visit& visit) { send_asset(visit, "depot.css", "text/css; charset=utf-8"); }
void get_icon(const Visit& visit) { send_asset(visit, "icon.svg", "image/svg+xml"); }

void get_problem(const Page& page) {
  const auto table = protocol::problem_table();
  const auto row = std::ranges::find(table, page.parameter(), &protocol::ProblemRow::name);
  if (row == table.end()) return page.fail({.problem = protocol::Problem::not_found});
  Html data;
  set_problem(data, row->problem);
  set(data, {{"heading", std::string(row->title)},
             {"detail", std::string(row->name) + ", HTTP " + std::to_string(row->http_status)}});
  page.show("problem", std::move(data));
}

constexpr Route kRoutes[] = {
    {http::Method::get, "/problems/{name}", page<get_problem>},
    {http::Method::get, "/assets/{hash}/depot.css", get_css},
    {http::Method::get, "/assets/{hash}/icon.svg", get_icon},
};

}  // namespace

std::span<const Route> common_pages() { return kRoutes; }

void serve(const Visit& visit, void (*handler)(const Page&)) {
  if (http::is_safe(visit.request.method)) {
    return handler(Page(visit, parse_form(visit.request.query).value_or(Form{})));
  }
  const auto form = parse_form(visit.request.body);
  const bool readable =
      form && std::ranges::all_of(*form, [](const auto& field) { return is_utf8(field.second); });
  const bool is_form =
      visit.request.header("content-type").starts_with("application/x-www-form-urlencoded");
  if (is_form && readable) return handler(Page(visit, *form));
  Page(visit, {}).fail({.problem = is_form ? protocol::Problem::malformed
                                           : protocol::Problem::unsupported_media_type});
}

bool show_failure(const Visit& visit, const Failure& failure) {
  const bool asked = visit.request.header("accept").find("text/html") != std::string_view::npos &&
                     !visit.request.path.starts_with("/v1/");
  if (asked) Page(visit, {}).fail(failure);
  return asked;
}

Page::Page(const Visit& visit, Form fields)
    : exchange_(visit.exchange),
      operations_(visit.operations),
      parameter_(visit.parameter),
      here_(address_of(visit.request)),
      fields_(std::make_shared<const Form>(std::move(fields))) {}

std::optional<std::string> Page::optional_text(std::string_view name) const {
  const auto found = std::ranges::find(
      *fields_, name, [](const auto& field) -> std::string_view { return field.first; });
  return found == fields_->end() ? std::nullopt : std::optional(found->second);
}

std::int64_t Page::integer(std::string_view name) const {
  const std::string digits = text(name);
  const char* end = digits.data() + digits.size();
  std::int64_t value = 0;
  const auto [at, error] = std::from_chars(digits.data(), end, value);
  return error == std::errc() && at == end ? value : -1;
}

std::string Page::money(std::int64_t amount_minor) const {
  const Currency& currency = operations_.config().currency;
  return format_money(amount_minor, currency) + " " + currency.code;
}

void Page::show(std::string_view name, Html data, const Failure* failure) const {
  static const std::string css = hashed_path("depot.css"), icon = hashed_path("icon.svg");
  const std::string done = text("done");
  if (!done.empty()) data.set("done_" + done, true);
  set(data, {{"signed_in", who().signed_in()}, {"css", css}, {"icon", icon}});
  http::Response response;
  if (failure) response = response_of(*failure, exchange_->currency());
  response.content_type = "text/html; charset=utf-8";
  response.body = template_of(std::string(name)).render(data);
  if (!failure) response.headers.emplace_back("Cache-Control", "no-store");
  for (const auto& [header, value] :
       {std::pair<std::string_view, std::string_view>{"Content-Security-Policy", kPolicy},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"}}) {
    response.headers.emplace_back(header, value);
  }
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
  if (!back.empty() && row.http_status >= 500) data.set("again", local_path(back, "/"));
  show("problem", std::move(data), &failure);
}

std::string local_path(std::string path, std::string_view otherwise) {
  const bool ours = path.starts_with('/') && !path.starts_with("//") && path.size() <= 2048 &&
                    std::ranges::all_of(path, [](char c) { return c > 0x20 && c != '\\'; });
  return ours ? path : std::string(otherwise);
}

std::string with_query(std::string path, std::string_view name, std::string_view value) {
  constexpr std::string_view kHex = "0123456789ABCDEF", kPlain = "-._~";
  path += path.find('?') == std::string::npos ? '?' : '&';
  (path += name) += '=';
  for (const char letter : value) {
    const auto c = static_cast<unsigned char>(letter);
    if (std::isalnum(c) != 0 || kPlain.find(letter) != std::string_view::npos) {
      path += letter;
    } else {
      ((path += '%') += kHex[c >> 4U]) += kHex[c & 0xFU];
    }
  }
  return path;
}

void set(Html& data, std::initializer_list<std::pair<const char*, Html>> values) {
  for (const auto& [name, value] : values) data.set(name, value);
}

void set_list(Html& data, const std::string& name, const HtmlList& rows) {
  data.set("has_" + name, !rows.empty());
  data.set(name, rows);
}

void set_goods(Html& row, const Page& page, std::string_view offer, std::string_view name,
               std::string_view manufacturer, std::int64_t unit_price, std::int64_t quantity) {
  set(row, {{"offer_id", std::string(offer)},
            {"name", std::string(name)},
            {"manufacturer", std::string(manufacturer)},
            {"price", page.money(unit_price)},
            {"quantity", std::to_string(quantity)},
            {"sum", page.money(quantity * unit_price)}});
}

void set_errors(Html& data, const Failure& failure) {
  set_problem(data, failure.problem);
  for (const FieldError& error : failure.errors) {
    if (error.pointer.size() > 1) data.set("error_" + error.pointer.substr(1), true);
  }
}

void set_problem(Html& data, protocol::Problem problem) {
  for (const protocol::ProblemRow& row : protocol::problem_table()) {
    data.set(std::string(row.name), row.problem == problem);
  }
}

void set_line_problem(Html& data, protocol::LineProblem problem) {
  using enum protocol::LineProblem;
  set_one_of(data, {withdrawn, price_changed, limit, sold_out, short_}, problem);
  data.set("problem", problem != none);
}

void set_status(Html& data, protocol::PartStatus status) {
  using enum protocol::PartStatus;
  set_one_of(data, {paid, in_realisation, shipped, delivered, cancelled}, status);
}

void set_faults(Html& data, const Page& page, std::span<const FaultView> faults,
                std::span<const std::string> removed) {
  HtmlList rows;
  for (const FaultView& fault : faults) {
    HtmlList others;
    for (const Alternative& other : fault.alternatives) {
      Html& row = others.emplace_back();
      set_goods(row, page, other.offer_id, fault.name, other.manufacturer_name, other.unit_price);
      row.set("available", std::to_string(other.available));
    }
    Html& row = rows.emplace_back();
    set(row, {{"name", fault.name},
              {"manufacturer", fault.manufacturer_name},
              {"requested", std::to_string(fault.verdict.requested)},
              {"available", std::to_string(fault.verdict.available)},
              {"seen_price", false},
              {"removed", std::ranges::find(removed, fault.verdict.offer) != removed.end()}});
    set_list(row, "alternatives", others);
    set_line_problem(row, fault.verdict.problem);
  }
  set_list(data, "faults", rows);
}

}  // namespace depot::customer_gateway
