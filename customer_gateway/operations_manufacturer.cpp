// What a manufacturer asks for itself (operations.hpp).
#include <charconv>

#include "base/crypto.hpp"
#include "customer_gateway/operations_ask.hpp"

namespace depot::customer_gateway {
namespace {

using protocol::Problem;
using protocol::RequestKind;

constexpr std::int64_t kPlaceMax = 9'000'000'000'000'000;  // what the store takes

// Of all packs that an I/O thread gathers at once; 100,000 skus of 64 letters make some 20 MiB.
constexpr std::size_t kGatheredBytesMax = 64 * 1024 * 1024;

Failure bad_cursor() { return {.problem = Problem::malformed, .detail = "cursor: none of ours."}; }

// "<epoch>-<number>-<row>"
std::optional<protocol::LedgerPlace> place_of(std::string_view cursor) {
  protocol::LedgerPlace place;
  const char *at = cursor.data(), *end = at + cursor.size();
  for (std::int64_t* field : {&place.epoch, &place.number, &place.row}) {
    if (field != &place.epoch && (at == end || *at++ != '-')) return std::nullopt;
    const auto [next, error] = std::from_chars(at, end, *field);
    if (error != std::errc() || *field < 0 || *field > kPlaceMax) return std::nullopt;
    at = next;
  }
  return at == end ? std::optional(place) : std::nullopt;
}

std::string cursor_of(const protocol::LedgerPlace& place) {
  return std::to_string(place.epoch) + "-" + std::to_string(place.number) + "-" +
         std::to_string(place.row);
}

// Its sku where the catalogue does not know it (yet).
std::string name_in(const Catalogue& catalogue, std::string_view offer) {
  const auto item = catalogue.find(offer);
  return std::string(item ? item->name : sku_of(offer));
}

}  // namespace

// How the goods of `page` stand; without any, the store still says who asks.
void Operations::ask_own_offers(const Requester& who, const CataloguePage& page,
                                Done<OwnOfferList> done) {
  protocol::OwnOffersRequest request{who.manufacturer, {}};
  for (const ItemView& item : page.items) request.offers.emplace_back(item.offer_id);
  auto view = [this, id = who.manufacturer.manufacturer,
               next = page.next_cursor](protocol::OwnOffers own) {
    const auto catalogue = catalogue_.get();
    OwnOfferList list{{id, std::move(own.name)}, {}, next};
    for (protocol::OwnOffer& offer : own.offers) {
      std::string name = name_in(*catalogue, offer.offer);
      list.offers.push_back({std::move(offer), std::move(name)});
    }
    return list;
  };
  ask(who, RequestKind::manufacturer_offers, encoded(request),
      decoded(protocol::decode_own_offers, std::move(view)), std::move(done));
}

void Operations::get_manufacturer(const Requester& who, Done<ManufacturerView> done) {
  ask_own_offers(who, {}, [done = std::move(done)](Answer<OwnOfferList> own) {
    own ? done(std::move(own->manufacturer)) : done(tl::unexpected(std::move(own.error())));
  });
}

void Operations::list_own_offers(const Requester& who, std::size_t limit, std::string_view cursor,
                                 Done<OwnOfferList> done) {
  const auto after = from_hex(cursor);
  const auto catalogue = catalogue_.get();
  auto page =
      after ? catalogue->offers_of(who.manufacturer.manufacturer, *after, limit) : std::nullopt;
  // A stranger may have any cursor that is one.
  if (!after || (!page && who.is_manufacturer())) return done(tl::unexpected(bad_cursor()));
  ask_own_offers(who, page.value_or(CataloguePage()), std::move(done));
}

void Operations::list_sales(const Requester& who, std::size_t limit, std::string_view cursor,
                            Done<SaleList> done) {
  protocol::SalesRequest request{who.manufacturer, static_cast<std::int64_t>(limit), {}};
  if (!cursor.empty() && !(request.before = place_of(cursor))) {
    return done(tl::unexpected(bad_cursor()));
  }
  auto view = [this, id = who.manufacturer.manufacturer](protocol::SalesPage page) {
    const auto catalogue = catalogue_.get();
    SaleList list;
    for (protocol::Sale& sale : page.sales) {
      std::string name = name_in(*catalogue, make_offer_id(id, sale.sku));
      list.sales.push_back({std::move(sale), std::move(name)});
    }
    if (page.next) list.next_cursor = cursor_of(*page.next);
    return list;
  };
  ask(who, RequestKind::manufacturer_sales, encoded(request),
      decoded(protocol::decode_sales_page, std::move(view)), std::move(done));
}

void Operations::list_statements(const Requester& who, std::size_t limit, std::string_view cursor,
                                 Done<StatementList> done) {
  protocol::StatementsRequest request{who.manufacturer, static_cast<std::int64_t>(limit), {}};
  if (!cursor.empty() && !is_name_part(request.before.emplace(cursor))) {
    return done(tl::unexpected(bad_cursor()));
  }
  const auto view = [](protocol::StatementsPage page) {
    return StatementList{std::move(page.rows), page.next.value_or("")};
  };
  ask(who, RequestKind::manufacturer_statements, encoded(request),
      decoded(protocol::decode_statements_page, view), std::move(done));
}

// A pack on its way here, piece by piece.
struct Operations::Gathering {
  Requester who;
  protocol::StatementRequest request;
  Done<StatementView> done;
  TimePoint deadline;
  std::string pack = {};
  std::size_t counted = 0;  // of gathered_
};

void Operations::get_statement(const Requester& who, std::string cycle, Done<StatementView> done) {
  if (who.is_manufacturer() && !is_name_part(cycle)) {
    return done(tl::unexpected(Failure{.problem = Problem::not_found}));
  }
  gather(std::make_shared<Gathering>(
      Gathering{.who = who,
                .request = {who.manufacturer, std::move(cycle)},
                .done = std::move(done),
                .deadline = steady_now() + config_.gateway.request_budget}));
}

void Operations::gather(const std::shared_ptr<Gathering>& all) {
  all->request.first = static_cast<std::int64_t>(all->pack.size());
  const auto end = [this, all](Answer<StatementView> answer) {
    gathered_ -= all->counted;
    all->done(std::move(answer));
  };
  const auto take = [this, all, end](Answer<protocol::StatementPiece> piece) {
    if (!piece) return end(tl::unexpected(std::move(piece.error())));
    all->pack += piece->bytes;
    if (all->pack.size() < piece->size && !piece->bytes.empty()) {
      if (all->counted == 0 && gathered_ + piece->size > kGatheredBytesMax) {
        return end(tl::unexpected(failure_of({Outcome::Kind::unavailable, {}})));
      }
      if (all->counted == 0) gathered_ += all->counted = piece->size;
      return gather(all);
    }
    auto pack = protocol::decode_statement(all->pack);
    if (!pack) return end(tl::unexpected(failure_of({Outcome::Kind::answered, {}})));
    end(StatementView{
        {std::move(*pack), piece->agrees, piece->answered_ms, std::move(piece->detail)}});
  };
  ask<protocol::StatementPiece>(all->who, RequestKind::manufacturer_statement,
                                encoded(all->request), protocol::decode_statement_piece, take,
                                all->deadline - steady_now());
}

}  // namespace depot::customer_gateway
