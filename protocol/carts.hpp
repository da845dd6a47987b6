// Bodies of cart requests, and the cart as it comes back, each line re-checked.
//
// Threads: values.
// Source:  docs/PROTOCOL.md, "Bodies".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/orders.hpp"

namespace depot::protocol {

// body of add_cart_line, set_cart_line: [session, customer, request_id, offer, quantity]
// body of remove_cart_line:             [session, customer, request_id, offer]
// The request id (16 bytes) is remembered by the cart (the last 8), so a retried attempt adds once.
struct CartChange {
  Caller caller;
  std::string request_id;
  std::string offer;
  std::int64_t quantity = 0;  // ignored by remove
};
void encode_change(const CartChange& change, std::string& out);
void encode_remove(const CartChange& change, std::string& out);

struct CartLine {
  std::string offer;
  std::int64_t quantity = 0;
  std::int64_t seen_price = 0;
  std::int64_t unit_price = 0;  // now; the seen price where the offer is withdrawn
  std::int64_t available = 0;
  LineProblem problem = LineProblem::none;
};

// Reply of every cart request: 'O' + [version,
//   [offer, quantity, seen_price, unit_price, available, problem, ... six per line]]
// Too much of an offer: 'N' + a refusal row with the one item (protocol/orders.hpp).
struct Cart {
  std::int64_t version = 0;
  std::vector<CartLine> lines;
};
std::optional<Cart> decode_cart(std::string_view body);

}  // namespace depot::protocol
