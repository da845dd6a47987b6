#include "control/load.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "control/programs.hpp"
#include "http/client.hpp"
#include "manufacturer/import.hpp"

namespace depot::control {

void expect_ready(const Config& config) {
  const std::string gateway = gateway_addresses(config).front();
  const auto answer = http::fetch(gateway, "GET", "/readyz");
  if (answer && answer->status == 200) return;
  throw StartupError(
      fmt::format("no gateway is ready at {}: {}; start one with ./run or `depot up`", gateway,
                  answer ? answer->body : answer.error().message),
      kExitUnavailable);
}

std::vector<std::pair<std::string, pid_t>> running_processes(const Config& config) {
  const auto answer = http::fetch(config.admin.listen, "GET", "/status");
  if (!answer || answer->status != 200) {
    throw StartupError(
        fmt::format("`depot up` does not answer at {} (admin.listen)", config.admin.listen),
        kExitUnavailable);
  }
  std::vector<std::pair<std::string, pid_t>> out;
  const boost::json::value status = boost::json::parse(answer->body);
  const boost::json::value* redis = status.at("redis").as_object().if_contains("pid");
  if (redis != nullptr) out.emplace_back("redis", redis->to_number<pid_t>());
  for (const boost::json::value& process : status.at("processes").as_array()) {
    out.emplace_back(process.at("name").as_string(), process.at("pid").to_number<pid_t>());
  }
  return out;
}

ScratchFolder::ScratchFolder(const std::string& named) : path_(named), kept_(!named.empty()) {
  std::error_code error;
  if (kept_) {
    std::filesystem::create_directories(path_, error);
  } else {
    path_ = (std::filesystem::temp_directory_path() / "depot-load-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) error.assign(errno, std::generic_category());
  }
  if (error) throw StartupError(path_ + ": " + error.message(), kExitFailed);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  if (!kept_) std::filesystem::remove_all(path_, ignored);
}

void import_offers(const Config& config, const std::vector<LoadOffer>& offers) {
  const ScratchFolder folder{};
  const std::string path = folder.path() + "/catalogue.csv";
  std::ofstream file(path);
  file << "manufacturer_id,manufacturer_name,sku,name,unit_price,offered\n";
  for (const LoadOffer& offer : offers) {
    file << fmt::format("{},{},{},{},{},{}\n", offer.manufacturer, offer.manufacturer_name,
                        offer.sku, offer.name,
                        format_money(offer.unit_price_minor, config.currency), offer.offered);
  }
  file.close();
  if (!file) throw StartupError(path + ": cannot be written", kExitFailed);
  manufacturer::import_catalogue(config, path);
}

std::string make_run_id() {
  std::uint8_t bytes[6];
  random_bytes(bytes);
  return to_hex({reinterpret_cast<const char*>(bytes), sizeof bytes});
}

Closing close_load(const Config& config, const bench::Tally& tally, ScratchFolder& folder,
                   const ClosingOptions& options) {
  Closing closing{.audit = audit::run(config.redis_url(), folder.path())};
  closing.good = closing.audit.clean() && tally.failed_total() == 0;
  if (!closing.good) {
    folder.keep();
    std::fputs(fmt::format("what the customers saw is in {}\n", folder.path()).c_str(), stderr);
  }
  bench::Rows rows = bench::rows_of(tally, config.currency);
  rows.insert(rows.end(), options.rows.begin(), options.rows.end());
  closing.text = bench::to_lines(rows) + "\n" + audit::to_text(closing.audit, config.currency);
  boost::json::object document = bench::json_of(tally);
  document["oversold"] = closing.audit.oversold;
  document["doubled"] = closing.audit.doubled;
  document["lost"] = closing.audit.lost;
  document["audit"] = audit::json_of(closing.audit);
  for (const auto& member : options.members) document.insert(member);
  const std::string out = options.json ? boost::json::serialize(document) + "\n" : closing.text;
  std::fwrite(out.data(), 1, out.size(), stdout);
  std::fflush(stdout);
  return closing;
}

}  // namespace depot::control
