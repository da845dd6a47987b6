// What was bought.
#include "customer_gateway/pages_html.hpp"

namespace depot::customer_gateway::pages {
namespace {

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
    set(row, {{"name", line.name},
              {"manufacturer", line.manufacturer_name},
              {"quantity", std::to_string(line.quantity)},
              {"price", page.money(line.unit_price)},
              {"sum", page.money(line.quantity * line.unit_price)}});
    set_status(row, line.status);
  }
  Html data;
  set_order(page, data, order);
  set_faults(data, page, order.refused, {});
  set(data, {{"lines", lines},
             {"cancellable", all_paid && !failure},
             {"not_cancellable", failure != nullptr}});
  page.show("order", std::move(data), failure);
}

}  // namespace

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
    set(data, {{"has_orders", !orders.empty()}, {"orders", orders}});
    if (!answer->next_cursor.empty()) {
      data.set("next", with_query("/orders", "cursor", answer->next_cursor));
    }
    page.show("orders", std::move(data));
  };
  page.operations().list_orders(page.who(), kOrdersPerPage, before, listed);
}

void get_order(const Page& page) {
  page.operations().get_order(page.who(), page.parameter(), [page](const Answer<OrderView>& order) {
    order ? show_order(page, *order, nullptr) : page.fail(order.error());
  });
}

void post_order_cancel(const Page& page) {
  const std::string here = "/orders/" + page.parameter();
  const auto cancelled = [=](const Answer<OrderView>& answer) {
    if (answer) return page.redirect(here + "?done=cancelled");
    const Failure& why = answer.error();
    if (why.problem != protocol::Problem::not_cancellable) return page.fail(why, here);
    page.operations().get_order(page.who(), page.parameter(), [=](const Answer<OrderView>& order) {
      order ? show_order(page, *order, &why) : page.fail(order.error(), here);
    });
  };
  page.operations().cancel_order(page.who(), page.parameter(), cancelled);
}

}  // namespace depot::customer_gateway::pages
