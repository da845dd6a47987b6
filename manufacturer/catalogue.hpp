// Files that a manufacturer states its offers by: the agent's YAML, and CSV catalogues.
//
// Threads: any.
// Errors:  StartupError with every error of the file, file:line:column each (exit 78 for the YAML,
//          1 for a CSV).
// Source:  docs/OPERATIONS.md, "Files".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/money.hpp"
#include "protocol/sync.hpp"

namespace depot::manufacturer {

// Every `every`, `batch` more units of a sku, except while `pause_at` or more are available.
struct ProductionLine {
  std::string sku = {};
  std::int64_t batch = 0;
  std::chrono::milliseconds every{};
  std::int64_t pause_at = 0;  // 0: never
  std::string place = {};     // "<file>:<line>:<column>"
};

// An offer that stands in the YAML itself; its price as it is written.
struct InlineOffer {
  std::string sku = {}, name = {}, unit_price = {};
  std::int64_t offered = 0;
  std::string place = {};  // "<file>:<line>:<column>"
};

struct AgentFile {
  std::string path;  // of the YAML, absolute
  std::string id, name;
  std::string catalogue;  // a path, made relative to the YAML's folder; "": `offers` has them
  std::vector<InlineOffer> offers;
  std::vector<ProductionLine> production;  // a sku at most once
  std::optional<std::chrono::milliseconds> accept_after = std::chrono::minutes(15);  // or never
  std::optional<std::int64_t> fee_rate = {};  // agreed upon, in hundredths of a percent
};
AgentFile read_agent_file(const std::string& path);

struct Offers {
  std::string id, name;  // of the manufacturer
  std::vector<protocol::OfferRow> rows;
};
// Of one manufacturer: sku,name,unit_price,offered.
std::vector<protocol::OfferRow> read_offers(const std::string& path, const Currency& currency);
// Those of the agent's file. A line that makes what is not among them is an error (exit 78).
std::vector<protocol::OfferRow> read_offers(const AgentFile& file, const Currency& currency);
// Of many: manufacturer_id,manufacturer_name,sku,name,unit_price,offered; by id.
std::vector<Offers> read_offers_of_many(const std::string& path, const Currency& currency);

}  // namespace depot::manufacturer
