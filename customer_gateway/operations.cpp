#include <algorithm>

#include "base/crypto.hpp"
#include "base/utf8.hpp"
#include "customer_gateway/card.hpp"
#include "customer_gateway/operations_ask.hpp"
#include "http/address.hpp"

namespace depot::customer_gateway {
namespace {

using protocol::Problem;
using protocol::RequestKind;

constexpr std::size_t kErrorsMax = 20;
constexpr std::size_t kIdempotencyKeyMax = 255;
constexpr std::size_t kPasswordMax = 128;

Failure invalid(std::vector<FieldError> errors) {
  return {.problem = Problem::invalid,
          .detail = "A value is out of its range.",
          .errors = std::move(errors)};
}

Failure unknown_offer() {
  return {.problem = Problem::unknown_offer, .detail = "There is no such offer."};
}

std::optional<Nothing> nothing(std::string_view) { return Nothing{}; }

auto account_view(const Requester& who) {
  return decoded(protocol::decode_account,
                 [customer = who.caller.customer](protocol::Account account) {
                   return AccountView{customer, std::move(account)};
                 });
}

// What is wrong with those that are given.
std::vector<FieldError> errors_in(const std::optional<std::string>& first_name,
                                  const std::optional<std::string>& last_name,
                                  const std::optional<std::string>& email,
                                  const std::optional<std::string>& password) {
  constexpr const char* kName = "1 to 200 bytes, printable and not blank.";
  std::vector<FieldError> errors;
  const auto check = [&](const std::optional<std::string>& value, bool (*good)(std::string_view),
                         const char* pointer, const char* detail) {
    if (value && !good(*value)) errors.push_back({pointer, detail});
  };
  check(first_name, is_name, "/first_name", kName);  // In the order of the page's fields.
  check(last_name, is_name, "/last_name", kName);
  check(email, is_email, "/email", "Not an e-mail address.");
  check(password, is_password, "/password", "8 to 128 bytes.");
  return errors;
}

// Who asks, for what is told of e-mails that are taken. This machine's own are not counted: its
// scripts, or all customers of a proxy that does not name their addresses.
void name_asker(auto& request, const Requester& who) {
  request.address = who.address;
  request.counted = !http::is_loopback(who.address);
}

std::optional<Failure> failure_in_key(std::optional<std::string_view> key) {
  if (!key || key->empty()) {
    return Failure{Problem::idempotency_key_missing, "Send an Idempotency-Key."};
  }
  const bool visible = std::ranges::all_of(*key, [](char c) { return c > 0x20 && c < 0x7F; });
  if (visible && key->size() <= kIdempotencyKeyMax) return std::nullopt;
  return Failure{Problem::malformed, "Idempotency-Key: 1 to 255 visible ASCII characters."};
}

// Sums equal offers, sorts, and checks all that needs no stock. The failure, if any.
std::optional<Failure> settle_lines(std::vector<protocol::OrderLine>& lines,
                                    const LimitsConfig& limits) {
  std::vector<FieldError> errors;
  std::vector<std::string> unknown;
  if (lines.empty()) errors.push_back({"/lines", "An order has at least one line."});
  for (std::size_t i = 0; i < lines.size() && errors.size() < kErrorsMax; ++i) {
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
    Failure failure = unknown_offer();
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

// The store names the offers that do not exist; the client is shown where it named them.
void point_at_unknown(const std::vector<protocol::OrderLine>& lines, Failure& failure) {
  for (const protocol::OrderLine& line : lines) {
    if (failure.errors.size() == kErrorsMax) return;
    if (std::ranges::find(failure.unknown, line.offer) == failure.unknown.end()) continue;
    failure.errors.push_back(
        {"/lines/" + std::to_string(line.place) + "/offer_id", "Unknown offer: " + line.offer});
  }
}

// What is wrong with a purchase before the stock is asked.
std::optional<Failure> failure_in(OrderEntry& entry, const LimitsConfig& limits) {
  if (entry.mode != "all_or_nothing" && entry.mode != "available") {
    return invalid({{"/mode", "all_or_nothing or available."}});
  }
  if (!entry.cart_version) return settle_lines(entry.lines, limits);
  if (*entry.cart_version < 0) return invalid({{"/cart_version", "Not a version of a cart."}});
  return std::nullopt;
}

}  // namespace

Operations::Operations(Backend& backend, const CatalogueHolder& catalogue, const Config& config)
    : backend_(backend), catalogue_(catalogue), config_(config) {}

// Joins what the back end said with the catalogue's names.
auto Operations::named() const {
  return [this](const auto& value) { return view_of(value, *catalogue_.get()); };
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
    if (problem->problem == Problem::unknown_offer) {
      failure.detail = unknown_offer().detail;
      failure.unknown = problem->offers;
    }
    return failure;
  }
  const std::string_view letter = outcome.body.substr(0, 1);
  if (letter == "N" || letter == "n") {
    if (const auto refusal = protocol::decode_refusal(outcome.body.substr(1))) {
      const auto catalogue = catalogue_.get();
      Failure failure{.problem = refusal->problem,
                      .verdict = true,
                      .removed = refusal->removed,
                      .replayed = letter == "n"};
      for (const auto& item : refusal->items) failure.items.push_back(view_of(item, *catalogue));
      return failure;
    }
  }
  return {.problem = Problem::internal, .detail = "An answer from within made no sense."};
}

template <typename T>
void Operations::refuse(const Requester& who, Failure failure, Done<T> done, std::string order_id) {
  auto judged = [failure = std::move(failure), done](Answer<Nothing> session) {
    done(tl::unexpected(session ? failure : session.error()));
  };
  std::string body = order_id.empty()
                         ? encoded(who.caller)
                         : encoded(protocol::OrderRequest{who.caller, std::move(order_id)});
  ask<Nothing>(who, RequestKind::check_session, std::move(body), nothing, std::move(judged));
}

Done<SignedIn> Operations::ending_session_of(const Requester& who, Done<SignedIn> done) {
  if (!who.signed_in()) return done;
  return [this, who, done = std::move(done)](Answer<SignedIn> fresh) {
    if (!fresh) return done(std::move(fresh));
    // One that has ended, or cannot be reached now, keeps nobody from logging in.
    log_out(who, [done, fresh = std::move(fresh)](const Answer<Nothing>&) { done(fresh); });
  };
}

void Operations::sign_up(const Requester& who, protocol::CreateAccount account,
                         Done<SignedIn> done) {
  auto errors = errors_in(account.first_name, account.last_name, account.email, account.password);
  if (!errors.empty()) return done(tl::unexpected(invalid(std::move(errors))));
  done = ending_session_of(who, std::move(done));
  const Token token{make_customer_id(), make_token_secret()};
  account.caller = {token.hash(), token.customer};
  name_asker(account, who);
  const auto view = [token](std::string_view) {
    return std::optional(SignedIn{token.customer, token.text()});
  };
  ask(who, RequestKind::create_account, encoded(account), view, std::move(done));
}

void Operations::log_in(const Requester& who, std::string email, std::string password,
                        Done<SignedIn> done) {
  // No account has such an e-mail or password; the bound keeps hashing cheap.
  if (email.size() > 254 || password.size() > kPasswordMax) {
    return done(tl::unexpected(invalid({{"", "At most 254 and 128 bytes."}})));
  }
  done = ending_session_of(who, std::move(done));
  const Token fresh{"", make_token_secret()};
  const protocol::LogIn request{fresh.hash(), std::move(email), std::move(password), who.address};
  const auto view = [secret = fresh.secret](const std::string& customer) {
    return SignedIn{customer, Token{customer, secret}.text()};
  };
  ask(who, RequestKind::log_in, encoded(request), decoded(protocol::decode_logged_in, view),
      std::move(done));
}

void Operations::log_out(const Requester& who, Done<Nothing> done) {
  ask(who, RequestKind::log_out, encoded(who.caller), nothing, std::move(done));
}

void Operations::get_account(const Requester& who, Done<AccountView> done) {
  ask(who, RequestKind::get_account, encoded(who.caller), account_view(who), std::move(done));
}

void Operations::change_account(const Requester& who, protocol::ChangeAccount change,
                                Done<AccountView> done) {
  auto errors = errors_in(change.first_name, change.last_name, change.email, change.password);
  // Alone it would be taken for checked.
  if ((change.email || change.password) != change.current_password.has_value()) {
    errors.push_back({"/current_password", "Needed to change e-mail or password, and only then."});
  }
  if (change.current_password && change.current_password->size() > kPasswordMax) {
    errors.push_back({"/current_password", "At most 128 bytes."});
  }
  if (!errors.empty()) return refuse(who, invalid(std::move(errors)), std::move(done));
  change.caller = who.caller;
  name_asker(change, who);
  ask(who, RequestKind::change_account, encoded(change), account_view(who), std::move(done));
}

void Operations::delete_account(const Requester& who, std::string password, Done<Nothing> done) {
  if (password.size() > kPasswordMax) {
    return refuse(who, invalid({{"/password", "At most 128 bytes."}}), std::move(done));
  }
  const protocol::DeleteAccount request{who.caller, std::move(password)};
  ask(who, RequestKind::delete_account, encoded(request), nothing, std::move(done));
}

void Operations::put_card(const Requester& who, const CardEntry& entry, Done<protocol::Card> done) {
  const auto card = check_card(entry, wall_now());
  if (!card) return refuse(who, invalid(card.error()), std::move(done));
  // What a payment provider would give in exchange for the number; it stands for nothing here.
  const protocol::PutCard request{who.caller, *card, make_token_secret()};
  const auto view = [card = *card](std::string_view) { return std::optional(card); };
  ask(who, RequestKind::put_card, encoded(request), view, std::move(done));
}

void Operations::delete_card(const Requester& who, Done<Nothing> done) {
  ask(who, RequestKind::delete_card, encoded(who.caller), nothing, std::move(done));
}

void Operations::get_cart(const Requester& who, Done<CartView> done) {
  ask(who, RequestKind::get_cart, encoded(who.caller), decoded(protocol::decode_cart, named()),
      std::move(done));
}

void Operations::change_cart(const Requester& who, RequestKind kind, std::string offer,
                             std::int64_t quantity, Done<CartView> done) {
  const bool remove = kind == RequestKind::remove_cart_line;
  const std::int64_t most = config_.limits.quantity_max;
  if (!remove && (quantity < 1 || quantity > most)) {
    return refuse(who, invalid({{"/quantity", "1 to " + std::to_string(most) + "."}}),
                  std::move(done));
  }
  auto pointed = [kind, done = std::move(done)](Answer<CartView> answer) {
    const bool unknown = !answer && answer.error().problem == Problem::unknown_offer;
    if (unknown && kind == RequestKind::add_cart_line) {
      answer.error().errors = {{"/offer_id", "Unknown offer."}};
    }
    done(std::move(answer));
  };
  if (!is_offer_id(offer)) return refuse<CartView>(who, unknown_offer(), std::move(pointed));
  const protocol::CartChange change{who.caller,
                                    std::string(who.request_id.begin(), who.request_id.end()),
                                    std::move(offer), quantity};
  std::string body;
  remove ? encode_remove(change, body) : encode_change(change, body);
  ask<CartView>(who, kind, std::move(body), decoded(protocol::decode_cart, named()),
                std::move(pointed));
}

void Operations::place_order(const Requester& who, std::optional<std::string_view> key,
                             OrderEntry entry, Done<OrderView> done) {
  if (auto failure = failure_in_key(key)) return refuse(who, std::move(*failure), std::move(done));
  protocol::PlaceOrder order;
  order.order_id = order_id_for(who.caller.customer, *key);
  if (auto failure = failure_in(entry, config_.limits)) {
    return refuse(who, std::move(*failure), std::move(done), std::move(order.order_id));
  }
  if (entry.mode == "available") order.mode = protocol::OrderMode::available;
  order.cart_version = entry.cart_version;
  order.lines = std::move(entry.lines);
  order.caller = who.caller;
  order.fingerprint = fingerprint_of(order);
  auto view = [this, id = order.order_id](std::string_view body) -> std::optional<OrderView> {
    auto row = protocol::decode_order_row(body.substr(1));
    if (!row) return std::nullopt;
    // As it was placed, also in a replay: every part paid.
    protocol::OrderView placed{id, std::move(*row), {}};
    placed.statuses.resize(placed.row.parts.size());
    OrderView seen = view_of(placed, *catalogue_.get());
    seen.replayed = body.front() == 'p';
    return seen;
  };
  std::string body = encoded(order);
  auto pointed = [done = std::move(done),
                  lines = std::move(order.lines)](Answer<OrderView> answer) {
    if (!answer) point_at_unknown(lines, answer.error());
    done(std::move(answer));
  };
  ask<OrderView>(who, RequestKind::place_order, std::move(body), std::move(view),
                 std::move(pointed));
}

void Operations::list_orders(const Requester& who, int limit, std::optional<std::int64_t> before,
                             Done<OrderList> done) {
  const auto view = [named = named()](const protocol::OrderPage& page) {
    OrderList list;
    for (const auto& order : page.orders) list.orders.push_back(named(order));
    if (page.next) list.next_cursor = std::to_string(*page.next);
    return list;
  };
  const protocol::ListOrders request{who.caller, limit, before};
  ask(who, RequestKind::list_orders, encoded(request), decoded(protocol::decode_order_page, view),
      std::move(done));
}

void Operations::on_order(const Requester& who, RequestKind kind, std::string id,
                          Done<OrderView> done) {
  if (!is_id(id)) return refuse(who, {Problem::not_found, "There is no such order."}, done);
  const protocol::OrderRequest request{who.caller, std::move(id)};
  ask(who, kind, encoded(request), decoded(protocol::decode_order_view, named()), std::move(done));
}

void Operations::get_cycle(const Requester& who, Done<protocol::Cycle> done) {
  ask(who, RequestKind::get_cycle, {}, protocol::decode_cycle_reply, std::move(done));
}

}  // namespace depot::customer_gateway
