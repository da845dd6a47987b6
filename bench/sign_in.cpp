#include "bench/sign_in.hpp"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <utility>

#include "bench/purchase.hpp"

namespace depot::bench {
namespace {

namespace json = boost::json;
namespace net = boost::asio;

constexpr const char* kPassword = "a load engine's customer";
constexpr const char* kTypeHead = "Content-Type: application/json\r\n";
constexpr const char* kCard =
    R"({"number":"4242424242424242","exp_month":12,"exp_year":2039,"cvc":"123"})";

void ignore(const Caller::Answer&, TimePoint) {}

tl::unexpected<Error> failure(const char* step, const std::string& email,
                              const Caller::Answer& answer) {
  const bool no = answer && answer->status == 401;
  return fail(no ? ErrorCode::refused : ErrorCode::unknown,
              fmt::format("{} of {}: {}", step, email, describe(answer)));
}

Shopper shopper_of(const Caller::Answer& answer) {
  const json::value body = json::parse(answer->body);
  return {std::string(body.at("customer_id").as_string()),
          fmt::format("Authorization: Bearer {}\r\n{}",
                      std::string_view(body.at("token").as_string()), kTypeHead)};
}

}  // namespace

net::awaitable<Result<Shopper>> log_in(Caller& caller, std::string email) {
  const Call call{"POST", "/v1/sessions", kTypeHead,
                  json::serialize(json::object{{"email", email}, {"password", kPassword}})};
  const Caller::Answer answer = co_await caller.call(call, ignore);
  if (!answer || answer->status != 201) co_return failure("log-in", email, answer);
  co_return shopper_of(answer);
}

net::awaitable<Result<Shopper>> sign_up(Caller& caller, std::string email) {
  const Call call{"POST", "/v1/accounts", kTypeHead,
                  json::serialize(json::object{{"email", email},
                                               {"password", kPassword},
                                               {"first_name", "Load"},
                                               {"last_name", "Customer"}})};
  const Caller::Answer answer = co_await caller.call(call, ignore);
  const bool known = answer && answer->status == 409;  // From an earlier run or attempt.
  if (!known && (!answer || answer->status != 201)) co_return failure("sign-up", email, answer);
  Result<Shopper> shopper;
  if (known) {
    shopper = co_await log_in(caller, email);
    if (!shopper) co_return shopper;
  } else {
    shopper = shopper_of(answer);
  }
  const Call attach_card{"PUT", "/v1/account/card", shopper->head, kCard};
  const Caller::Answer attached = co_await caller.call(attach_card, ignore);
  if (!attached || attached->status != 200) co_return failure("card", email, attached);
  co_return shopper;
}

}  // namespace depot::bench
