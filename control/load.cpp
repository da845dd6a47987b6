#include "control/load.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "control/programs.hpp"
#include "control/status.hpp"
#include "http/client.hpp"
#include "manufacturer/import.hpp"

namespace depot::control {
namespace {

namespace fs = std::filesystem;

std::string make_run_id() {
  std::uint8_t bytes[6];
  random_bytes(bytes);
  return to_hex({reinterpret_cast<const char*>(bytes), sizeof bytes});
}

void expect_ready(const std::string& gateway) {
  const auto answer = http::fetch(gateway, "GET", "/readyz");
  if (answer && answer->status == 200) return;
  throw StartupError(
      fmt::format("no gateway is ready at {}: {}; start one with ./run or `depot up`", gateway,
                  answer ? answer->body : answer.error().message),
      kExitUnavailable);
}

std::string make_folder(std::string path) {
  std::error_code error;
  if (!path.empty()) {
    fs::create_directories(path, error);
  } else {
    path = (fs::temp_directory_path() / "depot-load-XXXXXX").string();
    if (mkdtemp(path.data()) == nullptr) error.assign(errno, std::generic_category());
  }
  if (error) throw StartupError(path + ": " + error.message(), kExitFailed);
  return path;
}

}  // namespace

std::vector<std::pair<std::string, pid_t>> running_processes(const Config& config) {
  std::vector<std::pair<std::string, pid_t>> out;
  const boost::json::value status = fetch_status(config);
  const auto* redis = status.at("redis").as_object().if_contains("pid");
  if (redis != nullptr) out.emplace_back("redis", redis->to_number<pid_t>());
  for (const boost::json::value& process : status.at("processes").as_array()) {
    out.emplace_back(process.at("name").as_string(), process.at("pid").to_number<pid_t>());
  }
  return out;
}

Load::Load(const Config& in_force, const std::string& kind, const std::string& histories)
    : config(in_force),
      run(make_run_id()),
      name(kind + "-" + run),
      engine{.gateways = gateway_addresses(in_force), .stop = &stop_},
      stop_{SIGINT, SIGTERM},
      keep_(!histories.empty()) {
  expect_ready(engine.gateways.front());
  folder_ = make_folder(histories);
  engine.histories = folder_;
}

Load::Load(const Config& in_force, const std::string& kind, Endless)
    : config(in_force),
      run(make_run_id()),
      name(kind + "-" + run),
      engine{.gateways = gateway_addresses(in_force), .stop = &stop_},
      stop_{SIGINT, SIGTERM},
      keep_(true) {}

Load::Load(const Config& in_force, const std::string& kind, const Foreign& server)
    : config(in_force),
      run(make_run_id()),
      name(kind + "-" + run),
      engine{.gateways = {server.gateway}, .stop = &stop_, .known_ids = false},
      stop_{SIGINT, SIGTERM},
      keep_(true),
      audited_(false) {
  expect_ready(server.gateway);
}

Load::~Load() {
  std::error_code ignored;
  if (!keep_) fs::remove_all(folder_, ignored);
}

void Load::import(const std::string& rows, bool quiet) const {
  const std::string path = folder_ + "/catalogue.csv";
  std::ofstream file(path);
  file << "manufacturer_id,manufacturer_name,sku,name,unit_price,offered\n" << rows;
  file.close();
  if (!file) throw StartupError(path + ": cannot be written", kExitFailed);
  manufacturer::import_catalogue(config, path, quiet);
}

void Load::sign_up(std::size_t customers, const std::string& prefix) {
  emails_.clear();
  for (std::size_t i = 0; i < customers; ++i) {
    emails_.push_back(fmt::format("{}-{}@load.example", prefix.empty() ? name : prefix, i));
  }
  shoppers_ = bench::sign_up(engine, emails_);
}

bench::Tally Load::buy(bench::Source& source, const char* unit, std::uint64_t total) {
  bench::Progress progress("buying", unit, total);
  return bench::buy(engine, shoppers_, source, progress);
}

Closing Load::close(const bench::Tally& tally, bool json, const Extras& extras) {
  Closing closing;
  if (audited_)
    closing.audit =
        audit::run(config.redis_login(RedisRole::audit), {.histories = folder_, .agents = ""});
  const bool answered = tally.failed_total() == 0;
  closing.good = closing.audit.clean() && answered;
  if (!closing.audit.clean() || (!answered && !interrupted())) {
    keep_ = true;
    std::fputs(fmt::format("what the customers saw is in {}\n", folder_).c_str(), stderr);
  }
  bench::Rows rows = bench::rows_of(tally, config.currency);
  rows.insert(rows.end(), extras.rows.begin(), extras.rows.end());
  closing.text = extras.heading + bench::to_lines(rows);
  boost::json::object document = bench::json_of(tally);
  if (audited_) {
    closing.text += "\n" + audit::to_text(closing.audit, config.currency);
    document["oversold"] = closing.audit.oversold;
    document["doubled"] = closing.audit.doubled;
    document["lost"] = closing.audit.lost;
    document["audit"] = audit::json_of(closing.audit);
  }
  for (const auto& member : extras.members) document.insert(member);
  const std::string out = json ? boost::json::serialize(document) + "\n" : closing.text;
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
  return closing;
}

}  // namespace depot::control
