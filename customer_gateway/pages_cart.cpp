// The cart, and buying it.
#include "base/ids.hpp"
#include "customer_gateway/page.hpp"
#include "customer_gateway/templates.hpp"

namespace depot::customer_gateway {
namespace {

using http::Method;
using protocol::Problem;
using protocol::RequestKind;

// Nothing that a person could put right: Depot is away, or what happened is not known.
bool is_ours(const Failure& failure) { return row_of(failure.problem).http_status >= 500; }

constexpr std::string_view kNotBought = "cart.not_bought.", kNotAdded = "cart.not_added.",
                           kNotChanged = "cart.not_changed.";

// A line of the cart, and who else has the product where it cannot be bought as it stands.
struct Line {
  const CartLineView& shown;
  std::vector<Alternative> alternatives;
  std::string typed = {};  // the quantity that was not possible; "" where it is as it stands
  bool takes_less() const {
    return shown.line.problem == protocol::LineProblem::short_ ||
           shown.line.problem == protocol::LineProblem::limit;
  }
};
void write(JsonWriter& json, const Line& line) {
  json.open('{');
  write_fields(json, line.shown);
  json.fields("alternatives", line.alternatives, "typed", line.typed, "wrong", !line.typed.empty(),
              "takes_less", line.takes_less());
  json.close('}');
}

// `what`: kNotBought, kNotAdded or kNotChanged, where the texts of the failure are.
void show_cart(const Page& page, const CartView& cart, const Failure* failure,
               std::string_view what = "") {
  const auto catalogue = page.operations().catalogue();
  std::vector<Line> lines;
  bool has_problems = false;
  for (const CartLineView& line : cart.lines) {
    const bool fine = line.line.problem == protocol::LineProblem::none;
    has_problems = has_problems || !fine;
    lines.push_back(
        {line, fine ? std::vector<Alternative>() : catalogue->alternatives(line.line.offer)});
    if (what == kNotChanged && page.text("offer_id") == line.line.offer) {
      lines.back().typed = page.text("quantity").substr(0, 20);
    }
  }
  Html data = page.html([&](JsonWriter& json) {
    json.object("cart_version", cart.version, "lines", lines, "total", Minor{cart.total});
  });
  set(data, {{"has_problems", has_problems},
             {"failed", failure != nullptr},
             {"closed", page.sale_is_closed()},
             {"key", make_token_secret()}});  // Of the next purchase, however often it is sent.
  page.set_number(data, "count", std::ssize(cart.lines));
  if (failure) {
    data.set("failure", std::string(problem_text(page, what, failure->problem)));
    set_faults(data, page, failure->items, failure->removed.value_or(std::vector<std::string>{}));
  }
  page.show("cart", std::move(data), failure);
}

// The cart with what went wrong above it. Where no cart is to be had either, the failure alone.
void show_cart_failure(const Page& page, const Failure& failure, std::string_view what) {
  page.operations().get_cart(page.who(), [=](const Answer<CartView>& cart) {
    cart ? show_cart(page, *cart, &failure, what) : page.fail(failure, "/cart");
  });
}

// The same request again, with the same key, is the safe way on.
void show_retry(const Page& page, const Failure& failure) {
  HtmlList fields;
  for (const char* name : {"key", "cart_version", "mode"}) {
    set(fields.emplace_back(), {{"name", name}, {"value", page.text(name)}});
  }
  const std::string name(row_of(failure.problem).name);
  Html data;
  set(data, {{"heading", std::string(text_of(page.language(), "problem." + name + ".title"))},
             {"text", std::string(problem_text(page, kNotBought, failure.problem))},
             {"retry", Html("fields", fields)}});
  page.show("problem", std::move(data), &failure);
}

// Whoever is not signed in (any more) logs in first, with what is to be put into the cart.
void log_in_to_add(const Page& page, const std::string& back) {
  std::string where = with_query("/login?need=1", "next", back);
  for (const std::string_view name : {"offer_id", "quantity"}) {
    where = with_query(std::move(where), name, page.text(name).substr(0, 200));
  }
  page.redirect(std::move(where));
}

void get_cart(const Page& page) {
  page.operations().get_cart(page.who(), [page](const Answer<CartView>& cart) {
    cart ? show_cart(page, *cart, nullptr) : page.fail(cart.error());
  });
}

// `back`: to go on with when it is done, `again` when it could not be done now.
void change_cart(const Page& page, RequestKind kind, std::int64_t quantity, std::string back,
                 std::string again) {
  const auto changed = [=](const Answer<CartView>& answer) {
    const bool adding = kind == RequestKind::add_cart_line;
    if (answer) return page.redirect(back, adding ? "added" : "");
    const Failure& failure = answer.error();
    if (adding && failure.problem == Problem::unauthenticated) return log_in_to_add(page, again);
    if (failure.problem == Problem::unauthenticated || is_ours(failure)) {
      return page.fail(failure, again);
    }
    show_cart_failure(page, failure, adding ? kNotAdded : kNotChanged);
  };
  page.operations().change_cart(page.who(), kind, page.text("offer_id"), quantity, changed);
}

void post_cart_add(const Page& page) { add_to_cart(page, local_path(page.text("back"), "/cart")); }

void post_cart_set(const Page& page) {
  change_cart(page, RequestKind::set_cart_line, page.integer("quantity"), "/cart", "/cart");
}

void post_cart_remove(const Page& page) {
  change_cart(page, RequestKind::remove_cart_line, 1, "/cart", "/cart");
}

void post_cart_buy(const Page& page) {
  OrderEntry order;
  order.mode = page.text("mode");
  order.cart_version = page.integer("cart_version");
  const auto placed = [page](const Answer<OrderView>& answer) {
    if (answer) return page.redirect("/orders/" + answer->order_id, "placed");
    const Failure& failure = answer.error();
    if (failure.problem == Problem::card_required) {
      return page.redirect("/account?need=card&next=%2Fcart");
    }
    if (failure.problem == Problem::unauthenticated) return page.fail(failure, "/cart");
    is_ours(failure) ? show_retry(page, failure) : show_cart_failure(page, failure, kNotBought);
  };
  page.operations().place_order(page.who(), page.text("key"), std::move(order), placed);
}

constexpr Route kCartPages[] = {
    {Method::get, "/cart", page<get_cart>},
    {Method::post, "/cart/add", page<post_cart_add>},
    {Method::post, "/cart/set", page<post_cart_set>},
    {Method::post, "/cart/remove", page<post_cart_remove>},
    {Method::post, "/cart/buy", page<post_cart_buy>},
};

}  // namespace

void add_to_cart(const Page& page, const std::string& back) {
  change_cart(page, RequestKind::add_cart_line, page.integer("quantity"),
              back + "#" + anchor_of(page.text("offer_id")), back);
}

std::span<const Route> cart_pages() { return kCartPages; }

}  // namespace depot::customer_gateway
