// What customers and manufacturers can ask Depot for, whoever draws the answer: the JSON handlers
// and the pages call the same operations and get the same views or failures.
//
// The caller has checked syntax. An operation judges the rest in the documented order: session,
// key, values, then what the back end says. Where it finds a wrong key or value itself, it asks the
// back end for the session first, so that a stranger learns nothing but 401.
//
// Threads: those of one I/O thread; `done` is called there, once, perhaps before the return.
// Errors:  Failure, with a problem of the closed list.
// Source:  docs/openapi.yaml; docs/ARCHITECTURE.md, "Orders", "Outcomes".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/config.hpp"
#include "base/ids.hpp"
#include "customer_gateway/backend.hpp"
#include "customer_gateway/catalogue.hpp"
#include "customer_gateway/manufacturer_views.hpp"
#include "customer_gateway/views.hpp"

namespace depot::customer_gateway {

// Who asks, and in which HTTP request.
struct Requester {
  protocol::Caller caller;                    // empty where no well-formed token came along
  protocol::ManufacturerCaller manufacturer;  // likewise, of a manufacturer's token
  std::string address;
  RequestId request_id{};
  bool signed_in() const { return !caller.customer.empty(); }
  bool is_manufacturer() const { return !manufacturer.manufacturer.empty(); }
};

struct CardEntry {
  std::string number, cvc;  // as typed; neither goes further than check_card()
  std::int64_t exp_month = 0, exp_year = 0;
};

struct OrderEntry {
  std::string mode = "all_or_nothing";
  std::vector<protocol::OrderLine> lines;    // as the customer gave them, not yet summed; or
  std::optional<std::int64_t> cart_version;  // the whole cart
};

class Operations {
 public:
  Operations(Backend& backend, const CatalogueHolder& catalogue, const Config& config);

  void sign_up(const Requester&, protocol::CreateAccount account, Done<SignedIn> done);
  void log_in(const Requester&, std::string email, std::string password, Done<SignedIn> done);
  void log_out(const Requester&, Done<Nothing> done);
  void get_account(const Requester&, Done<AccountView> done);
  // `change.caller` is filled in here.
  void change_account(const Requester&, protocol::ChangeAccount change, Done<AccountView> done);
  void delete_account(const Requester&, std::string password, Done<Nothing> done);
  void put_card(const Requester&, const CardEntry& entry, Done<protocol::Card> done);
  void delete_card(const Requester&, Done<Nothing> done);

  void get_cart(const Requester&, Done<CartView> done);
  // `kind`: add_cart_line, set_cart_line or remove_cart_line (where `quantity` says nothing).
  void change_cart(const Requester&, protocol::RequestKind kind, std::string offer,
                   std::int64_t quantity, Done<CartView> done);

  // `key`: the Idempotency-Key, nullopt without one.
  void place_order(const Requester&, std::optional<std::string_view> key, OrderEntry entry,
                   Done<OrderView> done);
  // Newest first; `before` is the position that a cursor named.
  void list_orders(const Requester&, int limit, std::optional<std::int64_t> before,
                   Done<OrderList> done);
  // `kind`: get_order or cancel_order.
  void on_order(const Requester&, protocol::RequestKind kind, std::string id, Done<OrderView> done);
  void get_cycle(const Requester&, Done<protocol::Cycle> done);

  // For the manufacturer whose token came along: who it is; how its offers stand in the current
  // cycle, by name; what was sold of them and cancelled, newest first. `limit` 1..100, `cursor` ""
  // for the first page; a page of sales may be empty and yet have a next one.
  void get_manufacturer(const Requester&, Done<ManufacturerView> done);
  void list_own_offers(const Requester&, std::size_t limit, std::string_view cursor,
                       Done<OwnOfferList> done);
  void list_sales(const Requester&, std::size_t limit, std::string_view cursor,
                  Done<SaleList> done);
  // Its settlement packs, the newest first; one of them, which may be of many megabytes: where too
  // many such are under way, Failure unavailable.
  void list_statements(const Requester&, std::size_t limit, std::string_view cursor,
                       Done<StatementList> done);
  void get_statement(const Requester&, std::string cycle, Done<StatementView> done);

  // The goods, from memory; keep the pointer while views into it are used.
  std::shared_ptr<const Catalogue> catalogue() const { return catalogue_.get(); }
  std::string etag() const { return catalogue_.etag(); }
  std::optional<protocol::Cycle> cycle() const { return catalogue_.cycle(); }  // likewise
  const Config& config() const { return config_; }

 private:
  Backend& backend_;
  const CatalogueHolder& catalogue_;
  const Config& config_;
  std::size_t gathered_ = 0;  // bytes of the packs that are gathered now, as they will be

  // One request of the back end. `view` turns the reply's body into an optional T, nullopt where it
  // is not of the form agreed. Without a session: 401 at once, save for the kinds that need none.
  // `budget`: other than that of a request.
  template <typename T, typename View>
  void ask(const Requester&, protocol::RequestKind kind, std::string body, View view, Done<T> done,
           std::optional<Duration> budget = {});
  struct Gathering;
  void gather(const std::shared_ptr<Gathering>& all);
  void ask_own_offers(const Requester&, const CataloguePage& page, Done<OwnOfferList> done);
  // Says 401 or, where the session is good, `failure`; before it that the key of `order_id`, where
  // one is given, was used: what is recorded under it was sound, so this is another request.
  template <typename T>
  void refuse(const Requester&, Failure failure, Done<T> done, std::string order_id = {});
  // Whoever logs in with a session ends it: the old id is worth nothing behind the new one.
  Done<SignedIn> ending_session_of(const Requester&, Done<SignedIn> done);
  Failure failure_of(const Outcome& outcome) const;
  auto named() const;
};

}  // namespace depot::customer_gateway
