// The cart, and buying it.
#include "base/ids.hpp"
#include "customer_gateway/pages_html.hpp"

namespace depot::customer_gateway::pages {
namespace {

using protocol::Problem;

// Nothing that a person could put right: Depot is away, or what happened is not known.
bool is_ours(const Failure& failure) { return row_of(failure.problem).http_status >= 500; }

// What went wrong, above the cart. `buying`: with the purchase, not with a change of the cart.
void set_failure(const Page& page, Html& data, const Failure& failure, bool buying) {
  constexpr Problem kExplained[] = {
      Problem::insufficient_stock, Problem::price_changed, Problem::offer_withdrawn,
      Problem::limit_exceeded,     Problem::cart_changed,  Problem::cycle_closed,
      Problem::too_many_lines,     Problem::unknown_offer, Problem::invalid};
  const bool too_much = !buying && failure.problem == Problem::insufficient_stock;
  set_problem(data, too_much ? Problem{} : failure.problem);
  set(data, {{"too_much", too_much},
             {"other", std::ranges::find(kExplained, failure.problem) == std::end(kExplained)},
             {"detail", failure.detail},
             {"failed", true}});
  set_faults(data, page, failure.items, failure.removed.value_or(std::vector<std::string>{}));
}

void show_cart(const Page& page, const CartView& cart, const Failure* failure, bool buying) {
  Html data;
  if (failure) set_failure(page, data, *failure, buying);
  HtmlList lines;
  bool has_problems = false;
  for (const auto& [line, name, manufacturer] : cart.lines) {
    has_problems = has_problems || line.problem != protocol::LineProblem::none;
    Html& row = lines.emplace_back();
    set(row, {{"offer_id", line.offer},
              {"name", name},
              {"manufacturer", manufacturer},
              {"price", page.money(line.unit_price)},
              {"seen_price", page.money(line.seen_price)},
              {"sum", page.money(line.quantity * line.unit_price)},
              {"quantity", std::to_string(line.quantity)},
              {"available", std::to_string(line.available)}});
    set_line_problem(row, line.problem);
  }
  set(data, {{"has_lines", !lines.empty()},
             {"lines", lines},
             {"has_problems", has_problems},
             {"total", page.money(cart.total)},
             {"version", std::to_string(cart.version)},
             {"key", make_token_secret()}});  // Of the next purchase, however often it is sent.
  page.show("cart", std::move(data), failure);
}

// The cart with what went wrong above it. Where no cart is to be had either, the failure alone.
void show_cart_failure(const Page& page, const Failure& failure, bool buying) {
  page.operations().get_cart(page.who(), [=](const Answer<CartView>& cart) {
    cart ? show_cart(page, *cart, &failure, buying) : page.fail(failure, "/cart");
  });
}

Done<CartView> cart_changed(const Page& page, const std::string& back, std::string_view done = "") {
  return [=](const Answer<CartView>& answer) {
    if (answer) return page.redirect(done.empty() ? back : with_query(back, "done", done));
    const Failure& failure = answer.error();
    if (is_ours(failure) || failure.problem == Problem::unauthenticated) {
      return page.fail(failure, back);
    }
    show_cart_failure(page, failure, false);
  };
}

// The same request again, with the same key, is the safe way on.
void show_retry(const Page& page, const Failure& failure) {
  HtmlList fields;
  for (const char* name : {"key", "cart_version", "mode"}) {
    set(fields.emplace_back(), {{"name", name}, {"value", page.text(name)}});
  }
  Html data;
  set_problem(data, failure.problem);
  set(data, {{"heading", std::string(row_of(failure.problem).title)},
             {"detail", failure.detail},
             {"retry", Html("fields", fields)}});
  page.show("problem", std::move(data), &failure);
}

}  // namespace

void get_cart(const Page& page) {
  page.operations().get_cart(page.who(), [page](const Answer<CartView>& cart) {
    cart ? show_cart(page, *cart, nullptr, false) : page.fail(cart.error());
  });
}

void post_cart_add(const Page& page) {
  page.operations().add_cart_line(
      page.who(), page.text("offer_id"), page.integer("quantity"),
      cart_changed(page, local_path(page.text("back"), "/cart"), "added"));
}

void post_cart_set(const Page& page) {
  page.operations().set_cart_line(page.who(), page.text("offer_id"), page.integer("quantity"),
                                  cart_changed(page, "/cart"));
}

void post_cart_remove(const Page& page) {
  page.operations().remove_cart_line(page.who(), page.text("offer_id"),
                                     cart_changed(page, "/cart"));
}

void post_cart_buy(const Page& page) {
  OrderEntry order;
  order.mode = page.text("mode");
  order.cart_version = page.integer("cart_version");
  const auto placed = [page](const Answer<OrderView>& answer) {
    if (answer) return page.redirect("/orders/" + answer->order_id + "?done=placed");
    const Failure& failure = answer.error();
    if (failure.problem == Problem::card_required) {
      return page.redirect("/account?need=card&next=%2Fcart");
    }
    if (failure.problem == Problem::unauthenticated) return page.fail(failure, "/cart");
    is_ours(failure) ? show_retry(page, failure) : show_cart_failure(page, failure, true);
  };
  page.operations().place_order(page.who(), page.text("key"), std::move(order), placed);
}

}  // namespace depot::customer_gateway::pages
