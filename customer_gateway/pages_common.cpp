// What belongs to no page: problems explained, the reader's preferences, scripts and style.
#include <algorithm>
#include <set>

#include "customer_gateway/page.hpp"
#include "customer_gateway/session.hpp"
#include "customer_gateway/templates.hpp"

namespace depot::customer_gateway {
namespace {

using http::Method;

constexpr int kYear = 365 * 24 * 3600;  // in seconds

void get_asset(const Visit& visit) {
  const std::string_view path = visit.request.path, name = path.substr(path.rfind('/') + 1);
  const bool current = path == asset_path(name);
  http::Response response;
  response.content_type = name.ends_with(".css")  ? "text/css; charset=utf-8"
                          : name.ends_with(".js") ? "text/javascript; charset=utf-8"
                                                  : "image/svg+xml";
  response.headers = {
      {"Cache-Control", current ? "public, max-age=31536000, immutable" : "no-cache"}};
  response.body = page_file(name);
  visit.exchange->send(std::move(response));
}

void get_problem(const Page& page) {
  const auto table = protocol::problem_table();
  const auto row = std::ranges::find(table, page.parameter(), &protocol::ProblemRow::name);
  if (row == table.end()) return page.fail({.problem = protocol::Problem::not_found});
  const std::string name(row->name), key = "problem." + name;
  Html data;
  set(data, {{"heading", std::string(text_of(page.language(), key + ".title"))},
             {"code", name + ", HTTP " + std::to_string(row->http_status)},
             {"text", std::string(text_of(page.language(), key + ".text"))}});
  page.show("problem", std::move(data));
}

// What is sent is kept in cookies for a year: a language, a theme, or both.
void post_preferences(const Page& page) {
  for (const auto& [name, values] :
       {std::pair<std::string, std::set<std::string>>{"lang", {"en", "pl"}},
        {"theme", {"light", "dark", "auto"}}}) {
    const std::string value = page.text(name);
    if (!values.contains(value)) continue;
    page.set_cookie(make_cookie(name, value, page.secure(), kYear));
  }
  page.redirect(local_path(page.text("back"), "/"));
}

constexpr Route kCommonPages[] = {
    {Method::get, "/problems/{name}", page<get_problem>},
    {Method::post, "/preferences", page<post_preferences>},
    {Method::get, "/assets/{hash}/depot.css", get_asset},
    {Method::get, "/assets/{hash}/goods.css", get_asset},
    {Method::get, "/assets/{hash}/icon.svg", get_asset},
    {Method::get, "/assets/{hash}/main.js", get_asset},
    {Method::get, "/assets/{hash}/live.js", get_asset},
};

}  // namespace

std::span<const Route> common_pages() { return kCommonPages; }

}  // namespace depot::customer_gateway
