// Floods for bench/overload.py; what became of one is printed as JSON.
//
//   flood http PORT REQUESTS CONNECTIONS RATE SECONDS    REQUESTS: a file, a JSON array of texts
//   flood offers ENDPOINT ID ROWS SECONDS                a manufacturer at the hub's `sync`
//
// Source:  flood.hpp, offer_flood.hpp.

#include <sys/resource.h>

#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/fatal.hpp"
#include "base/process.hpp"
#include "bench/flood.hpp"
#include "bench/offer_flood.hpp"
#include "messaging/poller.hpp"

namespace {

using namespace depot;

Duration seconds_of(const char* text) {
  return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(std::atof(text)));
}

boost::json::object flood_http(char** words) {
  bench::FloodOptions options{.port = std::atoi(words[0]),
                              .connections = static_cast<std::size_t>(std::atoi(words[2])),
                              .rate = std::atof(words[3]),
                              .length = seconds_of(words[4])};
  std::ostringstream text;
  text << std::ifstream(words[1]).rdbuf();
  const boost::json::value requests = boost::json::parse(text.str());
  for (const boost::json::value& each : requests.as_array()) {
    options.requests.emplace_back(each.as_string());
  }
  raise_files_max(options.connections + 100);
  return json_of(bench::flood(options));
}

boost::json::object flood_offers(char** words) {
  messaging::Context context;
  bench::OfferFlood flood(context, words[0], words[1], std::atoi(words[2]));
  messaging::Poller poller;  // Paces.
  const TimePoint begin = steady_now();
  for (TimePoint now = begin; now < begin + seconds_of(words[3]); now = steady_now()) {
    flood.turn(now);
    poller.wait(std::chrono::milliseconds(1));
  }
  return {{"said", flood.said()}, {"written", flood.written()}};
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string_view what = argc > 1 ? argv[1] : "";
  boost::json::object report;
  if (what == "http" && argc == 7) {
    report = flood_http(argv + 2);
  } else if (what == "offers" && argc == 6) {
    report = flood_offers(argv + 2);
  } else {
    std::fputs("usage: flood http|offers ..., see bench/flood_main.cpp\n", stderr);
    return kExitUsage;
  }
  std::printf("%s\n", boost::json::serialize(report).c_str());
  return kExitOk;
} catch (const std::exception& error) {
  return report_fatal("flood", error);
}
