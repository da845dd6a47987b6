// How an operation asks the back end. For operations*.cpp, which it keeps short.
//
// Threads: those of one I/O thread.
// Errors:  Failure, as operations.hpp says.
#pragma once

#include <functional>
#include <utility>

#include "customer_gateway/operations.hpp"

namespace depot::customer_gateway {

// 401 where no token came along that could be good for this kind.
inline std::optional<Failure> failure_of_stranger(const Requester& who,
                                                  protocol::RequestKind kind) {
  using enum protocol::RequestKind;
  const bool own = kind == manufacturer_offers || kind == manufacturer_sales ||
                   kind == manufacturer_statements || kind == manufacturer_statement;
  const bool anybodys =
      kind == create_account || kind == log_in || kind == get_cycle || kind == ready;
  if (anybodys || (own ? who.is_manufacturer() : who.signed_in())) return std::nullopt;
  return Failure{protocol::Problem::unauthenticated, own ? "This takes a manufacturer's token."
                                                         : "Log in first: the session is unknown."};
}

// Whose turn it is in the balancer's queue: the session's or manufacturer's, else the address's.
inline std::uint32_t tenant_of(const Requester& who) {
  const std::string& name = who.signed_in()         ? who.caller.session
                            : who.is_manufacturer() ? who.manufacturer.secret
                                                    : who.address;
  return static_cast<std::uint32_t>(std::hash<std::string>()(name));
}

template <typename Request>
std::string encoded(const Request& request) {
  std::string body;
  encode(request, body);
  return body;
}

// A reply's body by `decode`, then `view` of it; nullopt where `decode` says so.
template <typename Decode, typename View>
auto decoded(Decode decode, View view) {
  return [=](std::string_view body) {
    auto value = decode(body);
    return value ? std::optional(view(std::move(*value))) : std::nullopt;
  };
}

template <typename T, typename View>
void Operations::ask(const Requester& who, protocol::RequestKind kind, std::string body, View view,
                     Done<T> done, std::optional<Duration> budget) {
  if (auto failure = failure_of_stranger(who, kind)) return done(tl::unexpected(*failure));
  backend_.call({kind, std::move(body), who.request_id, tenant_of(who)},
                budget.value_or(config_.gateway.request_budget),
                [this, view = std::move(view), done = std::move(done)](const Outcome& outcome) {
                  const std::string_view letter = outcome.body.substr(0, 1);
                  if (letter == "O" || letter == "P" || letter == "p") {
                    if (std::optional<T> seen = view(outcome.body)) return done(std::move(*seen));
                  }
                  done(tl::unexpected(failure_of(outcome)));
                });
}

}  // namespace depot::customer_gateway
