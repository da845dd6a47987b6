#include "protocol/statement.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/crypto.hpp"
#include "base/ids.hpp"
#include "protocol/fields.hpp"

namespace depot::protocol {
namespace {

constexpr std::int64_t kWhole = 10'000;  // hundredths of a percent in a whole
constexpr std::size_t kDigestSize = 32;

template <typename... Values>
void add_line(std::string& text, std::string_view kind, const Values&... values) {
  const auto add = [&text](const auto& value) {
    if constexpr (std::is_convertible_v<decltype(value), std::string_view>) {
      text.append(" ").append(value);
    } else {
      text.append(" ").append(std::to_string(value));
    }
  };
  text += kind;
  (add(values), ...);
  text += '\n';
}

std::string text_of(const LedgerPosition& at) {
  return std::to_string(at.epoch) + "-" + std::to_string(at.number);
}

}  // namespace

// Both lists are by sku.
void Statement::add_refused(std::span<const std::int64_t> counts) {
  std::vector<StatementDemand> merged;
  auto known = demand.begin();
  for (std::size_t i = 0; i < std::min(counts.size(), offers.size()); ++i) {
    StatementDemand row{.sku = offers[i].sku};
    if (known != demand.end() && known->sku == row.sku) row = std::move(*known++);
    row.refused += counts[i];
    if (row.refused > 0 || row.shortage > 0) merged.push_back(std::move(row));
  }
  demand = std::move(merged);
}

std::string canonical_text(const Statement& statement) {
  std::string text;
  add_line(text, "depot-statement", 1);
  add_line(text, "cycle", statement.cycle);
  add_line(text, "manufacturer", statement.manufacturer);
  add_line(text, "currency", statement.currency);
  for (const StatementOffer& row : statement.offers) {
    add_line(text, "offer", row.sku, row.opening, row.increases, row.cuts, row.sold, row.cancelled,
             row.unsold);
  }
  for (const StatementSale& row : statement.sales) {
    add_line(text, "sale", row.sku, row.unit_price, row.units, row.money);
  }
  add_line(text, "total", statement.units, statement.gross, statement.fee_rate, statement.fee,
           statement.net);
  add_line(text, "ledger", text_of(statement.from), text_of(statement.to));
  return text;
}

std::string hash_of(const Statement& statement) { return sha256(canonical_text(statement)); }

std::int64_t fee_of(std::int64_t gross, std::int64_t fee_rate) {
  return gross / kWhole * fee_rate + (gross % kWhole * fee_rate + kWhole / 2) / kWhole;
}

void encode(const Statement& statement, std::string& out) {
  Writer writer(out);
  writer.array(13).string(hash_of(statement));
  write(writer, statement.units, statement.gross, statement.fee_rate, statement.fee, statement.net);
  write(writer, statement.cycle, statement.manufacturer, statement.currency);
  writer.array(statement.offers.size() * 7);
  for (const StatementOffer& row : statement.offers) {
    write(writer, row.sku, row.opening, row.increases, row.cuts, row.sold, row.cancelled,
          row.unsold);
  }
  writer.array(statement.sales.size() * 4);
  for (const StatementSale& row : statement.sales) {
    write(writer, row.sku, row.unit_price, row.units, row.money);
  }
  write_array(out, statement.from.epoch, statement.from.number, statement.to.epoch,
              statement.to.number);
  writer.array(statement.demand.size() * 3);
  for (const StatementDemand& row : statement.demand) {
    write(writer, row.sku, row.refused, row.shortage);
  }
}

std::optional<Statement> decode_statement(std::string_view bytes) {
  return decode_array<Statement>(bytes, 13, [](Reader& reader, Statement& statement) {
    std::string hash;
    read(reader, sized(hash, kDigestSize), statement.units, statement.gross, statement.fee_rate,
         statement.fee, statement.net, statement.cycle, statement.manufacturer, statement.currency);
    read_rows(reader, 7, statement.offers, [&](StatementOffer& row) {
      read(reader, row.sku, row.opening, row.increases, row.cuts, row.sold, row.cancelled,
           row.unsold);
    });
    read_rows(reader, 4, statement.sales, [&](StatementSale& row) {
      read(reader, row.sku, row.unit_price, row.units, row.money);
    });
    if (reader.array() != 4) return reader.fail();
    read(reader, statement.from.epoch, statement.from.number, statement.to.epoch,
         statement.to.number);
    read_rows(reader, 3, statement.demand,
              [&](StatementDemand& row) { read(reader, row.sku, row.refused, row.shortage); });
    if (reader.ok() && hash != hash_of(statement)) reader.fail();
  });
}

std::optional<AnsweredStatement> decode_answered_statement(std::string_view body) {
  return decode_reply<AnsweredStatement>('O', body, 4, [](Reader& reader, AnsweredStatement& all) {
    const std::string_view from = reader.rest();
    reader.skip();
    auto statement = decode_statement(from.substr(0, from.size() - reader.rest().size()));
    if (!statement) return reader.fail();
    all.statement = std::move(*statement);
    read(reader, all.agrees, all.answered_ms, or_nothing(all.detail));
  });
}

StatementBuilder::StatementBuilder(std::string cycle, std::string manufacturer,
                                   std::string currency, std::int64_t fee_rate,
                                   LedgerPosition from) {
  statement_.cycle = std::move(cycle);
  statement_.manufacturer = std::move(manufacturer);
  statement_.currency = std::move(currency);
  statement_.fee_rate = fee_rate;
  statement_.from = from;
}

void StatementBuilder::add(LedgerPosition at, const LedgerEntry& entry) {
  if (entry.cycle != statement_.cycle || complete_) return;
  if (entry.kind == LedgerKind::cycle) {
    if (entry.transition.state == CycleState::open) {
      for (auto& [sku, row] : skus_) row.opening = row.offered;
    }
    if (entry.transition.state == CycleState::closed) {
      complete_ = true;
      statement_.to = at;
    }
    return;
  }
  const bool offer = entry.kind == LedgerKind::offer;
  const bool cancelled = entry.kind == LedgerKind::cancelled;
  if (!offer && !cancelled && entry.kind != LedgerKind::sold) return;
  for (const LedgerRow& moved : entry.rows) {
    Sku& row = skus_[moved.sku];
    if (offer) row.wanted = moved.quantity;
    if (offer || cancelled) {
      row.offered = moved.offered_after;
      row.cut = moved.cut_after;
    }
    if (offer) continue;
    const std::int64_t units = cancelled ? -moved.quantity : moved.quantity;
    if (cancelled) row.cancelled += moved.quantity;
    row.sold += units;
    sales_[{moved.sku, moved.unit_price}] += units;
  }
}

std::optional<Statement> StatementBuilder::finish() const {
  Statement statement = statement_;
  for (const auto& [sku, row] : skus_) {
    statement.offers.push_back({sku, row.opening, row.offered - row.opening, row.cut, row.sold,
                                row.cancelled, row.offered - row.cut - row.sold});
    const std::int64_t shortage = std::max<std::int64_t>(0, row.sold - row.wanted);
    if (shortage > 0) statement.demand.push_back({sku, 0, shortage});
  }
  for (const auto& [key, units] : sales_) {
    const auto& [sku, price] = key;
    if (units == 0) continue;
    std::int64_t money = 0;
    if (__builtin_mul_overflow(price, units, &money) ||
        __builtin_add_overflow(statement.gross, money, &statement.gross) ||
        std::abs(statement.gross) > kMoneyMax) {
      return std::nullopt;
    }
    statement.sales.push_back({sku, price, units, money});
    statement.units += units;
  }
  statement.fee = fee_of(statement.gross, statement.fee_rate);
  statement.net = statement.gross - statement.fee;
  return statement;
}

}  // namespace depot::protocol
