// The goods.
#include "customer_gateway/pages.hpp"
#include "customer_gateway/pages_html.hpp"

namespace depot::customer_gateway::pages {
namespace {

constexpr std::pair<std::string_view, Sort> kSorts[] = {{"name", Sort::name},
                                                        {"price", Sort::price},
                                                        {"available", Sort::available},
                                                        {"manufacturer", Sort::manufacturer}};

// A filter that is none of ours is as good as no filter: somebody edited the address.
CatalogueQuery read_query(const Fields& fields) {
  CatalogueQuery query;
  query.manufacturer = fields.text("manufacturer");
  query.text = fields.text("q").substr(0, 200);
  query.include_sold_out = fields.text("include_sold_out") == "true";
  query.cursor = fields.text("cursor");
  std::string sort = fields.text("sort");
  query.descending = sort.starts_with('-');
  if (query.descending) sort.erase(0, 1);
  for (const auto& [name, value] : kSorts) {
    if (name == sort) query.sort = value;
  }
  return query;
}

std::string address_of(const Fields& fields, std::string_view cursor) {
  std::string address = "/";
  for (const std::string_view name : {"q", "manufacturer", "sort", "include_sold_out"}) {
    const std::string value = fields.text(name);
    if (!value.empty()) address = with_query(std::move(address), name, value);
  }
  return cursor.empty() ? address : with_query(std::move(address), "cursor", cursor);
}

Html row_of(const Page& page, const ItemView& item, const std::string& back) {
  Html row;
  row.set("offer_id", std::string(item.offer_id));
  row.set("name", std::string(item.name));
  row.set("manufacturer", std::string(item.manufacturer_name));
  row.set("price", page.money(item.unit_price));
  row.set("available", std::to_string(item.available));
  row.set("sold_out", item.available <= 0);
  row.set("back", back);
  return row;
}

}  // namespace

void get_catalogue(const Visit& visit) {
  const Page page(visit);
  CatalogueQuery query = read_query(page.query());
  const auto catalogue = page.operations().catalogue();
  auto listed = catalogue->list(query);
  if (!listed) {
    query.cursor.clear();
    listed = catalogue->list(query);
  }
  const std::string back = address_of(page.query(), query.cursor);
  HtmlList items;
  for (const ItemView& item : listed->items) items.push_back(row_of(page, item, back));
  HtmlList manufacturers;
  for (const auto& [id, name] : catalogue->manufacturers()) {
    Html& row = manufacturers.emplace_back();
    row.set("id", id);
    row.set("name", name);
    row.set("selected", id == query.manufacturer);
  }
  Html data;
  set_done(data, page.query());
  data.set("q", query.text);
  data.set("manufacturers", manufacturers);
  data.set("sort_" + page.query().text("sort"), true);
  data.set("include_sold_out", query.include_sold_out);
  data.set("filtered", !query.text.empty() || !query.manufacturer.empty());
  data.set("has_items", !items.empty());
  data.set("items", items);
  if (!listed->next_cursor.empty()) {
    data.set("next", address_of(page.query(), listed->next_cursor));
  }
  page.show("catalogue", std::move(data));
}

}  // namespace depot::customer_gateway::pages
