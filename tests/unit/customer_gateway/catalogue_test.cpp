#include "customer_gateway/catalogue.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "base/crypto.hpp"

namespace depot::customer_gateway {
namespace {

std::string listing(const Catalogue& catalogue, const CatalogueQuery& query) {
  std::string text;
  const auto page = catalogue.list(query);
  if (!page) return "(bad cursor)";
  for (const ItemView& item : page->items) (text += item.offer_id) += ' ';
  return text + (page->next_cursor.empty() ? "." : "...");
}

class CatalogueTest : public testing::Test {
 protected:
  const Catalogue catalogue_{
      {{"z:1", "Apple", 300, 5, false},
       {"a:1", "Apple", 200, 9, false},
       {"m:1", "Apple", 100, 0, false},
       {"a:2",
        "\xc5\x81\xc3\x93"
        "D\xc5\xb9",
        50, 2, false},  // ŁÓDŹ
       {"a:3", "pear", 70, 7, false},
       {"a:4", "Old", 70, 7, true},
       {"q:1", "Nameless", 10, 1, false}},
      {{"z", "Aardvark"}, {"a", "Zebra"}, {"m", "Middle"}, {"none", "Empty"}}};
};

TEST_F(CatalogueTest, ListsByNameThenManufacturerWithoutWhatCannotBeBought) {
  EXPECT_EQ(listing(catalogue_, {}), "z:1 a:1 q:1 a:3 a:2 .");
  EXPECT_EQ(listing(catalogue_, {.include_sold_out = true}), "z:1 m:1 a:1 q:1 a:3 a:2 .");
  EXPECT_EQ(listing(catalogue_, {.descending = true}), "a:2 a:3 q:1 a:1 z:1 .");
}

TEST_F(CatalogueTest, SortsByPriceStockAndManufacturer) {
  EXPECT_EQ(listing(catalogue_, {.sort = Sort::price}), "q:1 a:2 a:3 a:1 z:1 .");
  EXPECT_EQ(listing(catalogue_, {.sort = Sort::price, .descending = true}),
            "z:1 a:1 a:3 a:2 q:1 .");
  EXPECT_EQ(listing(catalogue_, {.sort = Sort::available}), "q:1 a:2 z:1 a:3 a:1 .");
  // The last has told no name yet.
  EXPECT_EQ(listing(catalogue_, {.manufacturer = "a", .sort = Sort::price}), "a:2 a:3 a:1 .");
  EXPECT_EQ(listing(catalogue_, {.manufacturer = "nobody"}), ".");
  EXPECT_EQ(listing(catalogue_, {.manufacturer = "none"}), ".");
}

TEST_F(CatalogueTest, GroupsStandWhereTheBestOfTheirOffersStands) {
  EXPECT_EQ(listing(catalogue_, {.grouped = true}), "z:1 a:1 q:1 a:3 a:2 .");
  // Apples from 200 on.
  EXPECT_EQ(listing(catalogue_, {.sort = Sort::price, .grouped = true}), "q:1 a:2 a:3 z:1 a:1 .");
  EXPECT_EQ(listing(catalogue_, {.sort = Sort::price, .descending = true, .grouped = true}),
            "z:1 a:1 a:3 a:2 q:1 .");
  EXPECT_EQ(listing(catalogue_, {.sort = Sort::price, .include_sold_out = true, .grouped = true}),
            "q:1 a:2 a:3 z:1 m:1 a:1 .");
  EXPECT_EQ(listing(catalogue_, {.manufacturer = "a", .grouped = true}), "a:1 a:3 a:2 .");
}

TEST_F(CatalogueTest, PagesOfGroupsAreWhole) {
  for (const Sort sort : {Sort::name, Sort::price, Sort::available, Sort::manufacturer}) {
    for (const bool descending : {false, true}) {
      CatalogueQuery query{.sort = sort,
                           .descending = descending,
                           .include_sold_out = true,
                           .grouped = true,
                           .limit = 1};
      std::vector<std::string> names, offers;
      do {
        const auto page = catalogue_.list(query);
        ASSERT_TRUE(page);
        names.emplace_back(page->items.front().name);
        for (const ItemView& item : page->items) {
          EXPECT_EQ(item.name, names.back());
          offers.emplace_back(item.offer_id);
        }
        query.cursor = page->next_cursor;
      } while (!query.cursor.empty() && names.size() < 9);
      query.limit = 9;
      std::vector<std::string> all;
      const auto whole = catalogue_.list(query);
      for (const ItemView& item : whole->items) all.emplace_back(item.offer_id);
      EXPECT_EQ(offers, all);
      EXPECT_EQ(names.size(), 4u);
    }
  }
}

TEST_F(CatalogueTest, SearchesPartsOfNamesWhateverTheirCase) {
  EXPECT_EQ(listing(catalogue_, {.text = "PPL"}), "z:1 a:1 .");
  EXPECT_EQ(listing(catalogue_, {.text = "\xc5\x82\xc3\xb3"
                                         "d"}),
            "a:2 .");
  EXPECT_EQ(listing(catalogue_, {.text = "\xc5\xba"}), "a:2 .");
  EXPECT_EQ(listing(catalogue_, {.manufacturer = "a", .text = "p"}), "a:1 a:3 .");
  EXPECT_EQ(listing(catalogue_, {.text = "applenameless"}), ".") << "not across names";
  EXPECT_EQ(listing(catalogue_, {.text = "old"}), ".");
}

TEST_F(CatalogueTest, AManufacturersOwnOffersArePagedWithTheWithdrawn) {
  const auto own = [&](const char* manufacturer, const char* after, std::size_t limit) {
    const auto page = catalogue_.offers_of(manufacturer, after, limit);
    std::string text = page ? "" : "(bad cursor) ";
    for (const ItemView& item : page ? page->items : std::vector<ItemView>()) {
      (text += item.offer_id) += ' ';
    }
    return text + (page ? from_hex(page->next_cursor).value_or("?") : "");
  };
  EXPECT_EQ(own("a", "", 4), "a:1 a:4 a:3 a:2 ");
  EXPECT_EQ(own("a", "", 3), "a:1 a:4 a:3 3");
  EXPECT_EQ(own("a", "3", 3), "a:2 ");
  EXPECT_EQ(own("a", "2", 3), "");
  EXPECT_EQ(own("a", "9", 3), "(bad cursor) ");
  EXPECT_EQ(own("m", "3", 3), "(bad cursor) ") << "another's sku";
  EXPECT_EQ(own("nobody", "", 3), "");
}

TEST_F(CatalogueTest, FindsOneWithItsNames) {
  const auto item = catalogue_.find("a:4");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->available, 0) << "withdrawn";
  EXPECT_EQ(item->manufacturer_name, "Zebra");
  EXPECT_EQ(item->sku, "4");
  EXPECT_EQ(catalogue_.find("q:1")->manufacturer_name, "q");
  EXPECT_FALSE(catalogue_.find("a:5"));
}

TEST_F(CatalogueTest, AlternativesAreOtherMakersOfTheSameNameWithStockCheapestFirst) {
  const auto others = catalogue_.alternatives("m:1");
  ASSERT_EQ(others.size(), 2u);
  EXPECT_EQ(others[0].offer_id, "a:1");
  EXPECT_EQ(others[1].offer_id, "z:1");
  EXPECT_EQ(catalogue_.alternatives("a:1").size(), 1u) << "the sold-out one is none";
  EXPECT_TRUE(catalogue_.alternatives("a:3").empty());
  EXPECT_TRUE(catalogue_.alternatives("x:9").empty());
}

TEST_F(CatalogueTest, CursorsThatAreNoneAreRefused) {
  for (const char* cursor : {"zz", "0", "31", "3120", "31206e6f3a6f6e65", "2d"}) {
    EXPECT_EQ(listing(catalogue_, {.cursor = cursor}), "(bad cursor)") << cursor;
  }
}

// Pages put together are the whole list, in the order that sorting everything gives.
RC_GTEST_PROP(CataloguePagesTest, PagesTogetherAreTheWholeSortedList, ()) {
  std::vector<protocol::CatalogueItem> items;
  const int count = *rc::gen::inRange(0, 40);
  for (int i = 0; i < count; ++i) {
    items.push_back({std::string(1, static_cast<char>('a' + i % 3)) + ":" + std::to_string(i),
                     "Name " + std::to_string(*rc::gen::inRange(0, 8)), *rc::gen::inRange(0, 5),
                     *rc::gen::inRange(0, 3), *rc::gen::inRange(0, 10) == 0});
  }
  const Catalogue catalogue(items, {{"a", "A"}, {"b", "A"}, {"c", "B"}});
  CatalogueQuery query;
  query.sort = static_cast<Sort>(*rc::gen::inRange(0, 4));
  query.descending = *rc::gen::arbitrary<bool>();
  query.include_sold_out = *rc::gen::arbitrary<bool>();
  if (*rc::gen::arbitrary<bool>()) query.text = std::to_string(*rc::gen::inRange(0, 8));
  if (*rc::gen::inRange(0, 3) == 0) query.manufacturer = "b";
  const auto value = [&](const ItemView& item) {
    if (query.sort == Sort::price) return item.unit_price;
    if (query.sort == Sort::available) return item.available;
    return std::int64_t{0};
  };

  std::vector<ItemView> paged;
  query.limit = static_cast<std::size_t>(*rc::gen::inRange(1, 7));
  do {
    const auto page = catalogue.list(query);
    RC_ASSERT(page.has_value());
    RC_ASSERT(page->items.size() <= query.limit);
    paged.insert(paged.end(), page->items.begin(), page->items.end());
    query.cursor = page->next_cursor;
  } while (!query.cursor.empty());

  std::vector<std::string_view> expected, found;
  for (const auto& item : items) {
    const bool shown = !item.withdrawn && (item.available > 0 || query.include_sold_out);
    const bool named = item.name.find(query.text) != std::string::npos;
    const bool own = query.manufacturer.empty() || item.offer.starts_with(query.manufacturer);
    if (shown && named && own) expected.push_back(item.offer);
  }
  for (const ItemView& item : paged) found.push_back(item.offer_id);
  std::ranges::sort(expected);
  auto sorted = found;
  std::ranges::sort(sorted);
  RC_ASSERT(sorted == expected);
  for (std::size_t i = 1; i < paged.size(); ++i) {
    const auto a = value(paged[i - 1]), b = value(paged[i]);
    RC_ASSERT((query.descending ? a >= b : a <= b));
    if (query.sort == Sort::name) {
      RC_ASSERT((query.descending ? paged[i - 1].name >= paged[i].name
                                  : paged[i - 1].name <= paged[i].name));
    }
  }
}

TEST(CatalogueHolderTest, EtagMovesWithEveryChange) {
  CatalogueHolder holder, other;
  const std::string first = holder.etag();
  EXPECT_EQ(first, holder.etag());
  holder.changed();
  EXPECT_NE(first, holder.etag());
  const std::string second = holder.etag();
  holder.replace(std::make_shared<Catalogue>());
  EXPECT_NE(second, holder.etag());
}

TEST(FoldCaseTest, LatinLettersFold) {
  EXPECT_EQ(fold_case("AbZ[`{"), "abz[`{");
  EXPECT_EQ(fold_case("\xc3\x80\xc3\x97\xc3\x9e\xc3\x9f\xc5\xb8"),
            "\xc3\xa0\xc3\x97\xc3\xbe\xc3\x9f\xc5\xb8");  // × and ß stay; Ÿ has no pair here
  EXPECT_EQ(fold_case("\xc4\x84\xc4\x86\xc4\x98\xc5\x81\xc5\x83\xc5\x9a\xc5\xb9\xc5\xbb"),
            "\xc4\x85\xc4\x87\xc4\x99\xc5\x82\xc5\x84\xc5\x9b\xc5\xba\xc5\xbc");  // ĄĆĘŁŃŚŹŻ
  EXPECT_EQ(fold_case("\xc5"), "\xc5");
  EXPECT_EQ(fold_case("\xe6\x97\xa5"), "\xe6\x97\xa5");
}

}  // namespace
}  // namespace depot::customer_gateway
