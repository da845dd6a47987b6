#include "customer_gateway/catalogue.hpp"

#include <algorithm>
#include <charconv>
#include <set>
#include <tuple>

#include "base/crypto.hpp"

namespace depot::customer_gateway {
namespace {

constexpr std::size_t kAlternativesMax = 10;
constexpr std::string_view kSorts[] = {"name", "price", "available", "manufacturer"};

}  // namespace

bool read_sort(std::string_view text, CatalogueQuery& query) {
  const bool descending = text.starts_with('-');
  const auto* found = std::ranges::find(kSorts, text.substr(descending ? 1 : 0));
  if (found == std::end(kSorts)) return false;
  query.sort = static_cast<Sort>(found - kSorts);
  query.descending = descending;
  return true;
}

std::string fold_case(std::string_view utf8) {
  std::string out(utf8);
  for (std::size_t i = 0; i < out.size(); ++i) {
    auto byte = static_cast<unsigned char>(out[i]);
    if (byte >= 'A' && byte <= 'Z') out[i] = static_cast<char>(byte + 32);
    if (byte < 0xC3 || byte > 0xC5 || i + 1 >= out.size()) continue;
    auto next = static_cast<unsigned char>(out[++i]);
    unsigned letter = (byte & 0x1Fu) << 6 | (next & 0x3Fu);
    if (letter < 0xDF) {
      if (letter != 0xD7) letter += 32;
    } else if ((letter >= 0x139 && letter <= 0x148) || (letter >= 0x179 && letter <= 0x17E)) {
      letter += letter % 2;  // In these two ranges capitals are odd.
    } else if (letter >= 0x100 && letter < 0x178 && letter != 0x130 && letter != 0x138) {
      letter |= 1;
    }
    out[i - 1] = static_cast<char>(0xC0 | letter >> 6);
    out[i] = static_cast<char>(0x80 | (letter & 0x3F));
  }
  return out;
}

Catalogue::Catalogue(const std::vector<protocol::CatalogueItem>& items, Manufacturers manufacturers)
    : manufacturers_(std::move(manufacturers)) {
  std::set<std::pair<std::string_view, std::string_view>> by_name;
  for (const auto& [id, name] : manufacturers_) by_name.emplace(name, id);
  std::map<std::string_view, std::pair<std::string_view, std::uint32_t>> ranks;  // id: name, rank
  for (const auto& [name, id] : by_name) {
    ranks[id] = {name, static_cast<std::uint32_t>(ranks.size())};
  }
  std::unordered_map<std::string_view, const protocol::CatalogueItem*> latest;
  for (const auto& item : items) latest[item.offer] = &item;
  products_.reserve(latest.size());
  for (const auto& [offer, item] : latest) {
    Product product;
    product.offer = item->offer;
    product.name = item->name;
    product.folded = fold_case(item->name);
    const auto rank = ranks.find(manufacturer_of(offer));
    if (rank != ranks.end()) {
      std::tie(product.manufacturer, product.manufacturer_name) =
          std::pair(rank->first, rank->second.first);
      product.manufacturer_rank = rank->second.second;
    }
    products_.push_back(std::move(product));
  }
  const auto order = [](const Product& p) {
    return std::tie(p.folded, p.name, p.manufacturer_rank, p.offer);
  };
  std::ranges::sort(products_,
                    [&](const Product& a, const Product& b) { return order(a) < order(b); });
  values_ = std::make_unique<Values[]>(products_.size());
  for (std::uint32_t i = 0; i < products_.size(); ++i) {
    Product& product = products_[i];
    product.group = i > 0 && products_[i - 1].name == product.name ? products_[i - 1].group : i;
    if (product.manufacturer.empty()) {  // Its name has not been told yet.
      product.manufacturer = product.manufacturer_name = manufacturer_of(product.offer);
    }
    by_offer_[product.offer] = i;
    by_manufacturer_[product.manufacturer].push_back(i);
    const protocol::CatalogueItem& item = *latest[product.offer];
    values_[i].available = item.withdrawn ? kWithdrawn : item.available;
    values_[i].unit_price = item.unit_price;
  }
}

ItemView Catalogue::view(std::uint32_t index) const {
  const Product& product = products_[index];
  const Values& values = values_[index];
  return {.offer_id = product.offer,
          .manufacturer_id = product.manufacturer,
          .manufacturer_name = product.manufacturer_name,
          .sku = sku_of(product.offer),
          .name = product.name,
          .unit_price = values.unit_price.load(std::memory_order_relaxed),
          .available = std::max<std::int64_t>(0, values.available.load(std::memory_order_relaxed))};
}

std::optional<ItemView> Catalogue::find(std::string_view offer) const {
  const auto found = by_offer_.find(offer);
  return found == by_offer_.end() ? std::nullopt : std::optional(view(found->second));
}

std::vector<Alternative> Catalogue::alternatives(std::string_view offer) const {
  std::vector<Alternative> found;
  const auto at = by_offer_.find(offer);
  if (at == by_offer_.end()) return found;
  const Product& wanted = products_[at->second];
  // Equal names stand together, since the order begins with the name.
  for (std::uint32_t index = wanted.group;
       index < products_.size() && products_[index].group == wanted.group; ++index) {
    const ItemView item = view(index);
    if (item.manufacturer_id == wanted.manufacturer || item.available == 0) continue;
    found.push_back({std::string(item.offer_id), std::string(item.manufacturer_name),
                     item.unit_price, item.available});
  }
  std::ranges::stable_sort(found, {}, &Alternative::unit_price);
  if (found.size() > kAlternativesMax) found.resize(kAlternativesMax);
  return found;
}

std::int64_t Catalogue::sort_value(const CatalogueQuery& query, std::uint32_t index) const {
  std::int64_t value = query.grouped ? products_[index].group : index;
  if (query.sort == Sort::manufacturer) value = products_[index].manufacturer_rank;
  if (query.sort == Sort::price) value = values_[index].unit_price.load(std::memory_order_relaxed);
  if (query.sort == Sort::available) {
    value = values_[index].available.load(std::memory_order_relaxed);
  }
  return query.descending ? -value : value;
}

// A cursor is the hex of "<sort value> <offer id>": a place that survives changes of the catalogue.
std::optional<Catalogue::Key> Catalogue::position_of(const CatalogueQuery& query) const {
  const std::optional<std::string> text = from_hex(query.cursor);
  if (!text) return std::nullopt;
  Key key;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), key.value);
  const auto used = static_cast<std::size_t>(end - text->data());
  if (error != std::errc() || used >= text->size() || *end != ' ') return std::nullopt;
  const auto found = by_offer_.find(std::string_view(*text).substr(used + 1));
  if (found == by_offer_.end()) return std::nullopt;
  key.index = found->second;
  key.group = query.grouped ? products_[key.index].group : key.index;
  // By name a place is known of itself, whatever the catalogue was when the cursor was made.
  const bool moves = query.sort == Sort::price || query.sort == Sort::available ||
                     (query.sort == Sort::manufacturer && query.grouped);
  if (!moves) key.value = sort_value(query, key.index);
  return key;
}

