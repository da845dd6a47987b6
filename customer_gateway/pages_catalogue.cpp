// The goods.
#include "customer_gateway/pages_html.hpp"

namespace depot::customer_gateway::pages {
namespace {

constexpr std::pair<std::string_view, Sort> kSorts[] = {{"name", Sort::name},
                                                        {"price", Sort::price},
                                                        {"available", Sort::available},
                                                        {"manufacturer", Sort::manufacturer}};

// A filter that is none of ours is as good as no filter: somebody edited the address.
CatalogueQuery query_of(const Page& page) {
  CatalogueQuery query;
  query.manufacturer = page.text("manufacturer");
  query.text = page.text("q").substr(0, 200);
  query.include_sold_out = page.text("include_sold_out") == "true";
  query.cursor = page.text("cursor");
  const std::string sort = page.text("sort");
  query.descending = sort.starts_with('-');
  for (const auto& [name, value] : kSorts) {
    if (sort.ends_with(name)) query.sort = value;
  }
  return query;
}

std::string address_of(const Page& page, std::string_view cursor) {
  std::string address = "/";
  for (const std::string_view name : {"q", "manufacturer", "sort", "include_sold_out"}) {
    const std::string value = page.text(name);
    if (!value.empty()) address = with_query(std::move(address), name, value);
  }
  return cursor.empty() ? address : with_query(std::move(address), "cursor", cursor);
}

}  // namespace

void get_catalogue(const Page& page) {
  CatalogueQuery query = query_of(page);
  const auto catalogue = page.operations().catalogue();
  auto listed = catalogue->list(query);
  if (!listed) {
    query.cursor.clear();
    listed = catalogue->list(query);
  }
  const std::string back = address_of(page, query.cursor);
  HtmlList items;
  for (const ItemView& item : listed->items) {
    set(items.emplace_back(), {{"offer_id", std::string(item.offer_id)},
                               {"name", std::string(item.name)},
                               {"manufacturer", std::string(item.manufacturer_name)},
                               {"price", page.money(item.unit_price)},
                               {"available", std::to_string(item.available)},
                               {"sold_out", item.available <= 0},
                               {"back", back}});
  }
  HtmlList manufacturers;
  for (const auto& [id, name] : catalogue->manufacturers()) {
    set(manufacturers.emplace_back(),
        {{"id", id}, {"name", name}, {"selected", id == query.manufacturer}});
  }
  Html data;
  set(data, {{"q", query.text},
             {"manufacturers", manufacturers},
             {"include_sold_out", query.include_sold_out},
             {"filtered", !query.text.empty() || !query.manufacturer.empty()},
             {"has_items", !items.empty()},
             {"items", items}});
  data.set("sort_" + page.text("sort"), true);
  if (!listed->next_cursor.empty()) data.set("next", address_of(page, listed->next_cursor));
  page.show("catalogue", std::move(data));
}

}  // namespace depot::customer_gateway::pages
