// The customer's pages: what operations.hpp offers, as HTML and forms. They need no script.
//
// A form is answered by 303 to the page that shows its effect, or by the same form with what was
// wrong beside what was typed (never a password or a card number). Texts are in pages/*.html.
//
// Threads: those of one I/O thread.
// Source:  docs/ARCHITECTURE.md, "Pages".
#pragma once

#include "customer_gateway/exchange.hpp"

namespace depot::customer_gateway::pages {

void get_catalogue(const Visit&);
void get_signup(const Visit&);
void post_signup(const Visit&);
void get_login(const Visit&);
void post_login(const Visit&);
void post_logout(const Visit&);
void get_account(const Visit&);
void post_account(const Visit&);
void post_account_delete(const Visit&);
void post_card(const Visit&);
void post_card_remove(const Visit&);
void get_cart(const Visit&);
void post_cart_add(const Visit&);
void post_cart_set(const Visit&);
void post_cart_remove(const Visit&);
void post_cart_buy(const Visit&);
void get_orders(const Visit&);
void get_order(const Visit&);
void post_order_cancel(const Visit&);
void get_problem(const Visit&);
void get_css(const Visit&);
void get_icon(const Visit&);

// True for a browser that wants a page, not for a program that asks the API.
bool wants_page(const http::Request& request);
// The failure as a page, for who wants one.
void show_failure(const Visit& visit, const Failure& failure);

}  // namespace depot::customer_gateway::pages
