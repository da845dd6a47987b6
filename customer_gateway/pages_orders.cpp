// What was bought.
#include "customer_gateway/pages.hpp"
#include "customer_gateway/pages_html.hpp"

namespace depot::customer_gateway::pages {
namespace {

constexpr int kOrdersPerPage = 20;

void set_order(const Page& page, Html& data, const OrderView& order) {
  data.set("order_id", order.order_id);
  data.set("total", page.money(order.total));
  set_time(data, order.placed_at_ms);
  set_status(data, order.status);
}

void show_order(const Page& page, const OrderView& order, const Failure* failure) {
  Html data;
  set_done(data, page.query());
  set_order(page, data, order);
  HtmlList lines;
  bool all_paid = true;
  for (const OrderLineView& line : order.lines) {
    all_paid = all_paid && line.status == protocol::PartStatus::paid;
    Html& row = lines.emplace_back();
    row.set("name", line.name);
    row.set("manufacturer", line.manufacturer_name);
    row.set("quantity", std::to_string(line.quantity));
    row.set("price", page.money(line.unit_price));
    row.set("sum", page.money(line.quantity * line.unit_price));
    set_status(row, line.status);
  }
  data.set("lines", lines);
  const HtmlList faults = faults_of(page, order.refused, nullptr);
  data.set("has_faults", !faults.empty());
  data.set("faults", faults);
  data.set("cancellable", all_paid && !failure);
  data.set("not_cancellable", failure != nullptr);
  page.show("order", std::move(data), failure);
}

}  // namespace

void get_orders(const Visit& visit) {
  const Page page(visit);
  std::optional<std::int64_t> before;
  if (page.query().integer("cursor") >= 0) before = page.query().integer("cursor");
  page.operations().list_orders(
      page.who(), kOrdersPerPage, before, [page](const Answer<OrderList>& answer) {
        if (!answer) return page.fail(answer.error());
        HtmlList orders;
        for (const OrderView& order : answer->orders) {
          Html& row = orders.emplace_back();
          set_order(page, row, order);
          row.set("first", order.lines.empty() ? "" : order.lines.front().name);
          if (order.lines.size() > 1) row.set("more", std::to_string(order.lines.size() - 1));
        }
        Html data;
        data.set("has_orders", !orders.empty());
        data.set("orders", orders);
        if (!answer->next_cursor.empty()) {
          data.set("next", with_query("/orders", "cursor", answer->next_cursor));
        }
        page.show("orders", std::move(data));
      });
}

void get_order(const Visit& visit) {
  const Page page(visit);
  page.operations().get_order(page.who(), page.parameter(), [page](const Answer<OrderView>& order) {
    if (!order) return page.fail(order.error());
    show_order(page, *order, nullptr);
  });
}

void post_order_cancel(const Visit& visit) {
  const Page page(visit);
  const std::string here = "/orders/" + page.parameter();
  const auto show_why = [page, here](const Failure& failure) {
    page.operations().get_order(page.who(), page.parameter(), [=](const Answer<OrderView>& order) {
      if (!order) return page.fail(order.error(), here);
      show_order(page, *order, &failure);
    });
  };
  page.operations().cancel_order(
      page.who(), page.parameter(), [=](const Answer<OrderView>& answer) {
        if (answer) return page.redirect(here + "?done=cancelled");
        if (answer.error().problem == protocol::Problem::not_cancellable) {
          return show_why(answer.error());
        }
        page.fail(answer.error(), here);
      });
}

}  // namespace depot::customer_gateway::pages
