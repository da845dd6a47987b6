// The goods, the cart, buying it, and what was bought.
#include "base/ids.hpp"
#include "customer_gateway/page.hpp"

namespace depot::customer_gateway {
namespace {

using http::Method;
using protocol::Problem;
using protocol::RequestKind;

// A filter that is none of ours is as good as no filter: somebody edited the address.
CatalogueQuery query_of(const Page& page) {
  CatalogueQuery query;
  query.manufacturer = page.text("manufacturer");
  query.text = page.text("q").substr(0, 200);
  query.include_sold_out = page.text("include_sold_out") == "true";
  query.cursor = page.text("cursor");
  read_sort(page.text("sort"), query);
  return query;
}

std::string address_of(const Page& page, std::string_view cursor) {
  std::string address = "/";
  for (const std::string_view name : {"q", "manufacturer", "sort", "include_sold_out"}) {
    const std::string value = page.text(name);
    if (!value.empty()) address = with_query(std::move(address), name, value);
  }
  return cursor.empty() ? address : with_query(std::move(address), "cursor", cursor);
}

void get_catalogue(const Page& page) {
  CatalogueQuery query = query_of(page);
  const auto catalogue = page.operations().catalogue();
  auto listed = catalogue->list(query);
  if (!listed) {
    query.cursor.clear();
    listed = catalogue->list(query);
  }
  HtmlList items;
  for (const ItemView& item : listed->items) {
    Html& row = items.emplace_back();
    set_goods(row, page, item.offer_id, item.name, item.manufacturer_name, item.unit_price);
    set(row, {{"available", std::to_string(item.available)}, {"sold_out", item.available <= 0}});
  }
  HtmlList manufacturers;
  for (const auto& [id, name] : catalogue->manufacturers()) {
    set(manufacturers.emplace_back(),
        {{"id", id}, {"name", name}, {"selected", id == query.manufacturer}});
  }
  Html data;
  set(data, {{"q", query.text},
             {"manufacturers", manufacturers},
             {"include_sold_out", query.include_sold_out},
             {"filtered", !query.text.empty() || !query.manufacturer.empty()},
             {"back", address_of(page, query.cursor)}});
  set_list(data, "items", items);
  data.set("sort_" + page.text("sort"), true);
  if (!listed->next_cursor.empty()) data.set("next", address_of(page, listed->next_cursor));
  page.show("catalogue", std::move(data));
}

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
    set_goods(row, page, line.offer, name, manufacturer, line.unit_price, line.quantity);
    set(row, {{"seen_price", page.money(line.seen_price)},
              {"available", std::to_string(line.available)}});
    set_line_problem(row, line.problem);
  }
  set_list(data, "lines", lines);
  set(data, {{"has_problems", has_problems},
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

void get_cart(const Page& page) {
  page.operations().get_cart(page.who(), [page](const Answer<CartView>& cart) {
    cart ? show_cart(page, *cart, nullptr, false) : page.fail(cart.error());
  });
}

void change_cart(const Page& page, RequestKind kind, std::int64_t quantity, Done<CartView> done) {
  page.operations().change_cart(page.who(), kind, page.text("offer_id"), quantity, std::move(done));
}

void post_cart_add(const Page& page) {
  change_cart(page, RequestKind::add_cart_line, page.integer("quantity"),
              cart_changed(page, local_path(page.text("back"), "/cart"), "added"));
}

void post_cart_set(const Page& page) {
  change_cart(page, RequestKind::set_cart_line, page.integer("quantity"),
              cart_changed(page, "/cart"));
}

void post_cart_remove(const Page& page) {
  change_cart(page, RequestKind::remove_cart_line, 1, cart_changed(page, "/cart"));
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

constexpr int kOrdersPerPage = 20;

void set_order(const Page& page, Html& data, const OrderView& order) {
  const std::string time = to_rfc3339(WallTime(std::chrono::milliseconds(order.placed_at_ms)));
  set(data, {{"order_id", order.order_id},
             {"total", page.money(order.total)},
             {"placed_at", time},  // for machines
             {"placed", time.substr(0, 10) + " " + time.substr(11, 5) + " UTC"}});
  set_status(data, order.status);
}

void show_order(const Page& page, const OrderView& order, const Failure* failure) {
  HtmlList lines;
  bool all_paid = true;
  for (const OrderLineView& line : order.lines) {
    all_paid = all_paid && line.status == protocol::PartStatus::paid;
    Html& row = lines.emplace_back();
    set_goods(row, page, line.offer_id, line.name, line.manufacturer_name, line.unit_price,
              line.quantity);
    set_status(row, line.status);
  }
  Html data;
  set_order(page, data, order);
  set_faults(data, page, order.refused, {});
  set_list(data, "lines", lines);
  set(data, {{"cancellable", all_paid && !failure}, {"not_cancellable", failure != nullptr}});
  page.show("order", std::move(data), failure);
}

void get_orders(const Page& page) {
  std::optional<std::int64_t> before;
  if (page.integer("cursor") >= 0) before = page.integer("cursor");
  const auto listed = [page](const Answer<OrderList>& answer) {
    if (!answer) return page.fail(answer.error());
    HtmlList orders;
    for (const OrderView& order : answer->orders) {
      Html& row = orders.emplace_back();
      set_order(page, row, order);
      row.set("first", order.lines.empty() ? "" : order.lines.front().name);
      if (order.lines.size() > 1) row.set("more", std::to_string(order.lines.size() - 1));
    }
    Html data;
    set_list(data, "orders", orders);
    if (!answer->next_cursor.empty()) {
      data.set("next", with_query("/orders", "cursor", answer->next_cursor));
    }
    page.show("orders", std::move(data));
  };
  page.operations().list_orders(page.who(), kOrdersPerPage, before, listed);
}

// Continues get_order, also to say why an order was not cancelled.
Done<OrderView> order_reply(const Page& page, std::optional<Failure> failure = {}) {
  return [=](const Answer<OrderView>& order) {
    order ? show_order(page, *order, failure ? &*failure : nullptr)
          : page.fail(order.error(), "/orders/" + page.parameter());
  };
}

void get_order(const Page& page) {
  page.operations().on_order(page.who(), RequestKind::get_order, page.parameter(),
                             order_reply(page));
}

void post_order_cancel(const Page& page) {
  const auto cancelled = [page](const Answer<OrderView>& answer) {
    const std::string here = "/orders/" + page.parameter();
    if (answer) return page.redirect(here + "?done=cancelled");
    const Failure& why = answer.error();
    if (why.problem != Problem::not_cancellable) return page.fail(why, here);
    page.operations().on_order(page.who(), RequestKind::get_order, page.parameter(),
                               order_reply(page, why));
  };
  page.operations().on_order(page.who(), RequestKind::cancel_order, page.parameter(), cancelled);
}

constexpr Route kRoutes[] = {
    {Method::get, "/", page<get_catalogue>},
    {Method::get, "/cart", page<get_cart>},
    {Method::post, "/cart/add", page<post_cart_add>},
    {Method::post, "/cart/set", page<post_cart_set>},
    {Method::post, "/cart/remove", page<post_cart_remove>},
    {Method::post, "/cart/buy", page<post_cart_buy>},
    {Method::get, "/orders", page<get_orders>},
    {Method::get, "/orders/{order_id}", page<get_order>},
    {Method::post, "/orders/{order_id}/cancel", page<post_order_cancel>},
};

}  // namespace

std::span<const Route> shop_pages() { return kRoutes; }

}  // namespace depot::customer_gateway
