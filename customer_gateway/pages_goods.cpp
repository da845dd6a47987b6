// The goods on sale, in groups of the same product.
#include <algorithm>

#include "customer_gateway/page.hpp"

namespace depot::customer_gateway {
namespace {

constexpr std::size_t kProductsPerPage = 60;

// The offers of one product.
struct Product {
  std::string_view name;
  std::vector<ItemView> offers;  // cheapest first
};
void write(JsonWriter& json, const Product& product) {
  json.object("name", product.name, "offers", product.offers);
}

// A filter that is none of ours is as good as no filter: somebody edited the address.
CatalogueQuery query_of(const Page& page) {
  CatalogueQuery query;
  query.manufacturer = page.text("manufacturer");
  query.text = page.text("q");
  query.include_sold_out = page.text("include_sold_out") == "true";
  query.grouped = true;
  query.limit = kProductsPerPage;
  query.cursor = page.text("cursor");
  read_sort(page.text("sort"), query);
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

std::vector<Product> products_of(const std::vector<ItemView>& items) {
  std::vector<Product> products;
  for (const ItemView& item : items) {
    if (products.empty() || products.back().name != item.name) products.push_back({item.name, {}});
    products.back().offers.push_back(item);
  }
  for (Product& product : products) {
    std::ranges::stable_sort(product.offers, {}, &ItemView::unit_price);
  }
  return products;
}

void get_catalogue(const Page& page) {
  CatalogueQuery query = query_of(page);
  const auto catalogue = page.operations().catalogue();
  auto listed = catalogue->list(query);
  if (!listed) {
    query.cursor.clear();
    listed = catalogue->list(query);
  }
  const std::vector<Product> products = products_of(listed->items);
  Html data = page.html([&](JsonWriter& json) { json.object("products", products); });
  HtmlList manufacturers;
  for (const auto& [id, name] : catalogue->manufacturers()) {
    set(manufacturers.emplace_back(),
        {{"id", id}, {"name", name}, {"selected", id == query.manufacturer}});
  }
  set(data, {{"q", query.text},
             {"manufacturer_id", query.manufacturer},
             {"manufacturers", manufacturers},
             {"include_sold_out", query.include_sold_out},
             {"filtered", !query.text.empty() || !query.manufacturer.empty()},
             {"back", address_of(page, query.cursor)}});
  data.set("sort_" + page.text("sort"), true);
  if (!listed->next_cursor.empty()) data.set("next", address_of(page, listed->next_cursor));
  data.set("closed", page.sale_is_closed());
  page.show("catalogue", std::move(data));
}

constexpr Route kGoodsPages[] = {
    {http::Method::get, "/", page<get_catalogue>},
    {http::Method::get, "/dashboard", page<get_catalogue>},
};

}  // namespace

std::span<const Route> goods_pages() { return kGoodsPages; }

}  // namespace depot::customer_gateway
