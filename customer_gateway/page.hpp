// The customer's pages: what operations.hpp offers, as HTML and forms. They need no script.
//
// A form is answered by 303 to the page that shows its effect, or by the same form with what was
// wrong beside what was typed (never a password or a card number). Texts are in pages/*.html.
//
// Threads: those of one I/O thread; each has its own parsed templates.
// Source:  RFC 9110, 303; WCAG 2.2; https://mustache.github.io/mustache.5.html.
#pragma once

#include <kainjow/mustache.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "customer_gateway/exchange.hpp"
#include "customer_gateway/routes.hpp"

namespace depot::customer_gateway {

using Html = kainjow::mustache::data;
using HtmlList = std::vector<Html>;
void set(Html& data, std::initializer_list<std::pair<const char*, Html>> values);

// One page on its way; copied into what continues an operation.
class Page {
 public:
  Page(const Visit& visit, Form fields);

  const Requester& who() const { return exchange_->requester; }
  Operations& operations() const { return operations_; }
  const std::string& parameter() const { return parameter_; }  // of the path
  std::string money(std::int64_t amount_minor) const;

  // A field of the query, or of the form that was sent: "" and -1 for none.
  std::string text(std::string_view name) const { return optional_text(name).value_or(""); }
  std::int64_t integer(std::string_view name) const;
  std::optional<std::string> optional_text(std::string_view name) const;

  // `name`: a file of pages/ without its ending. `failure` gives status and headers.
  void show(std::string_view name, Html data, const Failure* failure = nullptr) const;
  void redirect(std::string where, std::string cookie = {}) const;
  // A stranger is sent to log in, and then back to `back` ("" = here); else a page says why.
  void fail(const Failure& failure, std::string back = {}) const;

 private:
  std::shared_ptr<Exchange> exchange_;
  Operations& operations_;
  std::string parameter_;
  std::string here_;  // path and query; "" for a form that was sent
  std::shared_ptr<const Form> fields_;
};

// Reads the query, or the form that was sent, and hands over to `handler`.
void serve(const Visit& visit, void (*handler)(const Page&));
// A handler of a route table.
template <void (*handler)(const Page&)>
void page(const Visit& visit) {
  serve(visit, handler);
}

// `name` and has_<name>: mustache cannot ask whether a list has rows.
void set_list(Html& data, const std::string& name, const HtmlList& rows);
// What every row of goods shows: names, price, and the sum for `quantity`.
void set_goods(Html& row, const Page& page, std::string_view offer, std::string_view name,
               std::string_view manufacturer, std::int64_t unit_price, std::int64_t quantity = 1);

// A path of ours to go to next, from what a form says; else `otherwise`.
std::string local_path(std::string path, std::string_view otherwise);
std::string with_query(std::string path, std::string_view name, std::string_view value);

// Every flag of a set is set, true or not: a name that is missing would be looked for further out.
void set_errors(Html& data, const Failure& failure);  // error_<field>s, and what set_problem sets
void set_problem(Html& data, protocol::Problem problem);
void set_line_problem(Html& data, protocol::LineProblem problem);
void set_status(Html& data, protocol::PartStatus status);
// has_faults and faults: lines that could not be bought; `removed` of them from the cart.
void set_faults(Html& data, const Page& page, std::span<const FaultView> faults,
                std::span<const std::string> removed);

}  // namespace depot::customer_gateway
