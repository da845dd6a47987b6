#include "control/ops_page.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "base/fatal.hpp"
#include "control/ops_chart.hpp"
#include "control/ops_files.hpp"
#include "control/ops_html.hpp"
#include "control/ops_tables.hpp"
#include "control/status_reading.hpp"

namespace depot::control {
namespace {

namespace json = boost::json;

constexpr std::size_t kWindowsMax = 60;  // points of a chart, rows of its table
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'";

std::string_view file(std::string_view name) {
  const auto files = embedded::ops_files();
  const auto found = std::ranges::find(files, name, &embedded::File::name);
  DEPOT_ASSERT(found != files.end());
  return found->bytes;
}

void put(std::string& page, std::string_view mark, std::string_view html) {
  const std::size_t at = page.find(mark);
  DEPOT_ASSERT(at != std::string::npos);
  page.replace(at, mark.size(), html);
}

std::optional<double> known(double value) {
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

std::string clock_text(WallTime time) { return to_rfc3339(time).substr(11, 8); }

std::string state_html(const json::value& status) {
  if (status.is_null()) return "<p class=\"note\">Just started: the first look is under way.</p>\n";
  const std::vector<std::string> problems = problems_of(status);
  if (problems.empty()) return "<p class=\"note\"><strong>All is well.</strong></p>\n";
  std::string out = "<div class=\"problem\"><strong>Something is wrong:</strong>\n<ul>\n";
  for (const std::string& problem : problems) out += "<li>" + escaped(problem) + "</li>\n";
  return out + "</ul></div>\n";
}

std::string tile(std::string_view name, const std::string& value, const std::string& hint) {
  return fmt::format("<div><dt>{}</dt><dd class=\"big\">{}</dd><dd class=\"hint\">{}</dd></div>\n",
                     name, escaped(value), escaped(hint));
}

std::string memory_hint(const json::value& redis, const OpsState& state) {
  const double used = real_at(redis, "used_memory").value_or(0);
  const double most = real_at(redis, "maxmemory").value_or(0);
  std::string hint =
      most > 0 ? fmt::format("{} of {}", percent(used / most), mebibytes(most / kMebibyte))
               : "no limit is set";
  const auto first = std::ranges::find_if(
      state.samples, [](const Sample& sample) { return known(sample.redis_used).has_value(); });
  if (first == state.samples.end()) return hint;
  const Window all(*first, state.samples.back());
  const auto growth = all.growth(&Sample::redis_used);
  // A shorter time says more about the buffers of the moment than about an hour.
  if (growth && all.seconds() >= 30) {
    hint += fmt::format(", {}{}/h over {}", *growth < 0 ? "" : "+",
                        mebibytes(*growth * 3'600 / kMebibyte), length_of(all));
  }
  return hint;
}

std::string manufacturers_tile(const json::value& status) {
  std::size_t connected = 0, count = 0;
  std::int64_t most = 0;
  for (const json::value& row : manufacturers_of(status)) {
    ++count;
    if (at(row, "connected") != json::value(true)) continue;
    ++connected;
    most = std::max(most, number_at(row, "behind"));
  }
  return tile("Manufacturers", whole(static_cast<double>(most)) + " behind",
              fmt::format("{} of {} connected{}", connected, count,
                          most == 0 ? "" : "; ledger entries of the one most behind"));
}

std::string tiles_html(const OpsState& state, WallTime time) {
  const auto now = newest_window(state.samples, kNow);
  if (!now) return "<p>Just started: rates and charts come with the second look.</p>\n";
  const json::value &status = *state.status, &redis = at(status, "redis"), cycle = cycle_of(status);
  const Sample& end = now->end();
  const auto took = [&](double fraction) {
    return or_none(now->percentile(order_requests, fraction), seconds_text);
  };
  std::string out = "<dl class=\"tiles\">\n";
  out += tile("Purchases", per_second(now->rate(orders_placed)),
              "refused " + per_second(now->rate(orders_refused)));
  out += tile("Requests", per_second(now->rate(all_requests + kBuckets - 1)),
              fmt::format("5xx {}, of them 503 {}", per_second(now->rate(answered_5xx)),
                          per_second(now->rate(answered_503))));
  out +=
      tile("Order latency", took(0.5), fmt::format("p50; p90 {}, p99 {}", took(0.9), took(0.99)));
  out += tile("Queue", whole(end.queued),
              fmt::format("waiting; {} outstanding at workers", whole(end.outstanding)));
  out += tile("Redis memory", or_none(known(end.redis_used / kMebibyte), mebibytes),
              memory_hint(redis, state));
  const auto growth = now->growth(&Sample::ledger_entries);
  out += tile("Ledger", or_none(known(end.ledger_entries), whole),
              growth ? "entries, +" + per_second(*growth) : "entries");
  out += manufacturers_tile(status);
  out += tile("Cycle", cycle.is_null() ? kNone : text_at(cycle, "id"),
              cycle.is_null()
                  ? "no hub has said it yet"
                  : fmt::format("{}, {} left", text_at(cycle, "state"), time_left(cycle, time)));
  return out + "</dl>\n";
}

// Rates and percentiles beside a line's name are of `now`, as in the tiles: steps are shorter.
std::vector<Chart> charts_of(const std::vector<Window>& steps, const Window& now) {
  using enum Chart::Scale;
  std::vector<Chart> charts;
  const auto add = [&](auto id, auto title, auto note, auto scale, double span_min, auto text) {
    charts.push_back({id, title, note, scale, span_min, text, {}});
  };
  const auto line = [&](std::string_view name, auto value) {  // of the chart added last
    Series& series = charts.back().series.emplace_back();
    series = {std::string(name), {}, value(now)};
    for (const Window& step : steps) series.values.push_back(value(step));
  };
  const auto rate = [&](std::string_view name, std::size_t count) {
    line(name, [&](const Window& window) { return window.rate(count); });
  };
  const auto took = [&](std::string_view name, double fraction) {
    line(name, [&](const Window& window) { return window.percentile(order_requests, fraction); });
  };
  const auto gauge = [&](std::string_view name, double Sample::*member, double unit = 1) {
    line(name, [&](const Window& window) { return known(window.end().*member / unit); });
  };
  add("orders", "Purchases and refusals", "Orders judged for the first time.", from_zero, 1,
      per_second);
  rate("placed", orders_placed);
  rate("refused", orders_refused);
  add("latency", "Latency of POST /v1/orders", "At the gateways; logarithmic.", logarithmic, 1,
      seconds_text);
  took("p50", 0.5);
  took("p90", 0.9);
  took("p99", 0.99);
  add("queue", "Queue and outstanding", "Requests waiting, and those workers have.", from_zero, 4,
      whole);
  gauge("queued", &Sample::queued);
  gauge("outstanding", &Sample::outstanding);
  add("cpu", "CPU by kind of process", "100 % is one core; all of a kind together.", from_zero,
      0.04, percent);
  for (std::size_t i = 0; i < std::size(kKinds); ++i) rate(kKinds[i], cpu_seconds_of + i);
  add("memory", "Redis memory", "In use, as Redis counts it.", from_least, 2, mebibytes);
  gauge("used", &Sample::redis_used, kMebibyte);
  add("ledger", "Ledger growth", "Entries of all ledgers.", from_zero, 1, per_second);
  line("entries", [](const Window& window) { return window.growth(&Sample::ledger_entries); });
  return charts;
}

std::string charts_html(const OpsState& state) {
  const auto now = newest_window(state.samples, kNow);
  if (!now) return "<p>Nothing to draw yet.</p>\n";
  const std::vector<Window> steps = windows_of(state.samples, kWindowsMax);
  ChartTime time;
  const Sample& newest = state.samples.back();
  time.span = Window(state.samples.front(), newest).seconds();
  for (const Window& step : steps) {
    time.ages.push_back(Window(step.end(), newest).seconds());
    time.words.push_back(clock_text(step.end().wall));
  }
  std::string out;
  for (const Chart& chart : charts_of(steps, *now)) out += html_of(chart, time);
  return out;
}

std::string tables_html(const OpsState& state, WallTime now) {
  std::string out;
  for (const Table& table : tables_of(state, now)) {
    out += table.rows.empty() ? fmt::format("<p>{}: none yet.</p>\n", escaped(table.caption))
                              : html_of(table);
  }
  return out;
}

http::Response with_type(std::string_view body, std::string_view type) {
  return {
      .content_type = type, .headers = {{"Cache-Control", "no-cache"}}, .body = std::string(body)};
}

}  // namespace

std::string ops_page(const OpsState& state, WallTime now) {
  std::string page(file("ops.html"));
  const bool any = !state.samples.empty();
  const auto window = newest_window(state.samples, kNow);
  put(page, "{{version}}", escaped(text_at(*state.status, "version")));
  put(page, "{{taken}}", any ? clock_text(state.samples.back().wall) : kNone);
  put(page, "{{state}}", state_html(*state.status));
  put(page, "{{tiles}}", tiles_html(state, now));
  put(page, "{{window}}", window ? length_of(*window) : "time");
  put(page, "{{span}}",
      window ? length_of({state.samples.front(), state.samples.back()}) : "minutes");
  put(page, "{{charts}}", charts_html(state));
  put(page, "{{tables}}", tables_html(state, now));
  return page;
}

std::optional<http::Response> ops_response(std::string_view path,
                                           const std::function<OpsState()>& state) {
  if (path == "/assets/depot.css") return with_type(file("depot.css"), "text/css; charset=utf-8");
  if (path == "/assets/ops.css") return with_type(file("ops.css"), "text/css; charset=utf-8");
  if (path == "/assets/ops.js") return with_type(file("ops.js"), "text/javascript; charset=utf-8");
  if (path == "/assets/icon.svg") return with_type(file("icon.svg"), "image/svg+xml");
  if (path == "/") {
    return http::Response{.status = 303,
                          .content_type = "text/plain; charset=utf-8",
                          .headers = {{"Location", "/ops"}, {"Cache-Control", "no-store"}}};
  }
  if (path != "/ops") return std::nullopt;
  return http::Response{.content_type = "text/html; charset=utf-8",
                        .headers = {{"Cache-Control", "no-store"},
                                    {"Content-Security-Policy", std::string(kPolicy)},
                                    {"Referrer-Policy", "same-origin"},
                                    {"Cross-Origin-Opener-Policy", "same-origin"}},
                        .body = ops_page(state(), wall_now())};
}

}  // namespace depot::control
