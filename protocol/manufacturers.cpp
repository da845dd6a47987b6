#include "protocol/manufacturers.hpp"

#include "protocol/fields.hpp"

namespace depot::protocol {

void encode(const OwnOffersRequest& request, std::string& out) {
  Writer writer(out);
  writer.array(3);
  write(writer, request.caller.manufacturer, request.caller.secret);
  writer.array(request.offers.size());
  for (const std::string& offer : request.offers) writer.string(offer);
}

std::optional<OwnOffers> decode_own_offers(std::string_view body) {
  return decode_reply<OwnOffers>('O', body, 2, [](Reader& reader, OwnOffers& own) {
    read(reader, own.name);
    read_rows(reader, 7, own.offers, [&](OwnOffer& row) {
      read(reader, row.offer, row.unit_price, row.wanted, row.offered, row.cut, row.sold,
           row.refused);
      if (!is_offer_id(row.offer)) reader.fail();
    });
  });
}

void encode(const SalesRequest& request, std::string& out) {
  Writer writer(out);
  writer.array(4);
  write(writer, request.caller.manufacturer, request.caller.secret, request.limit);
  if (!request.before) return void(writer.nil());
  write_array(out, request.before->epoch, request.before->number, request.before->row);
}

std::optional<SalesPage> decode_sales_page(std::string_view body) {
  return decode_reply<SalesPage>('O', body, 2, [](Reader& reader, SalesPage& page) {
    if (!reader.absent()) {
      if (reader.array() != 3) return reader.fail();
      LedgerPlace& next = page.next.emplace();
      read(reader, next.epoch, next.number, next.row);
    }
    read_rows(reader, 8, page.sales, [&](Sale& row) {
      read(reader, row.epoch, row.number,
           ranged(row.kind, static_cast<int>(LedgerKind::sold),
                  static_cast<int>(LedgerKind::cancelled)),
           row.time_ms, row.order, row.sku, row.quantity, row.unit_price);
    });
  });
}

void encode(const StatementsRequest& request, std::string& out) {
  write_array(out, request.caller.manufacturer, request.caller.secret, request.limit,
              request.before);
}

void encode(const StatementRequest& request, std::string& out) {
  write_array(out, request.caller.manufacturer, request.caller.secret, request.cycle,
              request.first);
}

std::optional<StatementPiece> decode_statement_piece(std::string_view body) {
  return decode_reply<StatementPiece>('O', body, 5, [](Reader& reader, StatementPiece& piece) {
    read(reader, piece.agrees, piece.answered_ms, or_nothing(piece.detail));
    piece.size = reader.unsigned_integer();
    read(reader, piece.bytes);
  });
}

std::optional<StatementsPage> decode_statements_page(std::string_view body) {
  return decode_reply<StatementsPage>('O', body, 2, [](Reader& reader, StatementsPage& page) {
    read(reader, page.next);
    read_rows(reader, 7, page.rows, [&](StatementSummary& row) {
      read(reader, row.cycle, up_to(row.state, CycleState::settled), row.units, row.gross, row.fee,
           row.net, row.agrees);
    });
  });
}

std::optional<ManufacturerPage> decode_manufacturer_page(std::string_view body) {
  return decode_reply<ManufacturerPage>('O', body, 2, [](Reader& reader, ManufacturerPage& page) {
    read(reader, page.next);
    read_rows(reader, 5, page.rows, [&](ManufacturerRow& row) {
      read(reader, row.id, row.name, row.enrolled_ms, row.epoch, row.number);
    });
  });
}

}  // namespace depot::protocol
