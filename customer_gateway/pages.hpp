// The customer's pages: what operations.hpp offers, as HTML and forms. They need no script.
//
// A form is answered by 303 to the page that shows its effect, or by the same form with what was
// wrong beside what was typed (never a password or a card number). Texts are in pages/*.html.
//
// Threads: those of one I/O thread.
// Source:  RFC 9110, 303; WCAG 2.2.
#pragma once

#include "customer_gateway/exchange.hpp"

namespace depot::customer_gateway::pages {

class Page;

void get_catalogue(const Page&);
void get_signup(const Page&);
void post_signup(const Page&);
void get_login(const Page&);
void post_login(const Page&);
void post_logout(const Page&);
void get_account(const Page&);
void post_account(const Page&);
void post_account_delete(const Page&);
void post_card(const Page&);
void post_card_remove(const Page&);
void get_cart(const Page&);
void post_cart_add(const Page&);
void post_cart_set(const Page&);
void post_cart_remove(const Page&);
void post_cart_buy(const Page&);
void get_orders(const Page&);
void get_order(const Page&);
void post_order_cancel(const Page&);
void get_problem(const Page&);

// Reads the query, or the form that was sent, and hands over to `handler`.
void serve(const Visit& visit, void (*handler)(const Page&));
// A handler of the route table.
template <void (*handler)(const Page&)>
void page(const Visit& visit) {
  serve(visit, handler);
}

void get_css(const Visit&);
void get_icon(const Visit&);

// The failure as a page, for a browser that asked for one; false for a program.
bool show_failure(const Visit& visit, const Failure& failure);

}  // namespace depot::customer_gateway::pages
