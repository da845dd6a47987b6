#include "customer_gateway/operations.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/crypto.hpp"
#include "customer_gateway/card.hpp"

namespace depot::customer_gateway {
namespace {

using protocol::Problem;
using protocol::RequestKind;

constexpr std::size_t kIdempotencyKeyMax = 255;

Failure invalid(std::vector<FieldError> errors) {
  return {.problem = Problem::invalid,
          .detail = "A value is out of its range.",
          .errors = std::move(errors)};
}

Failure unauthenticated() {
  return {.problem = Problem::unauthenticated, .detail = "Log in first: the session is unknown."};
}

bool needs_session(RequestKind kind) {
  return kind != RequestKind::create_account && kind != RequestKind::log_in &&
         kind != RequestKind::get_cycle && kind != RequestKind::ready;
}

// Whose turn it is in the balancer's queue: the session's, else the address's.
std::uint32_t tenant_of(const Requester& who) {
  const std::string& name = who.signed_in() ? who.caller.session : who.address;
  return static_cast<std::uint32_t>(std::hash<std::string>()(name));
}

template <typename Request>
std::string encoded(const Request& request) {
  std::string body;
  encode(request, body);
  return body;
}

std::optional<Nothing> nothing(std::string_view) { return Nothing{}; }

bool is_idempotency_key(std::string_view key) {
  return key.size() <= kIdempotencyKeyMax &&
         std::ranges::all_of(key, [](char c) { return c > 0x20 && c < 0x7F; });
}

// Sums equal offers, sorts, and checks all that needs no stock. The failure, if any.
std::optional<Failure> settle_lines(std::vector<protocol::OrderLine>& lines,
                                    const LimitsConfig& limits) {
  std::vector<FieldError> errors;
  std::vector<std::string> unknown;
  if (lines.empty()) errors.push_back({"/lines", "An order has at least one line."});
  for (std::size_t i = 0; i < lines.size() && errors.size() < 20; ++i) {
    const std::string at = "/lines/" + std::to_string(i);
    const protocol::OrderLine& line = lines[i];
    if (!is_offer_id(line.offer)) unknown.push_back(at);
    if (line.quantity < 1 || line.quantity > limits.quantity_max) {
      errors.push_back({at + "/quantity", "1 to " + std::to_string(limits.quantity_max) + "."});
    }
    if (line.seen_price && (*line.seen_price < 0 || *line.seen_price > kUnitPriceMax)) {
      errors.push_back({at + "/unit_price", "Not a price in this Depot's currency."});
    }
  }
  if (!errors.empty()) return invalid(std::move(errors));
  if (!unknown.empty()) {
    Failure failure{.problem = Problem::unknown_offer, .detail = "There is no such offer."};
    for (const auto& at : unknown) failure.errors.push_back({at + "/offer_id", "Unknown offer."});
    return failure;
  }
  std::ranges::stable_sort(lines, {}, &protocol::OrderLine::offer);
  std::vector<protocol::OrderLine> summed;
  for (protocol::OrderLine& line : lines) {
    if (summed.empty() || summed.back().offer != line.offer) {
      summed.push_back(std::move(line));
      continue;
    }
    summed.back().quantity += line.quantity;
    if (summed.back().seen_price != line.seen_price) {
      return invalid({{"/lines", "One offer is given with two prices: " + line.offer}});
    }
    if (summed.back().quantity > limits.quantity_max) {
      return invalid({{"/lines", "Together too many of " + line.offer}});
    }
  }
  lines = std::move(summed);
  if (std::ssize(lines) > limits.order_lines_max) {
    return Failure{
        .problem = Problem::too_many_lines,
        .detail = "At most " + std::to_string(limits.order_lines_max) + " offers in one order."};
  }
  return std::nullopt;
}

}  // namespace

Operations::Operations(Backend& backend, const CatalogueHolder& catalogue, const Config& config)
    : backend_(backend), catalogue_(catalogue), config_(config) {}

template <typename T, typename View>
void Operations::ask(const Requester& who, RequestKind kind, std::string body, View view,
                     Done<T> done) {
  if (needs_session(kind) && !who.signed_in()) return done(tl::unexpected(unauthenticated()));
  backend_.call({kind, std::move(body), who.request_id, tenant_of(who)},
                config_.gateway.request_budget,
                [this, view = std::move(view), done = std::move(done)](const Outcome& outcome) {
                  const std::string_view letter = outcome.body.substr(0, 1);
                  if (letter == "O" || letter == "P" || letter == "p") {
                    if (std::optional<T> seen = view(outcome.body)) return done(std::move(*seen));
                  }
                  done(tl::unexpected(failure_of(outcome)));
                });
}

Failure Operations::failure_of(const Outcome& outcome) const {
  switch (outcome.kind) {
    case Outcome::Kind::unavailable:
      return {.problem = Problem::unavailable,
              .detail = "Depot cannot take this now. Nothing has happened; try again shortly."};
    case Outcome::Kind::timeout:
      return {.problem = Problem::timeout,
              .detail =
                  "No answer in time. It may have happened: repeat the same request (with "
                  "the same Idempotency-Key) to learn it; it cannot happen twice."};
    case Outcome::Kind::internal:
      return {.problem = Problem::internal, .detail = "This request fails. It has been noted."};
    case Outcome::Kind::answered:
      break;
  }
  if (const auto problem = protocol::decode_problem(outcome.body)) {
    Failure failure{.problem = problem->problem,
                    .detail = problem->detail,
                    .retry_after_ms = problem->retry_after_ms};
    for (const std::string& offer : problem->offers) failure.detail += " " + offer;
    return failure;
  }
  const std::string_view letter = outcome.body.substr(0, 1);
  if (letter == "N" || letter == "n") {
    if (const auto refusal = protocol::decode_refusal(outcome.body.substr(1))) {
      const auto catalogue = catalogue_.get();
      Failure failure{
          .problem = refusal->problem, .removed = refusal->removed, .replayed = letter == "n"};
      for (const auto& item : refusal->items) failure.items.push_back(view_of(item, *catalogue));
      return failure;
    }
  }
  return {.problem = Problem::internal, .detail = "An answer from within made no sense."};
}

template <typename T>
void Operations::refuse(const Requester& who, Failure failure, Done<T> done) {
  auto judged = [failure = std::move(failure), done](Answer<Nothing> session) {
    done(tl::unexpected(session ? failure : session.error()));
  };
  ask<Nothing>(who, RequestKind::check_session, encoded(who.caller), nothing, std::move(judged));
}

void Operations::sign_up(const Requester& who, protocol::CreateAccount account,
                         Done<SignedIn> done) {
  std::vector<FieldError> errors;
  if (!is_email(account.email)) errors.push_back({"/email", "Not an e-mail address."});
  if (!is_password(account.password)) errors.push_back({"/password", "8 to 128 bytes."});
  if (!is_person_name(account.first_name)) errors.push_back({"/first_name", "1 to 200 bytes."});
  if (!is_person_name(account.last_name)) errors.push_back({"/last_name", "1 to 200 bytes."});
  if (!errors.empty()) return done(tl::unexpected(invalid(std::move(errors))));
  const Token token{make_customer_id(), make_token_secret()};
  account.caller = {token.hash(), token.customer};
  ask<SignedIn>(
      who, RequestKind::create_account, encoded(account),
      [token](std::string_view) {
        return std::optional(SignedIn{token.customer, token.text()});
      },
      std::move(done));
}

void Operations::log_in(const Requester& who, std::string email, std::string password,
                        Done<SignedIn> done) {
  // No account has such an e-mail or password; the bound keeps hashing cheap.
  if (email.size() > 254 || password.size() > 128) {
    return done(tl::unexpected(invalid({{"", "At most 254 and 128 bytes."}})));
  }
  const Token fresh{"", make_token_secret()};
  ask<SignedIn>(
      who, RequestKind::log_in,
      encoded(protocol::LogIn{fresh.hash(), std::move(email), std::move(password), who.address}),
      [fresh](std::string_view body) -> std::optional<SignedIn> {
        const auto customer = protocol::decode_logged_in(body);
        if (!customer) return std::nullopt;
        return SignedIn{*customer, Token{*customer, fresh.secret}.text()};
      },
      std::move(done));
}

void Operations::log_out(const Requester& who, Done<Nothing> done) {
  ask<Nothing>(who, RequestKind::log_out, encoded(who.caller), nothing, std::move(done));
}

namespace {
auto account_view(const Requester& who) {
  return [customer = who.caller.customer](std::string_view body) -> std::optional<AccountView> {
    auto account = protocol::decode_account(body);
    if (!account) return std::nullopt;
    return AccountView{customer, std::move(*account)};
  };
}
}  // namespace

void Operations::get_account(const Requester& who, Done<AccountView> done) {
  ask<AccountView>(who, RequestKind::get_account, encoded(who.caller), account_view(who),
                   std::move(done));
}

void Operations::change_account(const Requester& who, protocol::ChangeAccount change,
                                Done<AccountView> done) {
  std::vector<FieldError> errors;
  const auto check = [&](const std::optional<std::string>& value, bool (*good)(std::string_view),
                         const char* pointer, const char* detail) {
    if (value && !good(*value)) errors.push_back({pointer, detail});
  };
  check(change.first_name, is_person_name, "/first_name", "1 to 200 bytes.");
  check(change.last_name, is_person_name, "/last_name", "1 to 200 bytes.");
  check(change.email, is_email, "/email", "Not an e-mail address.");
  check(change.password, is_password, "/password", "8 to 128 bytes.");
  if ((change.email || change.password) && !change.current_password) {
    errors.push_back({"/current_password", "Needed to change e-mail or password."});
  }
  if (change.current_password && change.current_password->size() > 128) {
    errors.push_back({"/current_password", "At most 128 bytes."});
  }
  if (!errors.empty()) return refuse(who, invalid(std::move(errors)), std::move(done));
  change.caller = who.caller;
  ask<AccountView>(who, RequestKind::change_account, encoded(change), account_view(who),
                   std::move(done));
}

void Operations::delete_account(const Requester& who, std::string password, Done<Nothing> done) {
  if (password.size() > 128) {
    return refuse(who, invalid({{"/password", "At most 128 bytes."}}), std::move(done));
  }
  ask<Nothing>(who, RequestKind::delete_account,
               encoded(protocol::DeleteAccount{who.caller, std::move(password)}), nothing,
               std::move(done));
}

void Operations::put_card(const Requester& who, const CardEntry& entry, Done<protocol::Card> done) {
  auto card = check_card(entry, wall_now());
  if (!card) return refuse(who, invalid(std::move(card.error())), std::move(done));
  // What a payment provider would give in exchange for the number; it stands for nothing here.
  const std::string token = make_token_secret();
  ask<protocol::Card>(
      who, RequestKind::put_card, encoded(protocol::PutCard{who.caller, *card, token}),
      [card = *card](std::string_view) { return std::optional(card); }, std::move(done));
}

void Operations::delete_card(const Requester& who, Done<Nothing> done) {
  ask<Nothing>(who, RequestKind::delete_card, encoded(who.caller), nothing, std::move(done));
}

void Operations::get_cart(const Requester& who, Done<CartView> done) {
  change_cart(who, RequestKind::get_cart, {}, 1, std::move(done));
}

void Operations::add_cart_line(const Requester& who, std::string offer, std::int64_t quantity,
                               Done<CartView> done) {
  change_cart(who, RequestKind::add_cart_line, std::move(offer), quantity, std::move(done));
}

void Operations::set_cart_line(const Requester& who, std::string offer, std::int64_t quantity,
                               Done<CartView> done) {
  change_cart(who, RequestKind::set_cart_line, std::move(offer), quantity, std::move(done));
}

void Operations::remove_cart_line(const Requester& who, std::string offer, Done<CartView> done) {
  change_cart(who, RequestKind::remove_cart_line, std::move(offer), 1, std::move(done));
}

void Operations::change_cart(const Requester& who, RequestKind kind, std::string offer,
                             std::int64_t quantity, Done<CartView> done) {
  const std::int64_t most = config_.limits.quantity_max;
  if (quantity < 1 || quantity > most) {
    return refuse(who, invalid({{"/quantity", "1 to " + std::to_string(most) + "."}}),
                  std::move(done));
  }
  std::string body;
  if (kind == RequestKind::get_cart) {
    encode(who.caller, body);
  } else if (!is_offer_id(offer)) {
    return refuse(who, {Problem::unknown_offer, "There is no such offer."}, std::move(done));
  } else {
    const protocol::CartChange change{who.caller,
                                      std::string(who.request_id.begin(), who.request_id.end()),
                                      std::move(offer), quantity};
    const bool remove = kind == RequestKind::remove_cart_line;
    remove ? encode_remove(change, body) : encode_change(change, body);
  }
  ask<CartView>(
      who, kind, std::move(body),
      [this](std::string_view reply) -> std::optional<CartView> {
        const auto cart = protocol::decode_cart(reply);
        if (!cart) return std::nullopt;
        return view_of(*cart, *catalogue_.get());
      },
      std::move(done));
}

void Operations::place_order(const Requester& who, std::optional<std::string_view> key,
                             OrderEntry entry, Done<OrderView> done) {
  if (!key || key->empty()) {
    return refuse(who, {Problem::idempotency_key_missing, "Send an Idempotency-Key."},
                  std::move(done));
  }
  if (!is_idempotency_key(*key)) {
    return refuse(who, {Problem::malformed, "Idempotency-Key: 1 to 255 visible ASCII characters."},
                  std::move(done));
  }
  if (entry.mode != "all_or_nothing" && entry.mode != "available") {
    return refuse(who, invalid({{"/mode", "all_or_nothing or available."}}), std::move(done));
  }
  if (entry.cart_version && *entry.cart_version < 0) {
    return refuse(who, invalid({{"/cart_version", "Not a version of a cart."}}), std::move(done));
  }
  if (!entry.cart_version) {
    auto failure = settle_lines(entry.lines, config_.limits);
    if (failure) return refuse(who, std::move(*failure), std::move(done));
  }
  protocol::PlaceOrder order;
  if (entry.mode == "available") order.mode = protocol::OrderMode::available;
  order.cart_version = entry.cart_version;
  order.lines = std::move(entry.lines);
  order.caller = who.caller;
  order.order_id = order_id_for(who.caller.customer, *key);
  order.fingerprint = fingerprint_of(order);
  ask<OrderView>(
      who, RequestKind::place_order, encoded(order),
      [this, id = order.order_id](std::string_view body) -> std::optional<OrderView> {
        auto row = protocol::decode_order_row(body.substr(1));
        if (!row) return std::nullopt;
        // As it was placed, also in a replay: every part paid.
        protocol::OrderView placed{id, std::move(*row), {}};
        placed.statuses.resize(placed.row.parts.size());
        OrderView view = view_of(placed, *catalogue_.get());
        view.replayed = body.front() == 'p';
        return view;
      },
      std::move(done));
}

void Operations::list_orders(const Requester& who, int limit, std::optional<std::int64_t> before,
                             Done<OrderList> done) {
  ask<OrderList>(
      who, RequestKind::list_orders, encoded(protocol::ListOrders{who.caller, limit, before}),
      [this](std::string_view body) -> std::optional<OrderList> {
        const auto page = protocol::decode_order_page(body);
        if (!page) return std::nullopt;
        OrderList list;
        const auto catalogue = catalogue_.get();
        for (const auto& order : page->orders) list.orders.push_back(view_of(order, *catalogue));
        if (page->next) list.next_cursor = std::to_string(*page->next);
        return list;
      },
      std::move(done));
}

void Operations::get_order(const Requester& who, std::string order_id, Done<OrderView> done) {
  order_by_id(who, RequestKind::get_order, std::move(order_id), std::move(done));
}

void Operations::cancel_order(const Requester& who, std::string order_id, Done<OrderView> done) {
  order_by_id(who, RequestKind::cancel_order, std::move(order_id), std::move(done));
}

void Operations::order_by_id(const Requester& who, RequestKind kind, std::string id,
                             Done<OrderView> done) {
  if (!is_id(id)) return refuse(who, {Problem::not_found, "There is no such order."}, done);
  ask<OrderView>(
      who, kind, encoded(protocol::OrderRequest{who.caller, std::move(id)}),
      [this](std::string_view body) -> std::optional<OrderView> {
        const auto order = protocol::decode_order_view(body);
        if (!order) return std::nullopt;
        return view_of(*order, *catalogue_.get());
      },
      std::move(done));
}

void Operations::get_cycle(const Requester& who, Done<protocol::Cycle> done) {
  ask<protocol::Cycle>(who, RequestKind::get_cycle, {}, protocol::decode_cycle_reply,
                       std::move(done));
}

}  // namespace depot::customer_gateway
