#include "manufacturer_hub/feed.hpp"

#include <algorithm>

#include "protocol/msgpack.hpp"

namespace depot::manufacturer_hub {

using messaging::PublicKind;
using protocol::Reader;

bool FeedWindow::add(const FeedEntry& entry) {
  ++bytes_;  // Not empty, even when the entry has nothing for the public.
  bool good = true;
  for (const auto& [name, bytes] : entry.fields) {
    bytes_ += bytes.size();
    Reader in(bytes);
    if (name == "s") {
      for (std::size_t left = in.rows(3); left > 0 && in.ok(); --left) {
        const std::string offer(in.string());
        stock_[offer] = {offer, in.integer(), in.integer()};
      }
    } else if (name == "m") {
      for (std::size_t left = in.rows(3); left > 0 && in.ok(); --left) {
        auto& head = heads_[std::string(in.string())];
        head = {in.unsigned_integer(), in.unsigned_integer()};
      }
    } else if (name == "n" || name == "w") {
      auto& names = name == "n" ? names_ : manufacturers_;
      for (std::size_t left = in.rows(2); left > 0 && in.ok(); --left) {
        std::string& value = names[std::string(in.string())];
        value = in.string();
      }
    } else if (name == "y") {
      cycle_ = protocol::decode_cycle(bytes);
      in.skip();
      good = good && cycle_.has_value();
    } else {
      in.skip();  // "c" only says that n or w may be there.
    }
    good = good && in.done();
  }
  return good;
}

std::string FeedWindow::body(PublicKind kind) const {
  std::string body;
  std::vector<protocol::StockRow> rows;
  protocol::CatalogueRecord record;
  switch (kind) {
    case PublicKind::cycle:
      if (cycle_) encode(*cycle_, body);
      break;
    case PublicKind::stock:
      for (const auto& [offer, row] : stock_) rows.push_back(row);
      if (!rows.empty()) encode(rows, body);
      break;
    case PublicKind::catalogue:
      for (const auto& [offer, name] : names_) {
        const auto row = stock_.find(offer);  // An entry that names an offer states its stock too.
        if (row == stock_.end()) continue;
        const std::int64_t available = row->second.available;
        record.items.push_back({offer, name, row->second.unit_price,
                                std::max<std::int64_t>(0, available), available < 0});
      }
      record.manufacturers.assign(manufacturers_.begin(), manufacturers_.end());
      if (!record.items.empty() || !record.manufacturers.empty()) encode(record, body);
  }
  return body;
}

}  // namespace depot::manufacturer_hub
