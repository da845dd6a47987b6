// What templates are given: the API's JSON in the reader's language, and what went wrong.
#include <algorithm>
#include <boost/json.hpp>

#include "customer_gateway/page.hpp"
#include "customer_gateway/templates.hpp"

namespace depot::customer_gateway {
namespace {

namespace json = boost::json;

constexpr std::int64_t kLow = 10;  // As in pages/live.js: so few are shown as such.

// The amount where the value is money.
const json::value* amount_in(const json::value* value) {
  const json::object* object = value ? value->if_object() : nullptr;
  return object ? object->if_contains("amount_minor") : nullptr;
}

void set_line_problem(Html& data, std::string_view problem) {
  using enum protocol::LineProblem;
  data.set("problem", !problem.empty());
  for (const auto each : {withdrawn, price_changed, limit, sold_out, short_}) {
    const std::string name(name_of(each));
    data.set("problem_" + name, name == problem);
  }
}

}  // namespace

Html Page::html_of_json(std::string_view text) const { return html_of(json::parse(text)); }

Html Page::html_of(const json::value& value) const {
  Html data;
  const json::object& object = value.as_object();
  for (const auto& [name, field] : object) set_field(data, name, field);
  const json::value* price = amount_in(object.if_contains("unit_price"));
  if (const json::value* quantity = object.if_contains("quantity"); price && quantity) {
    data.set("sum", money_text(language_, price->as_int64() * quantity->as_int64(),
                               operations_.config().currency));
  }
  return data;
}

void Page::set_field(Html& data, const std::string& name, const json::value& value) const {
  if (const json::value* amount = amount_in(&value)) {
    data.set(name, money_text(language_, amount->as_int64(), operations_.config().currency));
  } else if (name == "problem") {
    set_line_problem(data, value.is_string() ? std::string_view(value.as_string()) : "");
  } else if (const json::string* text = value.if_string()) {
    data.set(name, std::string(*text));
    if (name == "offer_id") data.set("anchor", anchor_of(*text));
    if (name == "at" || name.ends_with("_at")) {
      data.set(name + "_text", time_text(language_, *text));
    }
    if (name == "status" || name == "kind" || name == "state" || name == "answer") {
      data.set(name + "_text", std::string(text_of(language_, name + "." + std::string(*text))));
    }
  } else if (value.is_int64()) {
    set_number(data, name, value.as_int64());
  } else if (const json::array* array = value.if_array()) {
    HtmlList rows;
    for (const json::value& row : *array) rows.push_back(html_of(row));
    set_list(data, name, rows);
  } else if (value.is_object()) {
    data.set(name, html_of(value));
  } else {
    data.set(name, value.is_bool() && value.as_bool());  // null: a section not shown
  }
}

void Page::set_number(Html& data, const std::string& name, std::int64_t number) const {
  const auto put = [&](std::string_view suffix, Html value) {
    data.set(std::string(name).append(suffix), value);
  };
  put("", number_text(language_, number));
  put("_raw", std::to_string(number));
  if (!is_counted(name)) return;
  // All of them: one that is missing would be looked for further out.
  for (const std::string_view form : {"_one", "_few", "_many", "_other"}) {
    put(form, plural_of(language_, number) == form.substr(1));
  }
  put("_none", number <= 0);
  put("_low", number > 0 && number <= kLow);
}

void set_list(Html& data, const std::string& name, const HtmlList& rows) {
  data.set("has_" + name, !rows.empty());
  data.set(name, rows);
}

std::string_view problem_text(const Page& page, std::string_view prefix,
                              protocol::Problem problem) {
  const std::string name(row_of(problem).name);
  for (const std::string& key : {std::string(prefix) + name, "failed." + name}) {
    const std::string_view text = text_of(page.language(), key);
    if (!text.empty()) return text;
  }
  return text_of(page.language(), "problem." + name + ".text");
}

void set_errors(Html& data, const Page& page, const Failure& failure, const std::string& ids) {
  HtmlList rows;
  const auto add = [&](const std::string& field, std::string_view key) {
    const std::string text(text_of(page.language(), "error." + std::string(key)));
    data.set("error_" + field, text);
    set(rows.emplace_back(), {{"field", ids + field}, {"text", text}});
  };
  for (const FieldError& error : failure.errors) {
    if (error.pointer.size() > 1) add(error.pointer.substr(1), error.pointer.substr(1));
  }
  if (failure.problem == protocol::Problem::email_taken) add("email", "email_taken");
  if (failure.problem == protocol::Problem::forbidden) add("current_password", "forbidden");
  set_list(data, "errors", rows);
}

void set_faults(Html& data, const Page& page, const std::vector<FaultView>& faults,
                const std::vector<std::string>& removed) {
  HtmlList rows;
  for (const FaultView& fault : faults) {
    Html& row = rows.emplace_back(page.html(fault));
    set(row, {{"name", fault.name},
              {"manufacturer_name", fault.manufacturer_name},
              {"seen_price", false},
              {"removed", std::ranges::find(removed, fault.verdict.offer) != removed.end()}});
  }
  set_list(data, "faults", rows);
}

}  // namespace depot::customer_gateway
