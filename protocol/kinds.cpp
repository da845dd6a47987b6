#include "protocol/kinds.hpp"

#include <iterator>

namespace depot::protocol {
namespace {

constexpr std::string_view kKindNames[] = {"place_order",
                                           "list_orders",
                                           "get_order",
                                           "cancel_order",
                                           "create_account",
                                           "log_in",
                                           "log_out",
                                           "check_session",
                                           "get_account",
                                           "change_account",
                                           "delete_account",
                                           "put_card",
                                           "delete_card",
                                           "get_cart",
                                           "add_cart_line",
                                           "set_cart_line",
                                           "remove_cart_line",
                                           "get_cycle",
                                           "ready",
                                           "manufacturer_offers",
                                           "manufacturer_sales",
                                           "manufacturer_statements",
                                           "manufacturer_statement"};
static_assert(std::size(kKindNames) == kRequestKindMax);

constexpr std::string_view kStatusNames[] = {"ok",       "refused",      "bad_request", "expired",
                                             "overload", "no_worker",    "worker_lost", "unknown",
                                             "draining", "backend_down", "poison"};

}  // namespace

std::string_view name_of(RequestKind kind) {
  const std::size_t index = static_cast<std::size_t>(kind) - kRequestKindMin;
  return index < std::size(kKindNames) ? kKindNames[index] : "";
}

std::string_view name_of(Status status) {
  const auto index = static_cast<std::size_t>(status);
  return index < std::size(kStatusNames) ? kStatusNames[index] : "";
}

}  // namespace depot::protocol
