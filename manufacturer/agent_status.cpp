#include "manufacturer/agent_status.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>

#include "protocol/statement_text.hpp"

namespace depot::manufacturer {

namespace json = boost::json;

namespace {

json::value json_of(const Position& at) {
  if (at == Position{}) return nullptr;
  return {{"epoch", at.epoch}, {"number", at.number}};
}

std::string text_of(const json::value& at) {
  if (at.is_null()) return "none";
  return protocol::to_text({at.at("epoch").as_int64(), at.at("number").as_int64()});
}

json::array skus_of(const Agent& agent, const std::map<std::string, std::int64_t>& refused) {
  const AgentState& state = agent.state();
  std::map<std::string, Totals> totals = agent.ledger().totals_of(state.cycle);
  for (const auto& [sku, row] : state.offers) totals.try_emplace(sku);
  json::array skus;
  for (const auto& [sku, total] : totals) {
    const auto offer = state.offers.find(sku);
    const auto in_vain = refused.find(sku);
    skus.push_back({{"sku", sku},
                    {"name", offer == state.offers.end() ? "" : offer->second.name},
                    {"unit_price", total.unit_price},
                    {"wanted", total.wanted},
                    {"offered", total.offered},
                    {"sold", total.sold},
                    {"cut", total.cut},
                    {"available", total.available},
                    {"shortage", total.shortage()},
                    {"refused", in_vain == refused.end() ? 0 : in_vain->second}});
  }
  return skus;
}

}  // namespace

std::string status_of(const AgentFile& file, const Agent& agent, const Production& production,
                      const protocol::Cycle& cycle,
                      const std::map<std::string, std::int64_t>& refused) {
  json::array lines;
  for (const Production::Line& line : production.lines()) {
    const auto made = production.made().find(line.sku);
    lines.push_back({{"sku", line.sku},
                     {"batch", line.batch},
                     {"every_ms", line.every.count()},
                     {"pause_at", line.pause_at},
                     {"made", made == production.made().end() ? 0 : made->second},
                     {"standing", line.standing}});
  }
  const Position newest = agent.ledger().empty() ? Position{} : agent.ledger().newest().position();
  return json::serialize(
      json::object{{"id", file.id},
                   {"name", file.name},
                   {"cycle", {{"id", cycle.id}, {"state", name_of(cycle.state)}}},
                   {"offers", agent.state().offers.size()},
                   {"acknowledged", agent.settled()},
                   {"unacknowledged", agent.state().records.size()},
                   {"ledger", {{"epoch", newest.epoch}, {"number", newest.number}}},
                   {"head", json_of(agent.head())},
                   {"behind", agent.behind()},
                   {"accepted", json_of(agent.accepted())},
                   {"skus", skus_of(agent, refused)},
                   {"lines", std::move(lines)}});
}

std::string table_of_status(const std::string& text) {
  const json::value status = json::parse(text);
  std::string table = fmt::format("{:<20} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "SKU",
                                  "OFFERED", "SOLD", "AVAILABLE", "CUT", "SHORTAGE", "REFUSED");
  for (const json::value& sku : status.at("skus").as_array()) {
    table += fmt::format("{:<20}", sku.at("sku").as_string().c_str());
    for (const char* field : {"offered", "sold", "available", "cut", "shortage", "refused"}) {
      table += fmt::format(" {:>10}", sku.at(field).as_int64());
    }
    table += '\n';
  }
  const json::value& cycle = status.at("cycle");
  if (cycle.at("id").as_string().empty()) {
    return "no hub has answered yet; is it the Depot of --config, and does it run?";
  }
  return table + fmt::format(
                     "\ncycle {} is {}; {} records not acknowledged\n"
                     "ledger: newest entry {}, {} behind; accepted up to {}",
                     cycle.at("id").as_string().c_str(), cycle.at("state").as_string().c_str(),
                     status.at("unacknowledged").to_number<std::uint64_t>(),
                     text_of(status.at("ledger")), status.at("behind").to_number<std::uint64_t>(),
                     text_of(status.at("accepted")));
}

}  // namespace depot::manufacturer
