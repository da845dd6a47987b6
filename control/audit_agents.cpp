// H7: what manufacturers' agents keep of their ledgers, entry by entry beside the ledgers.
#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/fatal.hpp"
#include "control/audit_books.hpp"

namespace depot::control::audit {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::string_view kKinds[] = {"epoch", "offer", "sold", "cancelled", "state", "cycle"};
constexpr std::string_view kStates[] = {"planned", "collecting", "open",   "closing",
                                        "closed",  "settling",   "settled"};

struct Told {  // an entry, and in words what it says, alike for both sides
  Position at;
  std::string text;
};

std::string row_text(std::string_view order, std::string_view sku, std::int64_t quantity,
                     std::int64_t price, std::int64_t offered, std::int64_t cut,
                     std::int64_t available) {
  return fmt::format(" [order '{}' sku '{}' quantity {} price {} offered {} cut {} available {}]",
                     order, sku, quantity, price, offered, cut, available);
}

std::string words_of(const Entry& entry) {
  std::string text =
      fmt::format("{} in '{}'", kKinds[static_cast<std::size_t>(entry.kind)], entry.cycle);
  if (entry.kind == Kind::epoch) text += " behind " + entry.previous.text();
  for (const EntryRow& row : entry.rows) {
    text += entry.kind == Kind::cycle ? fmt::format(" state {}", row.quantity)
                                      : row_text(row.order, row.sku, row.quantity, row.price,
                                                 row.offered, row.cut, row.available);
  }
  return text;
}

// Throws where the line is none of an agent's.
Told told_by(const std::string& line) {
  const json::value value = json::parse(line);
  const auto number = [](const json::value& of) { return of.to_number<std::int64_t>(); };
  const auto text = [](const json::value& of) { return std::string_view(of.as_string()); };
  Told told{{number(value.at("epoch")), number(value.at("number"))}, {}};
  const std::string_view kind = text(value.at("kind"));
  told.text = fmt::format("{} in '{}'", kind, text(value.at("cycle")));
  if (kind == "epoch") {
    const json::array& previous = value.at("previous").as_array();
    told.text += " behind " + Position{number(previous.at(0)), number(previous.at(1))}.text();
  } else if (kind == "cycle") {
    const auto* state = std::ranges::find(kStates, text(value.at("transition").at("state")));
    told.text += fmt::format(" state {}", state - std::begin(kStates));
  } else {
    for (const json::value& row : value.at("rows").as_array()) {
      told.text += row_text(text(row.at("order")), text(row.at("sku")), number(row.at("quantity")),
                            number(row.at("unit_price")), number(row.at("offered")),
                            number(row.at("cut")), number(row.at("available")));
    }
  }
  return told;
}

// A ledger once more, in the order of its entries; 500 in memory.
class Entries {
 public:
  Entries(Redis& redis, const std::string& maker) : redis_(redis), key_("ledger:{s0}:" + maker) {}

  std::optional<Told> next() {
    if (!page_ || at_ == (*page_)->elements) {
      page_ = redis_.command({"XRANGE", key_, behind_, "+", "COUNT", "500"});
      at_ = 0;
      if ((*page_)->elements == 0) return std::nullopt;
    }
    const redisReply* item = item_of(page_->get(), at_++);
    const std::string_view id = text_of(item_of(item, 0));
    behind_ = fmt::format("({}", id);
    const auto entry = read_entry(text_of(item_of(item_of(item, 1), 1)));
    return Told{to_position(id).value_or(Position{}),
                entry ? words_of(*entry) : std::string("malformed")};
  }

 private:
  Redis& redis_;
  const std::string key_;
  std::string behind_ = "-";
  std::size_t at_ = 0;
  std::optional<Reply> page_;
};

void judge_agent(const std::string& maker, const fs::path& path, Redis& redis,
                 AuditResult& result) {
  Entries ledger(redis, maker);
  std::ifstream file(path);
  std::string line;
  std::uint64_t lines = 0;
  for (Position last; std::getline(file, line) && !file.eof();) {  // Without an end: being written.
    ++lines;
    Told told;
    try {
      told = told_by(line);
    } catch (const std::exception& error) {
      return result.add("H7", Harm::other, "{}:{}: {}", path.string(), lines, error.what());
    }
    const std::string name = maker + " " + told.at.text();
    if (told.at <= last) {
      return result.add("H7", Harm::other, "{}: its agent has it behind {}", name, last.text());
    }
    last = told.at;
    const std::optional<Told> entry = ledger.next();
    if (!entry || told.at < entry->at) {
      return result.add("H7", Harm::other, "{}: its agent has it, and the ledger has not", name);
    }
    if (entry->at < told.at) {
      return result.add("H7", Harm::other, "{} {}: its agent has what is behind, and not that",
                        maker, entry->at.text());
    }
    if (entry->text != told.text) {
      return result.add("H7", Harm::other, "{}: its agent has {}, the ledger {}", name, told.text,
                        entry->text);
    }
  }
  ++result.agents;
  while (ledger.next()) ++result.behind;
}

}  // namespace

void judge_agents(const std::string& folder, Redis& redis, AuditResult& result) {
  const Reply store = redis.command({"HGET", "meta:{s0}", "store_id"});
  const std::string name = fmt::format("ledger-{}.jsonl", text_of(store.get()));
  bool found = false;
  std::error_code none;
  for (const auto& agent : fs::directory_iterator(folder, none)) {
    const fs::path path = agent.path() / name;
    if (!fs::exists(path)) continue;
    found = true;
    judge_agent(agent.path().filename(), path, redis, result);
  }
  if (found) return;
  throw StartupError(folder + ": no agent's " + name + " in a folder below it", kExitFailed);
}

}  // namespace depot::control::audit
