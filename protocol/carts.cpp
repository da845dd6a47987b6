#include "protocol/carts.hpp"

#include "protocol/fields.hpp"

namespace depot::protocol {

void encode_change(const CartChange& change, std::string& out) {
  write_array(out, change.caller, change.request_id, change.offer, change.quantity);
}

void encode_remove(const CartChange& change, std::string& out) {
  write_array(out, change.caller, change.request_id, change.offer);
}

std::optional<Cart> decode_cart(std::string_view body) {
  return decode_reply<Cart>('O', body, 2, [](Reader& reader, Cart& cart) {
    read(reader, cart.version);
    read_rows(reader, 6, cart.lines, [&](CartLine& line) {
      read(reader, line.offer, line.quantity, line.seen_price, line.unit_price, line.available,
           up_to(line.problem, LineProblem::short_));
    });
  });
}

}  // namespace depot::protocol
