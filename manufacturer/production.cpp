#include "manufacturer/production.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/fatal.hpp"
#include "base/yaml.hpp"

namespace depot::manufacturer {
namespace {

namespace json = boost::json;
constexpr std::uint64_t kParts = 1'000;

// FNV-1a: the same in every run and build, which std::hash does not promise.
std::uint64_t hash_of(const std::string& text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return hash;
}

}  // namespace

Production::Production(const std::vector<ProductionLine>& lines) {
  for (const ProductionLine& line : lines) lines_.push_back({line});
}

Made Production::decide(const std::map<std::string, Totals>& totals, TimePoint now) {
  const auto is_offered = [this](const std::string& sku) {
    return std::ranges::find(catalogue_, sku, &protocol::OfferRow::sku) != catalogue_.end();
  };
  Made batches;
  for (Line& line : lines_) {
    if (line.due == TimePoint{}) {
      line.due =
          now + line.every * static_cast<std::int64_t>(1 + hash_of(line.sku) % kParts) / kParts;
    }
    const auto total = totals.find(line.sku);
    const std::int64_t available = total == totals.end() ? 0 : total->second.available;
    line.standing = (line.pause_at > 0 && available >= line.pause_at) || !is_offered(line.sku);
    if (line.standing) line.due = now + line.every;
    if (now < line.due) continue;
    batches[line.sku] = line.batch;
    made_[line.sku] += line.batch;
    line.due = std::max<TimePoint>(line.due + line.every, now);  // One late batch is made up for.
  }
  return batches;
}

std::vector<protocol::OfferRow> Production::wanted() const {
  std::vector<protocol::OfferRow> rows = catalogue_;
  for (protocol::OfferRow& row : rows) {
    const auto made = made_.find(row.sku);
    if (made != made_.end()) row.offered = std::min(kOfferedMax, row.offered + made->second);
  }
  return rows;
}

std::string load_made(const std::string& path, const std::string& cycle, Made& made) {
  made.clear();
  if (!std::filesystem::exists(path)) return "";
  try {
    const json::value file = json::parse(read_text_file(path));
    if (file.at("cycle").as_string() != cycle) return "";
    for (const auto& [sku, units] : file.at("made").as_object()) {
      const auto number = units.to_number<std::int64_t>();
      made[sku] = std::clamp<std::int64_t>(number, 0, kOfferedMax);
    }
    return "";
  } catch (const std::exception& error) {
    made.clear();
    return path + ": " + error.what();
  }
}

std::string save_made(const std::string& path, const std::string& cycle, const Made& made) {
  json::object units;
  for (const auto& [sku, count] : made) units[sku] = count;
  std::ofstream file(path + ".new");
  file << json::serialize(json::object{{"cycle", cycle}, {"made", std::move(units)}}) << '\n';
  file.close();
  const bool kept = file && std::rename((path + ".new").c_str(), path.c_str()) == 0;
  return kept ? "" : path + ": " + std::strerror(errno);
}

}  // namespace depot::manufacturer
