// The goods, in memory: what is on sale, by whom, at what price, how many are left.
//
// Names and manufacturers of a Catalogue never change, so readers need no lock; prices and
// quantities are atomics that the feed sets in place. When names change, a new Catalogue takes the
// old one's place in the holder, and readers keep the one they have.
//
// Threads: one writer (the feed); any reader.
// Source:  docs/openapi.yaml, /v1/catalogue.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "customer_gateway/views.hpp"
#include "protocol/sync.hpp"

namespace depot::customer_gateway {

enum class Sort { name, price, available, manufacturer };

struct CatalogueQuery {
  std::string manufacturer = {};  // id; "" = all
  std::string text = {};          // a part of the name, whatever its case; "" = all
  Sort sort = Sort::name;
  bool descending = false;
  bool include_sold_out = false;
  bool grouped = false;    // Offers of one product stand together, where the best of them stands.
  std::size_t limit = 50;  // offers; products where grouped
  std::string cursor = {};
};

// "price", "-price" (descending); false for what is none, and the query stays as it is.
bool read_sort(std::string_view text, CatalogueQuery& query);

struct CataloguePage {
  std::vector<ItemView> items;
  std::string next_cursor;  // "" at the end
};

class Catalogue {
 public:
  using Manufacturers = std::map<std::string, std::string, std::less<>>;  // id -> name

  Catalogue() = default;
  // Of two items with one offer id the later counts.
  Catalogue(const std::vector<protocol::CatalogueItem>& items, Manufacturers manufacturers);

  std::size_t size() const { return products_.size(); }
  const Manufacturers& manufacturers() const { return manufacturers_; }

  // An offer that ever was on sale; withdrawn ones have 0 available.
  std::optional<ItemView> find(std::string_view offer) const;
  // nullopt for a cursor that is none of ours. Withdrawn offers are never listed.
  std::optional<CataloguePage> list(const CatalogueQuery& query) const;
  // All offers of a manufacturer by name, withdrawn ones too, behind that of `after_sku` ("": from
  // the start). nullopt where it has no such sku.
  std::optional<CataloguePage> offers_of(std::string_view manufacturer, std::string_view after_sku,
                                         std::size_t limit) const;
  // What other manufacturers have of the same product, cheapest first, at most 10.
  std::vector<Alternative> alternatives(std::string_view offer) const;

  // The feed's side; available -1 is as withdraw(). Returns false when there is no such offer.
  bool set(std::string_view offer, std::int64_t available, std::int64_t unit_price);
  void withdraw(std::string_view offer) { set(offer, kWithdrawn, kUnchanged); }
  std::vector<protocol::CatalogueItem> items() const;

 private:
  static constexpr std::int64_t kWithdrawn = -1, kUnchanged = -1;
  struct Product {
    std::string offer, name, folded;
    std::string_view manufacturer, manufacturer_name;  // into manufacturers_, or the offer
    std::uint32_t manufacturer_rank = 0;               // by name
    std::uint32_t group = 0;                           // place of the first of the same name
  };
  struct Values {
    std::atomic<std::int64_t> available{kWithdrawn}, unit_price{0};
  };
  struct Key {
    std::int64_t value = 0;              // to sort by; of a group the least
    std::uint32_t group = 0, index = 0;  // place in products_; without groups they are the same
    auto operator<=>(const Key&) const = default;
  };

  Manufacturers manufacturers_;
  std::vector<Product> products_;  // by folded name, manufacturer's name, offer
  std::unique_ptr<Values[]> values_;
  std::unordered_map<std::string_view, std::uint32_t> by_offer_;
  std::map<std::string_view, std::vector<std::uint32_t>> by_manufacturer_;

  ItemView view(std::uint32_t index) const;
  std::int64_t sort_value(const CatalogueQuery& query, std::uint32_t index) const;
  std::optional<Key> position_of(const CatalogueQuery& query) const;
  static void level_groups(std::vector<Key>& keys);
  template <typename F>
  void for_each_match(const CatalogueQuery& query, F&& f) const;
};

// The catalogue in force, and the version that every visible change moves.
class CatalogueHolder {
 public:
  CatalogueHolder();
  std::shared_ptr<const Catalogue> get() const;  // never null
  std::string etag() const;                      // Take it before you read the values.
  bool ready() const { return ready_.load(std::memory_order_acquire); }

  std::optional<protocol::Cycle> cycle() const;  // nullopt before the first is heard of

  void replace(std::shared_ptr<const Catalogue> catalogue);  // changed() included
  void set_cycle(protocol::Cycle cycle);
  // Whether it is kept up to date: not before the first, nor while a hub does not answer.
  void set_ready(bool ready) { ready_.store(ready, std::memory_order_release); }
  void changed() { version_.fetch_add(1, std::memory_order_release); }

 private:
  mutable std::mutex mutex_;  // guards catalogue_ and cycle_, for as long as one is copied
  std::shared_ptr<const Catalogue> catalogue_;
  std::optional<protocol::Cycle> cycle_;
  std::atomic<bool> ready_{false};
  std::atomic<std::uint64_t> version_{1};
  const std::string instance_;  // two gateways count apart
};

// Lower case of ASCII and of the Latin letters up to U+017F; other bytes as they are.
std::string fold_case(std::string_view utf8);

}  // namespace depot::customer_gateway
