#include "manufacturer/catalogue.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <unordered_set>

#include "base/csv.hpp"
#include "base/fatal.hpp"
#include "base/ids.hpp"
#include "base/utf8.hpp"
#include "base/yaml.hpp"

namespace depot::manufacturer {
namespace {

using namespace std::chrono_literals;
constexpr std::size_t kLinesMax = 1'000;
constexpr std::int64_t kBatchMax = 1'000'000;

std::string wrong_name(const std::string& text) {
  return is_name(text) ? "" : "must be 1 to 200 bytes, printable and not blank";
}

std::string wrong_id(const std::string& text) {
  return is_name_part(text) ? "" : "must be 1 to 64 of A-Z a-z 0-9 . _ -";
}

// Where sku, name, unit_price and offered stand among the columns asked for.
protocol::OfferRow read_row(CsvReader& csv, std::size_t first, const Currency& currency) {
  protocol::OfferRow row{std::string(csv[first]), std::string(csv[first + 1]), 0, 0};
  if (const std::string why = wrong_id(row.sku); !why.empty()) csv.error(first, why);
  if (const std::string why = wrong_name(row.name); !why.empty()) csv.error(first + 1, why);
  const Result<std::int64_t> price = parse_money(csv[first + 2], currency);
  if (!price) {
    csv.error(first + 2, price.error().message);
  } else if (*price < 1 || *price > kUnitPriceMax) {
    csv.error(first + 2, "must be from " + format_money(1, currency) + " to " +
                             format_money(kUnitPriceMax, currency));
  } else {
    row.unit_price = *price;
  }
  const std::string_view offered = csv[first + 3];
  const auto parsed = std::from_chars(offered.data(), offered.data() + offered.size(), row.offered);
  if (offered.empty() || parsed.ec != std::errc() ||
      parsed.ptr != offered.data() + offered.size() || row.offered < 0 ||
      row.offered > kOfferedMax) {
    csv.error(first + 3, "must be a whole number from 0 to " + std::to_string(kOfferedMax));
  }
  return row;
}

std::vector<Offers> read(const std::string& path, const Currency& currency, bool many) {
  std::vector<CsvColumn> columns = {{"sku"}, {"name"}, {"unit_price"}, {"offered"}};
  if (many) columns.insert(columns.begin(), {{"manufacturer_id"}, {"manufacturer_name"}});
  CsvReader csv(path, read_text_file(path, kCsvBytesMax, kExitFailed), columns);
  std::map<std::string, Offers> by_id;
  std::unordered_set<std::string> seen;
  while (csv.next()) {
    const std::string id(many ? csv[0] : "");
    const std::string name(many ? csv[1] : "");
    if (const std::string why = wrong_id(id); many && !why.empty()) csv.error(0, why);
    if (const std::string why = wrong_name(name); many && !why.empty()) csv.error(1, why);
    const auto [offers, fresh] = by_id.try_emplace(id, Offers{id, name, {}});
    if (!fresh && offers->second.name != name) {
      csv.error(1, "another name than before: " + offers->second.name);
    }
    offers->second.rows.push_back(read_row(csv, many ? 2 : 0, currency));
    const std::string& sku = offers->second.rows.back().sku;
    if (!seen.insert(make_offer_id(id, sku)).second)
      csv.error(many ? 2 : 0, "repeated offer: " + sku);
  }
  if (!csv.ok()) {
    throw StartupError("the file has errors; nothing of it was taken\n" + csv.errors(),
                       kExitFailed);
  }
  std::vector<Offers> all;
  all.reserve(by_id.size());
  for (auto& [id, offers] : by_id) all.push_back(std::move(offers));
  return all;
}

}  // namespace

AgentFile read_agent_file(const std::string& path) {
  AgentFile file;
  const auto add_line = [&lines = file.production](const std::string& place) {
    const auto wrong_sku = [&lines](const std::string& sku) {
      const bool known = std::ranges::find(lines, sku, &ProductionLine::sku) != lines.end();
      return known ? "has a line already" : wrong_id(sku);
    };
    ProductionLine& line = lines.emplace_back(ProductionLine{.place = place});
    YamlTable row;
    row.text("sku", line.sku, wrong_sku);
    row.integer("batch", line.batch, 1, kBatchMax);
    row.duration("every", line.every, 100ms, 24h * 31);
    row.integer("pause_at", line.pause_at, 1, kOfferedMax);
    for (const char* key : {"sku", "batch", "every"}) row.required(key);
    return row;
  };
  YamlTable table;
  table.text("id", file.id, wrong_id);
  table.text("name", file.name, wrong_name);
  table.text("catalogue", file.catalogue);
  table.rows("production", kLinesMax, add_line);
  for (const char* key : {"id", "name", "catalogue"}) table.required(key);
  read_yaml_file(path, table);
  file.catalogue = std::filesystem::absolute(path).parent_path() / file.catalogue;
  return file;
}

std::vector<protocol::OfferRow> read_offers(const std::string& path, const Currency& currency) {
  std::vector<Offers> one = read(path, currency, false);
  return one.empty() ? std::vector<protocol::OfferRow>() : std::move(one.front().rows);
}

std::vector<protocol::OfferRow> read_offers(const AgentFile& file, const Currency& currency) {
  std::vector<protocol::OfferRow> rows = read_offers(file.catalogue, currency);
  std::string errors;
  for (const ProductionLine& line : file.production) {
    if (std::ranges::find(rows, line.sku, &protocol::OfferRow::sku) != rows.end()) continue;
    errors += "\n" + line.place + ": production: no sku '" + line.sku + "' in " + file.catalogue;
  }
  if (!errors.empty()) throw StartupError(errors.substr(1), kExitConfig);
  return rows;
}

std::vector<Offers> read_offers_of_many(const std::string& path, const Currency& currency) {
  return read(path, currency, true);
}

}  // namespace depot::manufacturer