// Calls f(index) for what the query asks for, in the order of the page if that is by name, else in
// any, until it returns false.
template <typename F>
void Catalogue::for_each_match(const CatalogueQuery& query, F&& f) const {
  const std::string text = fold_case(query.text);
  const bool backwards = query.sort == Sort::name && query.descending;
  const auto own = by_manufacturer_.find(query.manufacturer);
  if (own == by_manufacturer_.end() && !query.manufacturer.empty()) return;
  const std::size_t count = query.manufacturer.empty() ? products_.size() : own->second.size();
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t place = backwards ? count - 1 - i : i;
    const auto index =
        query.manufacturer.empty() ? static_cast<std::uint32_t>(place) : own->second[place];
    const bool matches = text.empty() || products_[index].folded.find(text) != std::string::npos;
    if (matches && !f(index)) return;
  }
}

// Gives every key of a group the least value among them.
void Catalogue::level_groups(std::vector<Key>& keys) {
  std::ranges::sort(keys, {}, [](const Key& key) { return std::pair(key.group, key.value); });
  for (std::size_t i = 1; i < keys.size(); ++i) {
    if (keys[i].group == keys[i - 1].group) keys[i].value = keys[i - 1].value;
  }
}

std::optional<CataloguePage> Catalogue::list(const CatalogueQuery& query) const {
  std::optional<Key> after;
  if (!query.cursor.empty() && !(after = position_of(query))) return std::nullopt;
  // The smallest keys behind `after`. The order by name stops at its page's end.
  const bool stops = query.sort == Sort::name && !query.grouped;
  std::vector<Key> keys;
  for_each_match(query, [&](std::uint32_t index) {
    const std::int64_t available = values_[index].available.load(std::memory_order_relaxed);
    if (available < 0 || (available == 0 && !query.include_sold_out)) return true;
    const Key key{sort_value(query, index), query.grouped ? products_[index].group : index, index};
    if (query.grouped || !after || key > *after) keys.push_back(key);
    return !stops || keys.size() <= query.limit;
  });
  if (query.grouped) {
    level_groups(keys);
    const auto shown_before = [&](const Key& key) {
      return after && std::pair(key.value, key.group) <= std::pair(after->value, after->group);
    };
    std::erase_if(keys, shown_before);
  }
  std::size_t shown = std::min(keys.size(), query.limit);
  if (query.grouped) {
    std::ranges::sort(keys);
    std::size_t groups = 0;
    for (shown = 0; shown < keys.size(); ++shown) {
      groups += shown == 0 || keys[shown].group != keys[shown - 1].group;
      if (groups > query.limit) break;
    }
  } else {
    std::ranges::partial_sort(keys, keys.begin() + static_cast<std::ptrdiff_t>(shown));
  }
  CataloguePage page;
  for (std::size_t i = 0; i < shown; ++i) page.items.push_back(view(keys[i].index));
  if (keys.size() > shown) {
    page.next_cursor = to_hex(std::to_string(keys[shown - 1].value) + " " +
                              std::string(page.items.back().offer_id));
  }
  return page;
}

