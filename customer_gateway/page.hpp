// The customer's pages: what operations.hpp offers, as HTML and forms. They need no script.
//
// A form is answered by 303 to the page that shows its effect, or by the same form with what was
// wrong beside what was typed (never a password or a card number). What a page shows of an answer
// is the JSON of the API, in the reader's language.
//
// Threads: those of one I/O thread; each has its own parsed templates.
// Source:  RFC 9110, 303; WCAG 2.2.
#pragma once

#include <boost/json/value.hpp>
#include <kainjow/mustache.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "customer_gateway/exchange.hpp"
#include "customer_gateway/locale.hpp"
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
  // From now on the page is this session's, and its answer sets the cookie.
  void sign_in(const SignedIn& as) const;
  Operations& operations() const { return operations_; }
  const std::string& parameter() const { return parameter_; }  // of the path
  Language language() const { return language_; }
  bool secure() const { return operations_.config().gateway.secure_cookie; }
  bool sale_is_closed() const;  // as far as this gateway has heard

  // A field of the query, or of the form that was sent: "" and -1 for none.
  std::string text(std::string_view name) const { return optional_text(name).value_or(""); }
  std::int64_t integer(std::string_view name) const;
  std::optional<std::string> optional_text(std::string_view name) const;

  // The view as the API writes it, for a template:
  //   an amount of money   its text
  //   a whole number       name: its text; name_raw: digits; where texts count it also one of
  //                        name_one, name_few...; name_none (0), name_low (few are left)
  //   a time (at, ..._at)  name; name_text
  //   status, kind, state, answer   name_text
  //   problem of a line    problem, and problem_<each of them>: true or false
  //   a list               name, and has_<name>: mustache cannot ask whether it has rows
  //   offer_id             offer_id, and anchor: the id of its element
  //   a line of goods      sum: quantity times price
  template <typename View>
  Html html(const View& view) const {
    JsonWriter json(exchange_->currency());
    json.value(view);
    return html_of_json(json.take());
  }
  void set_number(Html& data, const std::string& name, std::int64_t number) const;

  // `name`: a file of pages/ without its ending. `failure` gives status and headers.
  void show(const std::string& name, Html data, const Failure* failure = nullptr) const;
  // `done`: the name of a text, done.<name>, that the next page says once; "" for none.
  void redirect(std::string where, std::string_view done = {}) const;
  void download(std::string body, std::string_view type, const std::string& file) const;
  void set_cookie(std::string cookie) const { cookies_->push_back(std::move(cookie)); }
  // A stranger is sent to log in, and then back to `back` ("" = here); else a page says why, and
  // leads there. What was only asked for is asked for again by itself.
  void fail(const Failure& failure, std::string back = {}) const;

 private:
  std::shared_ptr<Exchange> exchange_;
  Operations& operations_;
  std::string parameter_;
  std::string here_;  // path and query
  bool sent_;         // It is a form, not a page that was asked for.
  Language language_;
  std::string theme_;  // "light", "dark" or "": as the system has it
  std::string done_;   // of the page before
  std::shared_ptr<const Form> fields_;
  std::shared_ptr<std::vector<std::string>> cookies_;  // to be set by the answer

  Html html_of_json(std::string_view json) const;
  Html html_of(const boost::json::value& value) const;
  void set_field(Html& data, const std::string& name, const boost::json::value& value) const;
};

// Reads the query, or the form that was sent, and hands over to `handler`.
void serve(const Visit& visit, void (*handler)(const Page&));
// A handler of a route table.
template <void (*handler)(const Page&)>
void page(const Visit& visit) {
  serve(visit, handler);
}

void set_list(Html& data, const std::string& name, const HtmlList& rows);  // and has_<name>

// A path of ours to go to next, from what a form says; else `otherwise`.
std::string local_path(std::string path, std::string_view otherwise);
std::string with_query(std::string path, std::string_view name, std::string_view value);

// The id of an offer's element, so that a page can be opened where it stands.
std::string anchor_of(std::string_view offer);

// Puts what the form names (offer_id, quantity) into the cart, and goes on with `back`.
void add_to_cart(const Page& page, const std::string& back);

// `prefix`<problem> where there is such a text, else failed.<problem>, else what the problem's own
// page says, which is for programs too.
std::string_view problem_text(const Page& page, std::string_view prefix, protocol::Problem problem);
// What is wrong in a form: error_<field> with its text, and `errors`, rows of field and text.
// `ids`: what the ids of the fields begin with.
void set_errors(Html& data, const Page& page, const Failure& failure, const std::string& ids = "");
// has_faults and faults: lines that could not be bought; `removed` of them from the cart.
void set_faults(Html& data, const Page& page, const std::vector<FaultView>& faults,
                const std::vector<std::string>& removed);

}  // namespace depot::customer_gateway
