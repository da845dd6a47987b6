#include "customer_gateway/page.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/crypto.hpp"
#include "base/utf8.hpp"
#include "customer_gateway/session.hpp"
#include "customer_gateway/templates.hpp"

namespace depot::customer_gateway {
namespace {

constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'";

constexpr int kDoneSeconds = 60;  // for the way to the next page

std::string address_of(const http::Request& request) {
  return std::string(request.path) + (request.query.empty() ? "" : "?") +
         std::string(request.query);
}

std::string cookie_of(const http::Request& request, std::string_view name) {
  return std::string(cookie_value(request.header("cookie"), name).value_or(""));
}

}  // namespace

void serve(const Visit& visit, void (*handler)(const Page&)) {
  if (http::is_safe(visit.request.method)) {
    Form query = parse_form(visit.request.query).value_or(Form{});
    std::erase_if(query, [](const auto& field) { return !is_utf8(field.second); });
    return handler(Page(visit, std::move(query)));
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
  const std::string_view path = visit.request.path;
  const bool asked = visit.request.header("accept").find("text/html") != std::string_view::npos &&
                     !path.starts_with("/v1/");
  if (!asked) return false;
  const Page page(visit, {});
  const bool form_only = failure.problem == protocol::Problem::method_not_allowed &&
                         visit.request.method == http::Method::get;
  // The address of a form, from the address bar: its page is the one above it.
  form_only ? page.redirect(std::string(path.substr(0, std::max(path.rfind('/'), std::size_t{1}))))
            : page.fail(failure);
  return true;
}

Page::Page(const Visit& visit, Form fields)
    : exchange_(visit.exchange),
      operations_(visit.operations),
      parameter_(visit.parameter),
      here_(address_of(visit.request)),
      sent_(!http::is_safe(visit.request.method)),
      language_(preferred_language(cookie_of(visit.request, "lang"),
                                   visit.request.header("accept-language"))),
      theme_(cookie_of(visit.request, "theme")),
      done_(cookie_of(visit.request, "done")),
      fields_(std::make_shared<const Form>(std::move(fields))),
      cookies_(std::make_shared<std::vector<std::string>>()) {
  if (theme_ != "light" && theme_ != "dark") theme_.clear();
}

bool Page::sale_is_closed() const {
  const auto cycle = operations_.cycle();
  return cycle && cycle->state != protocol::CycleState::open;
}

void Page::sign_in(const SignedIn& as) const {
  if (const auto token = parse_token(as.token)) {
    exchange_->requester.caller = {token->hash(), token->customer};
  }
  set_cookie(session_cookie(as.token, secure()));
}

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

void Page::show(const std::string& name, Html data, const Failure* failure) const {
  const std::string_view done = text_of(language_, "done." + done_);
  if (!done.empty()) data.set("done", std::string(done));
  if (!done_.empty()) set_cookie(make_cookie("done", "", secure(), 0));
  set(data, {{"signed_in", who().signed_in()},
             {"here", here_},
             {"depot_css", asset_path("depot.css")},
             {"goods_css", asset_path("goods.css")},
             {"icon", asset_path("icon.svg")},
             {"main_js", asset_path("main.js")},
             {"live_js", asset_path("live.js")}});
  for (const std::string theme : {"auto", "light", "dark"}) {
    data.set("theme_" + theme, theme == (theme_.empty() ? "auto" : theme_));
  }
  for (const Language each : kLanguages) {
    data.set("lang_" + std::string(name_of(each)), each == language_);
  }
  http::Response response;
  if (failure) response = response_of(*failure, exchange_->currency());
  const auto later = std::ranges::find(response.headers, "Retry-After",
                                       [](const auto& header) { return header.first; });
  if (later != response.headers.end()) data.set("retry_after", later->second);
  response.content_type = "text/html; charset=utf-8";
  response.body = template_of(language_, name).render(data);
  if (!failure) response.headers.emplace_back("Cache-Control", "no-store");
  for (const auto& [header, value] :
       {std::pair<std::string_view, std::string_view>{"Content-Security-Policy", kPolicy},
        {"Content-Language", name_of(language_)},
        {"Referrer-Policy", "same-origin"},
        {"Cross-Origin-Opener-Policy", "same-origin"}}) {
    response.headers.emplace_back(header, value);
  }
  for (std::string& cookie : *cookies_) response.headers.emplace_back("Set-Cookie", cookie);
  exchange_->send(std::move(response));
}

void Page::redirect(std::string where, std::string_view done) const {
  if (!done.empty()) set_cookie(make_cookie("done", done, secure(), kDoneSeconds));
  http::Response response;
  response.status = 303;
  response.content_type = "text/plain; charset=utf-8";
  response.headers = {{"Location", std::move(where)}, {"Cache-Control", "no-store"}};
  for (std::string& cookie : *cookies_) response.headers.emplace_back("Set-Cookie", cookie);
  exchange_->send(std::move(response));
}

void Page::download(std::string body, std::string_view type, const std::string& file) const {
  http::Response response;
  response.content_type = type;
  response.body = std::move(body);
  response.headers = {{"Content-Disposition", "attachment; filename=\"" + file + "\""},
                      {"Cache-Control", "no-store"}};
  exchange_->send(std::move(response));
}

void Page::fail(const Failure& failure, std::string back) const {
  if (back.empty()) back = here_;
  if (failure.problem == protocol::Problem::unauthenticated) {
    return redirect(with_query("/login?need=1", "next", local_path(back, "/")));
  }
  const protocol::ProblemRow& row = row_of(failure.problem);
  std::string name(row.name);
  // Who only looks need not fear to have done something.
  if (failure.problem == protocol::Problem::timeout && !here_.empty()) name = "unavailable";
  Html data;
  set(data, {{"heading", std::string(text_of(language_, "problem." + name + ".title"))},
             {"text", std::string(problem_text(*this, "failed.", failure.problem))}});
  if (row.http_status >= 500) data.set(sent_ ? "back" : "again", local_path(back, "/"));
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

std::string anchor_of(std::string_view offer) { return "o" + to_hex(offer); }

void set(Html& data, std::initializer_list<std::pair<const char*, Html>> values) {
  for (const auto& [name, value] : values) data.set(name, value);
}

}  // namespace depot::customer_gateway
