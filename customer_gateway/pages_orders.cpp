// What was bought, and cancelling it.
#include <algorithm>

#include "customer_gateway/page.hpp"

namespace depot::customer_gateway {
namespace {

using http::Method;
using protocol::Problem;
using protocol::RequestKind;

constexpr int kOrdersPerPage = 20;

// The lines of one manufacturer; they are shipped together.
struct Part {
  std::string_view manufacturer_name, status;
  std::vector<OrderLineView> lines;
};
void write(JsonWriter& json, const Part& part) {
  json.object("manufacturer_name", part.manufacturer_name, "status", part.status, "lines",
              part.lines);
}

std::vector<Part> parts_of(const OrderView& order) {
  std::vector<Part> parts;
  for (const OrderLineView& line : order.lines) {
    const auto maker = manufacturer_of(line.offer_id);
    auto part = std::ranges::find_if(parts, [&](const Part& one) {
      return manufacturer_of(one.lines.front().offer_id) == maker;
    });
    if (part == parts.end()) {
      parts.push_back({line.manufacturer_name, name_of(line.status), {}});
      part = parts.end() - 1;
    }
    part->lines.push_back(line);
  }
  return parts;
}

void show_order(const Page& page, const OrderView& order, const Failure* failure) {
  Html data = page.html(order);
  const std::vector<Part> parts = parts_of(order);
  const Html grouped = page.html([&](JsonWriter& json) { json.object("parts", parts); });
  data.set("parts", *grouped.get("parts"));
  set_faults(data, page, order.refused, {});
  const bool all_paid = std::ranges::all_of(order.lines, [](const OrderLineView& line) {
    return line.status == protocol::PartStatus::paid;
  });
  set(data, {{"cancellable", all_paid && !failure && !page.sale_is_closed()},
             {"not_cancellable", failure != nullptr}});
  page.show("order", std::move(data), failure);
}

void get_orders(const Page& page) {
  std::optional<std::int64_t> before;
  if (page.integer("cursor") >= 0) before = page.integer("cursor");
  const auto listed = [page](const Answer<OrderList>& answer) {
    if (!answer) return page.fail(answer.error());
    HtmlList orders;
    for (const OrderView& order : answer->orders) {
      Html& row = orders.emplace_back(page.html(order));
      row.set("first", order.lines.empty() ? "" : order.lines.front().name);
      row.set("has_more", order.lines.size() > 1);
      page.set_number(row, "more", std::ssize(order.lines) - 1);
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
    if (answer) return page.redirect(here, "cancelled");
    const Failure& why = answer.error();
    if (why.problem != Problem::not_cancellable) return page.fail(why, here);
    page.operations().on_order(page.who(), RequestKind::get_order, page.parameter(),
                               order_reply(page, why));
  };
  page.operations().on_order(page.who(), RequestKind::cancel_order, page.parameter(), cancelled);
}

constexpr Route kOrderPages[] = {
    {Method::get, "/orders", page<get_orders>},
    {Method::get, "/orders/{order_id}", page<get_order>},
    {Method::post, "/orders/{order_id}/cancel", page<post_order_cancel>},
};

}  // namespace

std::span<const Route> order_pages() { return kOrderPages; }

}  // namespace depot::customer_gateway
