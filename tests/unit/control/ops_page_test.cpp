// The page and its pictures, read by a real XML parser: what is not well-formed is an error there.
#include "control/ops_page.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <sstream>

#include "control/ops_chart.hpp"
#include "control/ops_html.hpp"
#include "control/ops_tables.hpp"
#include "control/status_reading.hpp"

namespace depot::control {
namespace {

using namespace std::chrono_literals;
using boost::property_tree::ptree;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
namespace json = boost::json;

constexpr WallTime kWall{Millis(1'795'774'331'000)};  // 2026-11-27T10:12:11Z
const std::string kHostile = "<script>alert('x')</script>&\"{{tiles}}\x01";

ptree parse(const std::string& xml) {
  ptree tree;
  std::istringstream in("<all>" + xml + "</all>");
  read_xml(in, tree);  // Throws where it is not well-formed.
  return tree.get_child("all");
}

// The text of every element `name` below `tree`.
void find_all(const ptree& tree, const std::string& name, std::vector<std::string>& out) {
  for (const auto& [tag, child] : tree) {
    if (tag == name) out.push_back(child.data());
    find_all(child, name, out);
  }
}
std::vector<std::string> texts(const ptree& tree, const std::string& name) {
  std::vector<std::string> out;
  find_all(tree, name, out);
  return out;
}
// Attribute `name` of every <path class="`line_class`">.
std::vector<std::string> paths(const ptree& svg, const std::string& line_class) {
  std::vector<std::string> out;
  for (const auto& [tag, child] : svg) {
    if (tag == "path" && child.get<std::string>("<xmlattr>.class") == line_class) {
      out.push_back(child.get<std::string>("<xmlattr>.d"));
    }
  }
  return out;
}

Chart chart_of(std::vector<std::optional<double>> values) {
  return {"x",
          "Title",
          "A note.",
          Chart::Scale::from_zero,
          1,
          per_second,
          {{"placed", std::move(values), 3.0}}};
}

ChartTime time_of(std::vector<double> ages) {
  ChartTime time{std::move(ages), {}, 10};
  for (std::size_t i = 0; i < time.ages.size(); ++i) {
    time.words.push_back("10:12:0" + std::to_string(i));
  }
  return time;
}

TEST(OpsHtmlTest, TextIsEscapedForElementsAndAttributes) {
  EXPECT_EQ(escaped("a<b>&\"c\"{{"), "a&lt;b&gt;&amp;&quot;c&quot;&#123;&#123;");
  EXPECT_EQ(escaped("Żółć\x01\n"), "Żółć  ");
}

TEST(OpsHtmlTest, NumbersHaveTheirUnitsAndAFewDigits) {
  EXPECT_EQ(per_second(0.04), "0.0/s");
  EXPECT_EQ(per_second(9.94), "9.9/s");
  EXPECT_EQ(per_second(9.96), "10/s");
  EXPECT_EQ(per_second(1234.4), "1,234/s");
  EXPECT_EQ(seconds_text(0.00025), "250 µs");
  EXPECT_EQ(seconds_text(0.0012), "1.2 ms");
  EXPECT_EQ(seconds_text(0.9999), "1.0 s");
  EXPECT_EQ(seconds_text(10), "10 s");
  EXPECT_EQ(percent(0.505), "50 %");
  EXPECT_EQ(whole(1'234'567), "1,234,567");
  EXPECT_EQ(whole(-123), "-123");
  EXPECT_EQ(whole(0), "0");
  EXPECT_EQ(long_time(2 * 86'400 + 3'700), "2 d 1 h");
  EXPECT_EQ(long_time(3'700), "1 h 1 min");
  EXPECT_EQ(long_time(61), "1 min 1 s");
  EXPECT_EQ(long_time(300), "5 min");
  EXPECT_EQ(mebibytes(12'345), "12,345 MiB");
  EXPECT_EQ(long_time(-5), "0 s");
  EXPECT_EQ(or_none(std::nullopt, percent), kNone);
}

TEST(OpsChartTest, IsWellFormedAndSaysItsNumbersInWordsToo) {
  Chart chart = chart_of({1.0, 4.0, 2.0});
  chart.title = chart.series[0].name = kHostile;
  const ptree svg = parse(svg_of(chart, time_of({8, 4, 0}))).get_child("svg");
  EXPECT_EQ(svg.get<std::string>("<xmlattr>.role"), "img");
  EXPECT_EQ(svg.get<std::string>("<xmlattr>.aria-labelledby"), "x-t x-d");
  EXPECT_EQ(svg.get<std::string>("title.<xmlattr>.id"), "x-t");
  EXPECT_THAT(svg.get<std::string>("title"), HasSubstr("<script>"));
  EXPECT_THAT(svg.get<std::string>("desc"), HasSubstr("3.0/s now, 1.0/s to 4.0/s"));
  EXPECT_FALSE(svg.get_child_optional("script"));
  EXPECT_THAT(texts(svg, "text"), testing::IsSupersetOf({"0.0/s", "4.0/s", "now", "−10 s"}));
  EXPECT_THAT(svg_of(chart, time_of({8, 4, 0})), Not(HasSubstr("style=")));
}

TEST(OpsChartTest, PlacesValuesOnTheirAxes) {
  const ptree svg = parse(svg_of(chart_of({0.0, 4.0}), time_of({10, 0}))).get_child("svg");
  EXPECT_THAT(paths(svg, "line s1"), ElementsAre("M50.0 148.0h.01L312.0 8.0"));
}

TEST(OpsChartTest, NamesTimesByWholeUnits) {
  ChartTime time = time_of({0});
  const auto names = [&](double span) {
    time.span = span;
    return texts(parse(svg_of(chart_of({1.0}), time)).get_child("svg"), "text");
  };
  EXPECT_THAT(names(100), testing::IsSupersetOf({"now", "−30 s", "−1 min", "−90 s"}));
  EXPECT_THAT(names(300), testing::IsSupersetOf({"now", "−1 min", "−5 min"}));
  EXPECT_THAT(names(5 * 3'600), testing::IsSupersetOf({"now", "−1 h", "−5 h"}));
}

TEST(OpsChartTest, AGapEndsTheLine) {
  const auto values = {std::optional(0.0), std::optional<double>(), std::optional(4.0)};
  const ptree svg = parse(svg_of(chart_of(values), time_of({10, 5, 0}))).get_child("svg");
  EXPECT_THAT(paths(svg, "line s1"), ElementsAre("M50.0 148.0h.01M312.0 8.0h.01"));
}

TEST(OpsChartTest, ALogarithmicAxisGoesByDecades) {
  Chart chart = chart_of({0.0003, 0.02});
  chart.scale = Chart::Scale::logarithmic;
  chart.text = seconds_text;
  const ptree svg = parse(svg_of(chart, time_of({10, 0}))).get_child("svg");
  EXPECT_THAT(texts(svg, "text"), testing::IsSupersetOf({"100 µs", "1.0 ms", "10 ms", "100 ms"}));
}

TEST(OpsChartTest, ExtremesStayInThePicture) {
  for (const auto scale :
       {Chart::Scale::from_zero, Chart::Scale::from_least, Chart::Scale::logarithmic}) {
    for (const double value : {0.0, 1e-9, 1.0, 1e12}) {
      Chart chart = chart_of({value, value});
      chart.scale = scale;
      const ptree svg = parse(svg_of(chart, time_of({10, 0}))).get_child("svg");
      ASSERT_EQ(paths(svg, "line s1").size(), 1u);
      EXPECT_THAT(paths(svg, "line s1")[0], Not(HasSubstr("nan")));
      EXPECT_LE(texts(svg, "text").size(), 20u) << value;
    }
  }
}

TEST(OpsChartTest, WithoutAValueItSaysSo) {
  const ptree svg = parse(svg_of(chart_of({std::nullopt}), time_of({0}))).get_child("svg");
  EXPECT_THAT(texts(svg, "text"), testing::Contains("nothing in this time"));
}

TEST(OpsChartTest, TheSameNumbersStandInATableNewestFirst) {
  const ptree html = parse(html_of(chart_of({1.0, std::nullopt, 2.0}), time_of({8, 4, 0})));
  EXPECT_THAT(texts(html, "caption"), ElementsAre("Title"));
  EXPECT_THAT(texts(html, "th"),
              ElementsAre("Until (UTC)", "placed", "10:12:02", "10:12:01", "10:12:00"));
  EXPECT_THAT(texts(html, "td"), ElementsAre("2.0/s", std::string(kNone), "1.0/s"));
  EXPECT_THAT(texts(html, "b"), ElementsAre("3.0/s")) << "the legend says what is now";
}

// A status document as `depot up` makes it, of two hubs and one balancer.
json::value status_of(const std::string& name) {
  const json::value cycle = {{"id", "2026-11"},
                             {"state", "open"},
                             {"opens_at_ms", kWall.time_since_epoch().count() - 1'000},
                             {"closes_at_ms", kWall.time_since_epoch().count() + 90'000'000}};
  const auto maker = [&](const char* id, bool connected, json::value behind) {
    return json::object{{"id", id},
                        {"name", name},
                        {"connected", connected},
                        {"last_number", 5},
                        {"in_flight", 0},
                        {"head_epoch", 2},
                        {"head", 40},
                        {"told", {{"epoch", 2}, {"number", 33}}},
                        {"behind", std::move(behind)}};
  };
  const auto process = [](const char* title, json::object own) {
    return json::object{
        {"name", title}, {"state", "ready"},     {"not_ready", ""},         {"pid", 4711},
        {"restarts", 3}, {"uptime_seconds", 90}, {"status", std::move(own)}};
  };
  return {
      {"version", "0.1"},
      {"pid", 12},
      {"workers_wanted", 1},
      {"redis",
       {{"not_ready", ""},
        {"used_memory", 3 << 20},
        {"maxmemory", 4 << 20},
        {"purchases_stop_percent", 85},
        {"keys", 9},
        {"restarts", 0}}},
      {"processes",
       {process("balancer-1", {{"queued", 1},
                               {"queued_max", 10},
                               {"workers",
                                {{{"name", "worker-1"},
                                  {"outstanding", 6},
                                  {"credit", 122},
                                  {"service_us", 250},
                                  {"backend_down", false},
                                  {"draining", true}}}}}),
        process("hub-1", {{"cycle", cycle},
                          {"manufacturers",
                           {maker("near", false, nullptr), maker("far", true, 7),
                            maker("alone", false, 1'159)}}}),
        process("hub-2", {{"cycle", cycle},
                          {"manufacturers", {maker("near", true, 2), maker("far", false, 9)}}})}}};
}

OpsState state_of(int samples, json::value status) {
  OpsState state{.status = std::make_shared<const json::value>(std::move(status)),
                 .use = {{"hub-1", {0.25, 5 << 20}}}};
  for (int i = 0; i < samples; ++i) {
    Sample sample{.number = static_cast<std::size_t>(i), .taken = TimePoint(i * 1s)};
    sample.wall = kWall + i * 1s;
    sample.counts[orders_placed] = i * 12;
    for (std::size_t b = 5; b < kBuckets; ++b) sample.counts[order_requests + b] = i * 12;
    sample.redis_used = 3 << 20;
    sample.ledger_entries = 100 + i;
    state.samples.push_back(sample);
  }
  return state;
}

// What stands in <main>, as XML; the page's head has void elements, which are none.
ptree main_of(const std::string& page) {
  const std::size_t begin = page.find("<main"), end = page.find("</main>");
  return parse(page.substr(begin, end + 7 - begin));
}

TEST(OpsPageTest, ShowsNumbersChartsAndTables) {
  const std::string page = ops_page(state_of(61, status_of("Maker")), kWall);
  const ptree tree = main_of(page);
  EXPECT_THAT(page, HasSubstr("All is well."));
  EXPECT_THAT(texts(tree, "dd"), testing::IsSupersetOf({"12/s", "2026-11", "open, 1 d 1 h left",
                                                        "75 % of 4.0 MiB, +0.0 MiB/h over 1 min"}));
  EXPECT_THAT(texts(tree, "desc"), testing::SizeIs(6));
  EXPECT_THAT(texts(tree, "caption"), testing::SizeIs(12)) << "one for each chart, and six more";
  EXPECT_THAT(texts(tree, "td"), testing::IsSupersetOf({"6", "122", "draining", "250 µs", "4711",
                                                        "25 %", "5.0 MiB", "2-33", "2-40"}));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  EXPECT_THAT(page, Not(HasSubstr("style=")));
}

TEST(OpsPageTest, AManufacturerOfTwoHubsIsTheOneThatIsConnected) {
  std::vector<std::string> found;
  for (const json::value& row : manufacturers_of(status_of("Maker"))) {
    found.push_back(text_at(row, "id") + " " + json::serialize(at(row, "behind")));
  }
  EXPECT_THAT(found, ElementsAre("far 7", "near 2", "alone 1159")) << "the one most behind first";
}

// An agent that only imported is gone for good: what it was not told of alarmed people.
TEST(OpsPageTest, AManufacturerThatIsNotConnectedIsNotSaidToBeBehind) {
  const std::string page = ops_page(state_of(3, status_of("Maker")), kWall);
  EXPECT_THAT(page, HasSubstr("<th scope=\"row\">alone</th><td class=\"words\">Maker</td>"
                              "<td class=\"words\">not connected</td><td>–</td><td>2-33</td>"));
  EXPECT_THAT(page, HasSubstr("<dd class=\"big\">7 behind</dd>"));
  EXPECT_THAT(page, Not(HasSubstr("1,159")));
}

// A step of a chart is shorter than "now": what it says alone stood beside the line, in the tile
// not.
TEST(OpsPageTest, TilesAndLegendsAreOfTheSameTime) {
  OpsState state = state_of(61, status_of("Maker"));
  state.samples.back().counts[orders_placed] += 1'000;
  const std::string page = ops_page(state, kWall);
  EXPECT_THAT(page, HasSubstr("<dt>Purchases</dt><dd class=\"big\">112/s</dd>"));
  EXPECT_THAT(page, HasSubstr("</svg>placed <b>112/s</b>"));
  EXPECT_THAT(page, HasSubstr("Rates and percentiles are of the 10 s before"));
  EXPECT_THAT(page, HasSubstr("Requests, over the last 10 s"));
  EXPECT_THAT(page, HasSubstr("The last 1 min</h2>"));
  state = state_of(4, status_of("Maker"));
  EXPECT_THAT(ops_page(state, kWall), HasSubstr("Rates and percentiles are of the 3 s before"));
}

TEST(OpsPageTest, RatesOfTheStatusDocumentAreThoseOfThePage) {
  EXPECT_TRUE(rates_of(state_of(1, nullptr)).is_null());
  OpsState state = state_of(61, nullptr);
  state.samples.back().counts[orders_refused] = 5;
  EXPECT_EQ(rates_of(state), json::parse(R"({"requests_per_second": 0E0,
      "orders_per_second": 12.5, "ledger_entries_per_second": 1E0, "seconds": 10})"));
  state.samples.back().ledger_entries = kUnknown;
  EXPECT_TRUE(rates_of(state).at("ledger_entries_per_second").is_null());
}

TEST(OpsPageTest, ShowsHowFarTheLastCyclesAreSettled) {
  OpsState state = state_of(3, status_of("Maker"));
  EXPECT_THAT(ops_page(state, kWall), HasSubstr("<p>Settlement of the last cycles: none yet.</p>"));
  const auto add = [&](const std::string& id, protocol::CycleState state_now, std::int64_t packs,
                       std::int64_t missing, std::int64_t agree, std::int64_t disagree) {
    state.cycles.push_back({.cycle = {id, state_now, 1, kWall.time_since_epoch().count()},
                            .manufacturers = packs + missing,
                            .packs = packs,
                            .agree = agree,
                            .disagree = disagree});
  };
  for (int i = 1; i <= 5; ++i) {
    add("2026-0" + std::to_string(i), protocol::CycleState::settled, 7, 0, 7, 0);
  }
  add("2026-06", protocol::CycleState::settling, 4, 0, 2, 1);
  add("2026-07", protocol::CycleState::closed, 1, 3, 0, 0);
  add("2026-08", protocol::CycleState::open, 0, 0, 0, 0);
  const std::string page = ops_page(state, kWall);
  EXPECT_THAT(page, HasSubstr("<tr><th scope=\"row\">2026-07</th><td class=\"words\">closed</td>"
                              "<td>2026-11-27 10:12 UTC</td><td>1 of 4</td><td>0</td><td>0</td>"
                              "<td>0</td></tr>\n<tr><th scope=\"row\">2026-06</th>"
                              "<td class=\"words\">settling</td>"
                              "<td>2026-11-27 10:12 UTC</td><td>4 of 4</td><td>2</td><td>1</td>"));
  EXPECT_THAT(page, HasSubstr("2026-02</th>"));
  EXPECT_THAT(page, Not(HasSubstr("2026-01</th>"))) << "the last six";
  EXPECT_THAT(page, Not(HasSubstr("2026-08</th>"))) << "it is open";
  main_of(page);
}

TEST(OpsPageTest, EveryValueIsEscaped) {
  const std::string page = ops_page(state_of(3, status_of(kHostile)), kWall);
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert('x')&lt;/script&gt;&amp;&quot;&#123;&#123;"));
  main_of(page);
}

TEST(OpsPageTest, SaysWhatIsWrong) {
  json::value status = status_of("Maker");
  status.at("workers_wanted") = 0;
  status.at("redis").at("not_ready") = "<gone>";
  status.at("processes").at(0).at("not_ready") = "no worker has come";
  const std::string page = ops_page(state_of(3, std::move(status)), kWall);
  EXPECT_THAT(page, Not(HasSubstr("All is well")));
  EXPECT_THAT(page, HasSubstr("<li>no workers: workers.count is 0</li>"));
  EXPECT_THAT(page, HasSubstr("redis: &lt;gone&gt;"));
  EXPECT_THAT(page, HasSubstr("<td class=\"words\">not ready: no worker has come</td>"));
}

TEST(OpsPageTest, HasWordsForWhatIsNotThereYet) {
  for (const int samples : {0, 1}) {
    const std::string page = ops_page(state_of(samples, nullptr), kWall);
    EXPECT_THAT(page, HasSubstr("Just started"));
    EXPECT_THAT(page, HasSubstr("Workers, as the balancers see them: none yet."));
    main_of(page);
  }
}

TEST(OpsPageTest, AnswersItsPathsAndNoOther) {
  const auto get = [](const char* path) { return ops_response(path, [] { return OpsState{}; }); };
  const auto header = [](const http::Response& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return std::string();
  };
  EXPECT_FALSE(get("/opsx"));
  EXPECT_FALSE(get("/assets/ops.html"));
  EXPECT_EQ(get("/")->status, 303);
  EXPECT_EQ(header(*get("/"), "Location"), "/ops");
  EXPECT_EQ(get("/assets/ops.js")->content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(header(*get("/assets/ops.css"), "Cache-Control"), "no-cache");
  const std::string last = fmt::format("\n.s{} {{", std::size(kKinds));
  EXPECT_THAT(get("/assets/ops.css")->body, HasSubstr(last)) << "the last kind has a line, too";
  const std::string policy = header(*get("/ops"), "Content-Security-Policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
}

}  // namespace
}  // namespace depot::control
