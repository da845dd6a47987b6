#include "protocol/carts.hpp"

#include "protocol/fields.hpp"

namespace depot::protocol {

void encode_change(const CartChange& change, std::string& out) {
  Writer writer(out);
  write_caller(change.caller, writer.array(5));
  writer.string(change.request_id).string(change.offer).integer(change.quantity);
}

void encode_remove(const CartChange& change, std::string& out) {
  Writer writer(out);
  write_caller(change.caller, writer.array(4));
  writer.string(change.request_id).string(change.offer);
}

std::optional<Cart> decode_cart(std::string_view body) {
  return decode_reply<Cart>('O', body, 2, [](Reader& reader, Cart& cart) {
    cart.version = reader.integer();
    for (std::size_t left = reader.rows(6); left > 0 && reader.ok(); --left) {
      cart.lines.push_back({.offer = std::string(reader.string()),
                            .quantity = reader.integer(),
                            .seen_price = reader.integer(),
                            .unit_price = reader.integer(),
                            .available = reader.integer(),
                            .problem = read_enum(reader, LineProblem::short_)});
    }
  });
}

}  // namespace depot::protocol
