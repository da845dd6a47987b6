#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <limits>

#include "base/fatal.hpp"
#include "base/numbers.hpp"
#include "control/audit.hpp"

namespace depot::control::audit {

namespace {

// At most what a JSON number and a Depot's money can say.
std::int64_t money_of(const AuditResult& result) {
  return static_cast<std::int64_t>(std::clamp<Money>(result.money_minor,
                                                     std::numeric_limits<std::int64_t>::min(),
                                                     std::numeric_limits<std::int64_t>::max()));
}

}  // namespace

std::string to_text(const AuditResult& result, const Currency& currency) {
  std::string out;
  const auto row = [&out](std::string_view label, const std::string& text) {
    out += fmt::format("{:<14} {}\n", label, text);
  };
  row("ledgers",
      fmt::format("{}, {}, {}", counted(result.manufacturers, "manufacturer"),
                  counted(result.offers, "offer"), counted(result.entries, "entry", "entries")));
  row("orders", fmt::format("{} of {}, {} cancelled; {} on record", grouped(result.orders),
                            counted(result.customers, "customer"), grouped(result.cancelled),
                            counted(result.refusals, "refusal")));
  const std::string sold = result.units_sold < 0  // Of books that are wrong.
                               ? std::to_string(result.units_sold) + " units"
                               : counted(static_cast<std::uint64_t>(result.units_sold), "unit");
  const std::int64_t money = money_of(result);
  row("sold", sold + ", " + (money < result.money_minor ? "more than " : "") +
                  grouped_money(money, currency));
  if (result.undecided > 0) {
    row("undecided", counted(result.undecided, "order") + " by the request's fingerprint (L10)");
  }
  if (result.packs > 0) row("settlement", counted(result.packs, "statement"));
  if (result.requests > 0) row("histories", counted(result.requests, "request"));
  if (result.agents > 0) {
    row("agents", fmt::format("{} have their ledgers, {} behind", result.agents,
                              counted(result.behind, "entry", "entries")));
  }
  row("oversold", std::to_string(result.oversold));
  row("doubled", std::to_string(result.doubled));
  row("lost", std::to_string(result.lost));
  for (const Violation& one : result.first) out += fmt::format("{} {}\n", one.rule, one.text);
  if (result.violations > result.first.size()) {
    out += fmt::format("... and {} more\n", result.violations - result.first.size());
  }
  out +=
      result.clean() ? "audit clean\n" : "audit: " + counted(result.violations, "violation") + "\n";
  return out;
}

boost::json::object json_of(const AuditResult& result) {
  boost::json::array items;
  for (const Violation& one : result.first)
    items.push_back({{"rule", one.rule}, {"text", one.text}});
  boost::json::object out{{"clean", result.clean()},
                          {"manufacturers", result.manufacturers},
                          {"offers", result.offers},
                          {"entries", result.entries},
                          {"orders", result.orders},
                          {"cancelled", result.cancelled},
                          {"customers", result.customers},
                          {"refusals", result.refusals},
                          {"requests", result.requests},
                          {"packs", result.packs},
                          {"agents", result.agents},
                          {"behind", result.behind},
                          {"units_sold", result.units_sold},
                          {"money_minor", money_of(result)},
                          {"oversold", result.oversold},
                          {"doubled", result.doubled},
                          {"lost", result.lost},
                          {"violations", result.violations},
                          {"undecided", result.undecided}};
  out["items"] = std::move(items);
  return out;
}

int run_audit(const Config& config, const Witnesses& witnesses, bool json) {
  const AuditResult result = run(config.redis_login(RedisRole::audit), witnesses);
  const std::string text =
      json ? boost::json::serialize(json_of(result)) + "\n" : to_text(result, config.currency);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return result.clean() ? kExitOk : kExitFailed;
}

}  // namespace depot::control::audit
