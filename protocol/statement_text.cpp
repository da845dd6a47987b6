#include "protocol/statement_text.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>
#include <sstream>

#include "base/crypto.hpp"
#include "base/money.hpp"
#include "base/numbers.hpp"

namespace depot::protocol {
namespace {

namespace json = boost::json;

// What a line of the canonical text is about: "offer <sku>", "sale <sku> <price>", else its word.
std::string subject_of(const std::string& line) {
  std::size_t words = line.starts_with("offer ") ? 2 : line.starts_with("sale ") ? 3 : 1;
  std::size_t end = 0;
  while (words-- > 0 && end != std::string::npos) end = line.find(' ', end + 1);
  return line.substr(0, end);
}

}  // namespace

std::string_view name_of_answer(std::optional<std::int64_t> agrees) {
  return !agrees ? "none" : *agrees != 0 ? "agrees" : "disagrees";
}

std::string fee_percent_of(std::int64_t fee_rate) {
  return fmt::format("{}.{:02}", fee_rate / 100, fee_rate % 100);
}

std::string to_text(const LedgerPosition& at) { return fmt::format("{}-{}", at.epoch, at.number); }

json::object to_json(const Statement& statement) {
  json::array offers, sales, demand;
  for (const StatementOffer& row : statement.offers) {
    offers.push_back({{"sku", row.sku},
                      {"opening", row.opening},
                      {"increases", row.increases},
                      {"cuts", row.cuts},
                      {"sold", row.sold},
                      {"cancelled", row.cancelled},
                      {"unsold", row.unsold}});
  }
  for (const StatementSale& row : statement.sales) {
    sales.push_back({{"sku", row.sku},
                     {"unit_price", row.unit_price},
                     {"units", row.units},
                     {"money", row.money}});
  }
  for (const StatementDemand& row : statement.demand) {
    demand.push_back({{"sku", row.sku}, {"refused", row.refused}, {"shortage", row.shortage}});
  }
  return {{"cycle_id", statement.cycle},
          {"manufacturer_id", statement.manufacturer},
          {"currency", statement.currency},
          {"offers", std::move(offers)},
          {"sales", std::move(sales)},
          {"units", statement.units},
          {"gross", statement.gross},
          {"fee_percent", fee_percent_of(statement.fee_rate)},
          {"fee", statement.fee},
          {"net", statement.net},
          {"ledger", {{"from", to_text(statement.from)}, {"to", to_text(statement.to)}}},
          {"sha256", to_hex(hash_of(statement))},
          {"demand", std::move(demand)}};
}

std::string to_table(const json::object& statement) {
  const auto text = [](const json::value& row, const char* field) {
    return std::string_view(row.at(field).as_string());
  };
  const json::value all = statement;
  const Currency currency = currency_from_code(text(all, "currency")).value_or(Currency{});
  const auto money = [&](const json::value& row, const char* field) {
    return grouped_money(row.at(field).as_int64(), currency);
  };
  std::string table = fmt::format("{:<24} {:>10} {:>10} {:>8} {:>8} {:>10} {:>8}\n", "SKU",
                                  "OPENING", "INCREASES", "CUTS", "SOLD", "CANCELLED", "UNSOLD");
  for (const json::value& row : statement.at("offers").as_array()) {
    const auto number = [&row](const char* field) { return row.at(field).as_int64(); };
    table += fmt::format("{:<24} {:>10} {:>10} {:>8} {:>8} {:>10} {:>8}\n", text(row, "sku"),
                         number("opening"), number("increases"), number("cuts"), number("sold"),
                         number("cancelled"), number("unsold"));
  }
  table += fmt::format("\n{:<24} {:>18} {:>10} {:>20}\n", "SALES OF", "AT", "UNITS", "MONEY");
  for (const json::value& row : statement.at("sales").as_array()) {
    table += fmt::format("{:<24} {:>18} {:>10} {:>20}\n", text(row, "sku"),
                         money(row, "unit_price"), row.at("units").as_int64(), money(row, "money"));
  }
  table += fmt::format(
      "\n{:<24} {} units for {}\n{:<24} {} ({} %)\n{:<24} {}\n{:<24} {} to {}\n{:<24} {}\n", "sold",
      all.at("units").as_int64(), money(all, "gross"), "fee", money(all, "fee"),
      text(all, "fee_percent"), "payable", money(all, "net"), "ledger",
      text(all.at("ledger"), "from"), text(all.at("ledger"), "to"), "sha256", text(all, "sha256"));
  for (const json::value& row : statement.at("demand").as_array()) {
    table += fmt::format("{}: {} units refused, {} short\n", text(row, "sku"),
                         row.at("refused").as_int64(), row.at("shortage").as_int64());
  }
  return table;
}

std::string to_csv(const Statement& statement) {
  const Currency currency = currency_from_code(statement.currency).value_or(Currency{});
  const auto money = [&](std::int64_t amount) { return format_money(amount, currency); };
  const std::string what =  // Ids and skus have nothing to be quoted.
      fmt::format("{},{},{}", statement.cycle, statement.manufacturer, statement.currency);
  std::string text =
      "cycle_id,manufacturer_id,currency,kind,sku,opening,increases,cuts,sold,cancelled,unsold,"
      "unit_price,units,money\r\n";
  for (const StatementOffer& row : statement.offers) {
    text += fmt::format("{},offer,{},{},{},{},{},{},{},,,\r\n", what, row.sku, row.opening,
                        row.increases, row.cuts, row.sold, row.cancelled, row.unsold);
  }
  for (const StatementSale& row : statement.sales) {
    text += fmt::format("{},sale,{},,,,,,,{},{},{}\r\n", what, row.sku, money(row.unit_price),
                        row.units, money(row.money));
  }
  return text + fmt::format(
                    "{0},total,,,,,,,,,{1},{2}\r\n{0},fee,,,,,,,,,,{3}\r\n"
                    "{0},payable,,,,,,,,,,{4}\r\n",
                    what, statement.units, money(statement.gross), money(statement.fee),
                    money(statement.net));
}

std::vector<std::string> differences(const Statement& theirs, const Statement& ours) {
  std::map<std::string, std::pair<std::string, std::string>> lines;  // by subject
  std::string line;
  for (std::istringstream text(canonical_text(theirs)); std::getline(text, line);) {
    lines[subject_of(line)].first = line;
  }
  for (std::istringstream text(canonical_text(ours)); std::getline(text, line);) {
    lines[subject_of(line)].second = line;
  }
  std::vector<std::string> found;
  for (const auto& [subject, both] : lines) {
    if (both.first == both.second) continue;
    if (!both.first.empty()) found.push_back("- " + both.first);
    if (!both.second.empty()) found.push_back("+ " + both.second);
  }
  if (found.empty() && hash_of(theirs) != hash_of(ours)) found = {"- lines that stand twice"};
  return found;
}

}  // namespace depot::protocol
