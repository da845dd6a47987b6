// The cart, and buying it.
#include "base/crypto.hpp"
#include "base/ids.hpp"
#include "customer_gateway/pages.hpp"
#include "customer_gateway/pages_html.hpp"

namespace depot::customer_gateway::pages {
namespace {

using protocol::Problem;

Html line_row(const Page& page, const CartLineView& view) {
  const protocol::CartLine& line = view.line;
  Html row;
  row.set("offer_id", line.offer);
  row.set("name", view.name);
  row.set("manufacturer", view.manufacturer_name);
  row.set("price", page.money(line.unit_price));
  row.set("seen_price", page.money(line.seen_price));
  row.set("sum", page.money(line.quantity * line.unit_price));
  row.set("quantity", std::to_string(line.quantity));
  row.set("available", std::to_string(line.available));
  row.set("requested", std::to_string(line.quantity));
  set_line_problem(row, line.problem);
  return row;
}

// What went wrong, above the cart. `buying`: with the purchase, not with a change of the cart.
void set_failure(const Page& page, Html& data, const Failure& failure, bool buying) {
  constexpr std::string_view kFields[] = {"quantity"};
  set_errors(data, &failure, kFields);
  const bool too_much = !buying && failure.problem == Problem::insufficient_stock;
  if (too_much) set_problem(data, Problem{});
  data.set("too_much", too_much);
  switch (failure.problem) {
    case Problem::insufficient_stock:
    case Problem::price_changed:
    case Problem::offer_withdrawn:
    case Problem::limit_exceeded:
    case Problem::cart_changed:
    case Problem::cycle_closed:
    case Problem::too_many_lines:
    case Problem::unknown_offer:
    case Problem::invalid:
      break;
    default:
      data.set("other", true);
  }
  data.set("detail", failure.detail);
  const HtmlList faults =
      faults_of(page, failure.items, failure.removed ? &*failure.removed : nullptr);
  data.set("has_faults", !faults.empty());
  data.set("faults", faults);
  data.set("failed", true);
}

void show_cart(const Page& page, const CartView& cart, const Failure* failure, bool buying) {
  Html data;
  set_done(data, page.query());
  if (failure) set_failure(page, data, *failure, buying);
  HtmlList lines;
  bool has_problems = false;
  for (const CartLineView& line : cart.lines) {
    has_problems = has_problems || line.line.problem != protocol::LineProblem::none;
    lines.push_back(line_row(page, line));
  }
  data.set("has_lines", !lines.empty());
  data.set("lines", lines);
  data.set("has_problems", has_problems);
  data.set("total", page.money(cart.total));
  data.set("version", std::to_string(cart.version));
  data.set("key", make_token_secret());  // Of the next purchase, however often it is sent.
  page.show("cart", std::move(data), failure);
}

// The cart with what went wrong above it. Where no cart is to be had either, the failure alone.
void show_cart_failure(const Page& page, Failure failure, bool buying) {
  page.operations().get_cart(page.who(), [=](const Answer<CartView>& cart) {
    if (!cart) return page.fail(failure, "/cart");
    show_cart(page, *cart, &failure, buying);
  });
}

Done<CartView> cart_changed(const Page& page, std::string next) {
  return [=](const Answer<CartView>& answer) {
    if (answer) return page.redirect(next);
    if (row_of(answer.error().problem).http_status >= 500 ||
        answer.error().problem == Problem::unauthenticated) {
      return page.fail(answer.error(), next);
    }
    show_cart_failure(page, answer.error(), false);
  };
}

// Not known, or not now: the same request again, with the same key, is the safe way on.
void show_retry(const Page& page, const Fields& form, const Failure& failure) {
  HtmlList fields;
  for (const std::string_view name : {"key", "cart_version", "mode"}) {
    Html& field = fields.emplace_back();
    field.set("name", std::string(name));
    field.set("value", form.text(name));
  }
  Html data;
  set_problem(data, failure.problem);
  data.set("heading", std::string(protocol::row_of(failure.problem).title));
  data.set("detail", failure.detail);
  data.set("retry", Html("fields", fields));
  page.show("problem", std::move(data), &failure);
}

}  // namespace

void get_cart(const Visit& visit) {
  const Page page(visit);
  page.operations().get_cart(page.who(), [page](const Answer<CartView>& cart) {
    if (!cart) return page.fail(cart.error());
    show_cart(page, *cart, nullptr, false);
  });
}

void post_cart_add(const Visit& visit) {
  const auto form = read_form(visit);
  if (!form) return;
  const Page page(visit);
  const std::string back = local_path(form->text("back"), "/cart");
  page.operations().add_cart_line(page.who(), form->text("offer_id"), form->integer("quantity"),
                                  cart_changed(page, with_query(back, "done", "added")));
}

void post_cart_set(const Visit& visit) {
  const auto form = read_form(visit);
  if (!form) return;
  const Page page(visit);
  page.operations().set_cart_line(page.who(), form->text("offer_id"), form->integer("quantity"),
                                  cart_changed(page, "/cart"));
}

void post_cart_remove(const Visit& visit) {
  const auto form = read_form(visit);
  if (!form) return;
  const Page page(visit);
  page.operations().remove_cart_line(page.who(), form->text("offer_id"),
                                     cart_changed(page, "/cart"));
}

void post_cart_buy(const Visit& visit) {
  const auto form = read_form(visit);
  if (!form) return;
  const Page page(visit);
  OrderEntry order;
  order.mode = form->text("mode");
  order.cart_version = form->integer("cart_version");
  page.operations().place_order(
      page.who(), form->text("key"), std::move(order),
      [page, form](const Answer<OrderView>& answer) {
        if (answer) return page.redirect("/orders/" + answer->order_id + "?done=placed");
        const Failure& failure = answer.error();
        if (failure.problem == Problem::card_required) {
          return page.redirect("/account?need=card&next=%2Fcart");
        }
        if (failure.problem == Problem::unauthenticated) return page.fail(failure, "/cart");
        if (protocol::row_of(failure.problem).http_status >= 500) {
          return show_retry(page, *form, failure);
        }
        show_cart_failure(page, failure, true);
      });
}

}  // namespace depot::customer_gateway::pages
