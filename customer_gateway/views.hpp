// What customers see: carts, orders, goods, accounts, and why something was refused. The JSON
// handlers write these as HTTP_API.md says; the pages show the same by templates.
//
// An Answer is what an operation ends in: the view, or the Failure that tells what went wrong.
//
// Threads: values; an ItemView's views live as long as the Catalogue they came from.
// Source:  docs/openapi.yaml.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "protocol/accounts.hpp"
#include "protocol/carts.hpp"
#include "protocol/cycles.hpp"
#include "protocol/orders.hpp"
#include "protocol/problem.hpp"

namespace depot::customer_gateway {

class Catalogue;
class JsonWriter;

// One offer of the catalogue.
struct ItemView {
  std::string_view offer_id, manufacturer_id, manufacturer_name, sku, name;
  std::int64_t unit_price = 0;
  std::int64_t available = 0;
};

struct Alternative {
  std::string offer_id, manufacturer_name;
  std::int64_t unit_price = 0;
  std::int64_t available = 0;
};

// A line that could not be bought as asked, and who else has the same product.
struct FaultView {
  protocol::LineVerdict verdict;
  std::string name, manufacturer_name;  // for the pages
  std::vector<Alternative> alternatives;
};

struct FieldError {
  std::string pointer;  // JSON pointer into the request ("/lines/0/quantity"); "" for the whole
  std::string detail;
};

struct Failure {
  protocol::Problem problem = protocol::Problem::internal;
  std::string detail = {};  // a sentence for a person
  std::vector<FieldError> errors = {};
  std::vector<std::string> unknown = {};  // offers that do not exist
  bool verdict = false;                   // of the stock: with items, though there be none
  std::vector<FaultView> items = {};
  std::optional<std::vector<std::string>> removed = {};  // of a cart purchase: offers taken out
  bool replayed = false;
  std::int64_t retry_after_ms = 0;
};

template <typename T>
using Answer = tl::expected<T, Failure>;
// Called once, on the I/O thread that asked; perhaps before the operation returns.
template <typename T>
using Done = std::function<void(Answer<T>)>;

struct Nothing {};

struct SignedIn {
  std::string customer_id;
  std::string token;
};

struct AccountView {
  std::string customer_id;
  protocol::Account account;
};

struct CartLineView {
  protocol::CartLine line;
  std::string name, manufacturer_name;
};
struct CartView {
  std::int64_t version = 0;
  std::vector<CartLineView> lines = {};
  std::int64_t total = 0;  // of what can be bought; of a short line what there is
};

struct OrderLineView {
  std::string offer_id, name, manufacturer_name;
  std::int64_t quantity = 0;
  std::int64_t unit_price = 0;
  protocol::PartStatus status = protocol::PartStatus::paid;
};
struct OrderView {
  std::string order_id = {};
  std::int64_t placed_at_ms = 0;
  std::string cycle_id = {};
  protocol::PartStatus status = protocol::PartStatus::paid;
  std::int64_t total = 0;
  std::vector<OrderLineView> lines = {};
  std::vector<FaultView> refused = {};  // of a part-filled order
  bool replayed = false;                // this purchase was made before with the same key
};
struct OrderList {
  std::vector<OrderView> orders;
  std::string next_cursor;  // "" at the end
};

// What the back end said, joined with the names of the catalogue.
CartView view_of(const protocol::Cart& cart, const Catalogue& catalogue);
OrderView view_of(const protocol::OrderView& order, const Catalogue& catalogue);
FaultView view_of(const protocol::LineVerdict& verdict, const Catalogue& catalogue);

// Each as the JSON of the API.
void write(JsonWriter& json, const ItemView& item);
void write(JsonWriter& json, const SignedIn& signed_in);
void write(JsonWriter& json, const AccountView& account);
void write(JsonWriter& json, const CartLineView& line);
void write_fields(JsonWriter& json, const CartLineView& line);  // within an object that is open
void write(JsonWriter& json, const CartView& cart);
void write(JsonWriter& json, const OrderLineView& line);
void write(JsonWriter& json, const OrderView& order);
void write(JsonWriter& json, const OrderList& list);
void write(JsonWriter& json, const Alternative& other);
void write(JsonWriter& json, const FaultView& fault);
void write(JsonWriter& json, const FieldError& error);

}  // namespace depot::customer_gateway

namespace depot::protocol {
void write(customer_gateway::JsonWriter& json, const Card& card);
void write(customer_gateway::JsonWriter& json, const Cycle& cycle);
}  // namespace depot::protocol