std::optional<CataloguePage> Catalogue::offers_of(std::string_view manufacturer,
                                                  std::string_view after_sku,
                                                  std::size_t limit) const {
  static const std::vector<std::uint32_t> none;
  const auto own = by_manufacturer_.find(manufacturer);
  const auto& all = own == by_manufacturer_.end() ? none : own->second;  // in order
  auto at = all.begin();
  if (!after_sku.empty()) {
    const auto after = by_offer_.find(make_offer_id(manufacturer, after_sku));
    if (after == by_offer_.end()) return std::nullopt;
    at = std::ranges::upper_bound(all, after->second);
  }
  CataloguePage page;
  for (; at != all.end() && page.items.size() < limit; ++at) page.items.push_back(view(*at));
  if (at != all.end()) page.next_cursor = to_hex(page.items.back().sku);
  return page;
}

bool Catalogue::set(std::string_view offer, std::int64_t available, std::int64_t unit_price) {
  const auto found = by_offer_.find(offer);
  if (found == by_offer_.end()) return false;
  Values& values = values_[found->second];
  values.available.store(available, std::memory_order_relaxed);
  if (unit_price != kUnchanged) values.unit_price.store(unit_price, std::memory_order_relaxed);
  return true;
}

std::vector<protocol::CatalogueItem> Catalogue::items() const {
  std::vector<protocol::CatalogueItem> all;
  all.reserve(products_.size());
  for (std::uint32_t i = 0; i < products_.size(); ++i) {
    const ItemView item = view(i);
    all.push_back({products_[i].offer, products_[i].name, item.unit_price, item.available,
                   values_[i].available.load(std::memory_order_relaxed) == kWithdrawn});
  }
  return all;
}

CatalogueHolder::CatalogueHolder()
    : catalogue_(std::make_shared<Catalogue>()),
      instance_(std::to_string(random_u64() % 1000000)) {}

std::shared_ptr<const Catalogue> CatalogueHolder::get() const {
  const std::scoped_lock lock(mutex_);
  return catalogue_;
}

std::string CatalogueHolder::etag() const {
  return "\"" + instance_ + "-" + std::to_string(version_.load(std::memory_order_acquire)) + "\"";
}

std::optional<protocol::Cycle> CatalogueHolder::cycle() const {
  const std::scoped_lock lock(mutex_);
  return cycle_;
}

void CatalogueHolder::set_cycle(protocol::Cycle cycle) {
  const std::scoped_lock lock(mutex_);
  cycle_ = std::move(cycle);
}

void CatalogueHolder::replace(std::shared_ptr<const Catalogue> catalogue) {
  {
    const std::scoped_lock lock(mutex_);
    catalogue_.swap(catalogue);
  }
  changed();
}

}  // namespace depot::customer_gateway
