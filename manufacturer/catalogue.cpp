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
constexpr std::size_t kInlineOffersMax = 10'000;
constexpr std::int64_t kBatchMax = 1'000'000;
constexpr auto kAcceptAfterMax = 24h * 365;
constexpr std::int64_t kFeeRateMax = 100'00;  // hundredths of a percent

std::string wrong_name(const std::string& text) {
  return is_name(text) ? "" : "must be 1 to 200 bytes, printable and not blank";
}

std::string wrong_id(const std::string& text) {
  return is_name_part(text) ? "" : "must be 1 to 64 of A-Z a-z 0-9 . _ -";
}

// What is wrong with a price; "" where `price` has it.
std::string read_price(std::string_view text, const Currency& currency, std::int64_t& price) {
  const Result<std::int64_t> parsed = parse_money(text, currency);
  if (!parsed) return parsed.error().message;
  if (*parsed < 1 || *parsed > kUnitPriceMax) {
    return "must be from " + format_money(1, currency) + " to " +
           format_money(kUnitPriceMax, currency);
  }
  price = *parsed;
  return "";
}

// What is wrong with so many units at that price; "" where nothing is.
std::string wrong_offered(std::int64_t offered, std::int64_t price, const Currency& currency) {
  if (offered >= 0 && offered <= offered_max(price)) return "";
  std::string text = "must be a whole number from 0 to " + std::to_string(offered_max(price));
  if (offered_max(price) < kOfferedMax) text += ", at a price of " + format_money(price, currency);
  return text;
}

// Where sku, name, unit_price and offered stand among the columns asked for.
protocol::OfferRow read_row(CsvReader& csv, std::size_t first, const Currency& currency) {
  protocol::OfferRow row{std::string(csv[first]), std::string(csv[first + 1]), 0, 0};
  if (const std::string no = wrong_id(row.sku); !no.empty()) csv.error(first, no);
  if (const std::string no = wrong_name(row.name); !no.empty()) csv.error(first + 1, no);
  const std::string why = read_price(csv[first + 2], currency, row.unit_price);
  if (!why.empty()) csv.error(first + 2, why);
  const std::string_view offered = csv[first + 3];
  const auto parsed = std::from_chars(offered.data(), offered.data() + offered.size(), row.offered);
  const bool whole =
      !offered.empty() && parsed.ec == std::errc() && parsed.ptr == offered.data() + offered.size();
  const std::string no = wrong_offered(whole ? row.offered : -1, row.unit_price, currency);
  if (!no.empty()) csv.error(first + 3, no);
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
  std::unordered_set<std::string> skus;
  const auto add_offer = [&](const std::string& place) {
    InlineOffer& offer = file.offers.emplace_back(InlineOffer{.place = place});
    YamlTable row;
    row.text("sku", offer.sku, [&skus](const std::string& sku) {
      return skus.insert(sku).second ? wrong_id(sku) : "is there twice";
    });
    row.text("name", offer.name, wrong_name);
    row.text("unit_price", offer.unit_price);
    row.integer("offered", offer.offered, 0, kOfferedMax);
    for (const char* key : {"sku", "name", "unit_price", "offered"}) row.required(key);
    return row;
  };
  std::string accept_after = "15m";
  YamlTable table;
  table.text("id", file.id, wrong_id);
  table.text("name", file.name, wrong_name);
  table.text("catalogue", file.catalogue);
  table.rows("offers", kInlineOffersMax, add_offer);
  table.rows("production", kLinesMax, add_line);
  table.text("accept_after", accept_after, [](const std::string& text) {
    const auto after = parse_duration(text);
    const bool good = text == "never" || (after && *after <= kAcceptAfterMax);
    return good ? "" : "must be never, or a duration such as 30s, 15m or 24h, up to 365d";
  });
  std::string fee_percent;
  table.text("fee_percent", fee_percent, [&file](const std::string& text) {
    const auto rate = parse_money(text, Currency{.code = "", .digits = 2});
    if (!rate || *rate > kFeeRateMax) return "must be 0 to 100 with at most two decimals";
    file.fee_rate = *rate;
    return "";
  });
  for (const char* key : {"id", "name"}) table.required(key);
  read_yaml_file(path, table);
  if (file.catalogue.empty() == file.offers.empty()) {
    throw StartupError(path + ": one of catalogue (a CSV file) and offers is needed, and not both",
                       kExitConfig);
  }
  file.accept_after = parse_duration(accept_after);
  file.path = std::filesystem::absolute(path);
  if (!file.catalogue.empty()) {
    file.catalogue = std::filesystem::path(file.path).parent_path() / file.catalogue;
  }
  return file;
}

std::vector<protocol::OfferRow> read_offers(const std::string& path, const Currency& currency) {
  std::vector<Offers> one = read(path, currency, false);
  return one.empty() ? std::vector<protocol::OfferRow>() : std::move(one.front().rows);
}

std::vector<protocol::OfferRow> read_offers(const AgentFile& file, const Currency& currency) {
  std::vector<protocol::OfferRow> rows;
  if (!file.catalogue.empty()) rows = read_offers(file.catalogue, currency);
  std::string errors;
  for (const InlineOffer& offer : file.offers) {
    protocol::OfferRow& row =
        rows.emplace_back(protocol::OfferRow{offer.sku, offer.name, 0, offer.offered});
    const auto check = [&](const char* field, const std::string& why) {
      if (!why.empty()) errors += "\n" + offer.place + ": offers: " + field + ": " + why;
    };
    check("unit_price", read_price(offer.unit_price, currency, row.unit_price));
    check("offered", wrong_offered(offer.offered, row.unit_price, currency));
  }
  const std::string& where = file.catalogue.empty() ? file.path : file.catalogue;
  for (const ProductionLine& line : file.production) {
    if (std::ranges::find(rows, line.sku, &protocol::OfferRow::sku) != rows.end()) continue;
    errors += "\n" + line.place + ": production: no sku '" + line.sku + "' in " + where;
  }
  if (!errors.empty()) throw StartupError(errors.substr(1), kExitConfig);
  return rows;
}

std::vector<Offers> read_offers_of_many(const std::string& path, const Currency& currency) {
  return read(path, currency, true);
}

}  // namespace depot::manufacturer
