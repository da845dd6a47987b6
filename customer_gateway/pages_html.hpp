// What the pages share: templates, forms, the way back, and what is in every page's head.
//
// Threads: those of one I/O thread; each has its own parsed templates.
// Source:  https://mustache.github.io/mustache.5.html; notes on headers: docs/ARCHITECTURE.md.
#pragma once

#include <kainjow/mustache.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "customer_gateway/exchange.hpp"
#include "customer_gateway/routes.hpp"

namespace depot::customer_gateway::pages {

using Html = kainjow::mustache::data;
using HtmlList = std::vector<Html>;

// The fields of a form or a query; a name that is not there is "".
class Fields {
 public:
  explicit Fields(Form form) : form_(std::move(form)) {}
  std::string text(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;  // -1 for what is none
  bool has(std::string_view name) const;

 private:
  Form form_;
};

// One page on its way; copied into what continues an operation.
class Page {
 public:
  explicit Page(const Visit& visit);

  const Requester& who() const { return exchange_->requester; }
  Operations& operations() const { return operations_; }
  const std::string& parameter() const { return parameter_; }
  const Fields& query() const { return *query_; }
  std::string money(std::int64_t amount_minor) const;

  // `name`: a file of pages/ without its ending. `failure` gives status and headers.
  void show(std::string_view name, Html data, const Failure* failure = nullptr) const;
  void redirect(std::string where, std::string cookie = {}) const;
  // A stranger is sent to log in, and then back to `back` ("" = here); else a page says why.
  void fail(const Failure& failure, std::string back = {}) const;

 private:
  std::shared_ptr<Exchange> exchange_;
  Operations& operations_;
  std::string parameter_;
  std::shared_ptr<const Fields> query_;
  std::string here_;  // path and query; "" for a form that was sent
};

// The fields of the form that was sent; nullptr where it is none: it has then answered 4xx.
std::shared_ptr<const Fields> read_form(const Visit& visit);

// A path of ours to go to next, from what a form says; else `otherwise`.
std::string local_path(std::string path, std::string_view otherwise);
std::string percent_encode(std::string_view text);  // as a query's value
std::string with_query(std::string path, std::string_view name, std::string_view value);

// Sets `error_<field>` for each of `fields`, and a flag named like each problem that may occur.
void set_errors(Html& data, const Failure* failure, std::span<const std::string_view> fields);
void set_problem(Html& data, protocol::Problem problem);
void set_line_problem(Html& data, protocol::LineProblem problem);
void set_status(Html& data, protocol::PartStatus status);
void set_time(Html& data, std::int64_t ms);  // placed_at for machines, placed for people
void set_done(Html& data, const Fields& query);
HtmlList faults_of(const Page& page, std::span<const FaultView> faults,
                   const std::vector<std::string>* removed);

std::string css_path();
std::string icon_path();

}  // namespace depot::customer_gateway::pages
