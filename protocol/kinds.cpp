#include "protocol/kinds.hpp"

#include <array>

namespace depot::protocol {
namespace {

constexpr std::array<std::string_view, kRequestKindMax + 1> kKindNames = {"",
                                                                          "place_order",
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
                                                                          "ready"};

constexpr std::array<std::string_view, 11> kStatusNames = {
    "ok",          "refused", "bad_request", "expired",      "overload", "no_worker",
    "worker_lost", "unknown", "draining",    "backend_down", "poison"};

}  // namespace

std::string_view name_of(RequestKind kind) {
  const auto index = static_cast<std::size_t>(kind);
  return index < kKindNames.size() ? kKindNames[index] : "";
}

std::string_view name_of(Status status) {
  const auto index = static_cast<std::size_t>(status);
  return index < kStatusNames.size() ? kStatusNames[index] : "";
}

}  // namespace depot::protocol
