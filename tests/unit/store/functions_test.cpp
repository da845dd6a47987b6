#include "tests/unit/store/functions_fixture.hpp"

namespace depot::store::test {
namespace {

TEST_F(FunctionsTest, OnlyTheNextOfferRecordIsApplied) {
  const struct {
    std::int64_t epoch, number;
    std::vector<std::int64_t> answer;  // verdict, epoch, number known
  } steps[] =
      {
          {1, 2, {2, 0, 0}},  // A gap: the first of an epoch is 0 or 1.
          {1, 1, {0, 1, 1}}, {1, 1, {1, 1, 1}}, {1, 3, {2, 1, 1}}, {1, 2, {0, 1, 2}},
          {1, 1, {1, 1, 2}}, {3, 5, {2, 1, 2}}, {3, 0, {0, 3, 0}}, {3, 1, {0, 3, 1}},
          {1, 3, {4, 3, 1}},  // Of an agent that was replaced.
          {2, 1, {4, 3, 1}}, {3, 2, {0, 3, 2}},
      };
  std::int64_t offered = 10;
  for (const auto& step : steps) {
    const auto answer = integers(shop_.offer("m", step.epoch, step.number, {row("x", ++offered)}));
    EXPECT_EQ(answer, step.answer) << step.epoch << "-" << step.number;
    if (answer[0] == 0) {
      EXPECT_EQ(shop_.stock("m:x")[1], offered);
    }
  }
}

TEST_F(FunctionsTest, AnOfferOfAnotherCycleIsNotedAndMovesNothing) {
  EXPECT_EQ(integers(shop_.offer("m", 1, 1, {row("x", 5)}, "2026-10")),
            (std::vector<std::int64_t>{3, 1, 1}));
  EXPECT_TRUE(shop_.stock("m:x").empty());
  EXPECT_EQ(integers(shop_.offer("m", 1, 2, {row("x", 5)})), (std::vector<std::int64_t>{0, 1, 2}));
}

TEST_F(FunctionsTest, ANewAgentsSnapshotWithdrawsWhatItDoesNotName) {
  stock_up();
  ASSERT_EQ(place(order("anna", "k", {line("m:y", 3)}))[0], 'P');
  ASSERT_EQ(integers(shop_.offer("m", 2, 1, {row("x", 7)}))[0], 0);
  EXPECT_EQ(shop_.stock("m:x"), (std::vector<std::int64_t>{100, 7, 100, 93, 0, 0}));
  EXPECT_EQ(shop_.stock("m:y"), (std::vector<std::int64_t>{100, 0, 100, 97, 3, 0}));
}

TEST_F(FunctionsTest, MalformedOfferRecordsAreNotApplied) {
  const std::pair<const char*, std::function<void(protocol::Writer&)>> records[] = {
      {"not an array", [](auto& w) { w.integer(1); }},
      {"no rows", [](auto& w) { w.array(1).string(kCycle); }},
      {"three fields",
       [](auto& w) { w.array(2).string(kCycle).array(3).string("x").string("n").integer(1); }},
      {"price 0",
       [](auto& w) {
         w.array(2).string(kCycle).array(4).string("x").string("n").integer(0).integer(1);
       }},
      {"price too high",
       [](auto& w) {
         w.array(2).string(kCycle).array(4).string("x").string("n").integer(100'000'001).integer(1);
       }},
      {"negative total",
       [](auto& w) {
         w.array(2).string(kCycle).array(4).string("x").string("n").integer(1).integer(-1);
       }},
      {"total too high",
       [](auto& w) {
         w.array(2).string(kCycle).array(4).string("x").string("n").integer(1).integer(
             1'000'000'000'001);
       }},
      {"text for a number",
       [](auto& w) {
         w.array(2).string(kCycle).array(4).string("x").string("n").string("1e3").integer(1);
       }},
      {"bad sku",
       [](auto& w) {
         w.array(2).string(kCycle).array(4).string("a b").string("n").integer(1).integer(1);
       }},
      {"long sku",
       [](auto& w) {
         w.array(2)
             .string(kCycle)
             .array(4)
             .string(std::string(65, 'x'))
             .string("n")
             .integer(1)
             .integer(1);
       }},
      {"long name",
       [](auto& w) {
         w.array(2)
             .string(kCycle)
             .array(4)
             .string("x")
             .string(std::string(201, 'n'))
             .integer(1)
             .integer(1);
       }},
      {"name with a NUL",
       [](auto& w) {
         w.array(2)
             .string(kCycle)
             .array(4)
             .string("x")
             .string(std::string("a\0b", 3))
             .integer(1)
             .integer(1);
       }},
      {"the same sku twice",
       [](auto& w) {
         w.array(2)
             .string(kCycle)
             .array(8)
             .string("x")
             .string("n")
             .integer(1)
             .integer(1)
             .string("x")
             .string("n")
             .integer(1)
             .integer(2);
       }},
  };
  for (const auto& [what, write] : records) {
    std::string record;
    protocol::Writer writer(record);
    write(writer);
    EXPECT_EQ(text_of(shop_.call("offer_v1", {"m", "1", "1", record, "100"})), "X malformed")
        << what;
  }
  EXPECT_TRUE(shop_.stock("m:x").empty());
  for (const char* number : {"1e3", "0x1", " 1", "-1", "", "1234567890123456"}) {
    EXPECT_EQ(text_of(shop_.call("offer_v1", {"m", "1", number, "\x92", "100"})), "X malformed");
  }
}

TEST_F(FunctionsTest, StrangersAreWelcomeOnlyWhereManufacturersAreOpen) {
  EXPECT_EQ(text_of(shop_.call("hello_v1", {"new", "New", "0", "-1", "-1", "100"})), "X forbidden");
  EXPECT_EQ(text_of(shop_.call("offer_v1", {"new", "1", "1", "\x92\xa1x\x90", "100"})),
            "X not_found");
  const auto welcome =
      protocol::decode_sync_welcome(std::string_view(shop_.hello("new")).substr(1));
  ASSERT_TRUE(welcome.has_value());
  EXPECT_EQ(welcome->ledger_epoch, 1);
  EXPECT_EQ(welcome->ledger_number, 0);
  EXPECT_EQ(welcome->cycle.id, kCycle);
  EXPECT_EQ(shop_.call("hello_v1", {"new", "New", "0", "-1", "-1", "100"})[0], 'O');
}

TEST_F(FunctionsTest, BehindEachEpochThatIsTakenThereIsRoomForANext) {
  const std::int64_t last = 99'999'999'999'999;
  EXPECT_EQ(text_of(shop_.offer("m", last + 1, 1, {row("x", 1)})), "X malformed");
  EXPECT_EQ(integers(shop_.offer("m", last, 1, {row("x", 1)})),
            (std::vector<std::int64_t>{0, last, 1}));
  EXPECT_EQ(text_of(shop_.offer("m", last + 2, 1, {row("x", 2)})), "X malformed");
  EXPECT_EQ(integers(shop_.offer("m", last + 1, 1, {row("x", 2)})),
            (std::vector<std::int64_t>{0, last + 1, 1}));
  EXPECT_EQ(text_of(shop_.hello("m", last + 1, 5)), "X malformed");
  EXPECT_EQ(shop_.hello("m", last, 5)[0], 'O');
  EXPECT_EQ(shop_.hello("m", last + 1, 5)[0], 'O');  // It has got there since.
}

TEST_F(FunctionsTest, AnAgentThatKnowsMoreThanTheDataOpensALedgerEpoch) {
  stock_up();  // The head is 1-1.
  const auto welcome =
      protocol::decode_sync_welcome(std::string_view(shop_.hello("m", 1, 90)).substr(1));
  ASSERT_TRUE(welcome.has_value());
  EXPECT_EQ(welcome->ledger_epoch, 2);
  EXPECT_EQ(welcome->ledger_number, 0);
  EXPECT_EQ(welcome->last_number, 1);
  const auto entries = shop_.ledger("m");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[2].kind, protocol::LedgerKind::epoch);
  EXPECT_EQ(entries[2].previous_epoch, 1);
  EXPECT_EQ(entries[2].previous_number, 1);
  const auto placed =
      protocol::decode_order_row(shop_.place({order("anna", "k", {line("m:x", 1)})})[0].substr(1));
  ASSERT_TRUE(placed.has_value());
  EXPECT_EQ(placed->parts[0].epoch, 2);
  EXPECT_EQ(placed->parts[0].number, 1);
}

TEST_F(FunctionsTest, TheStoreIdChangesWithTheDataSet) {
  const auto welcome = [this] {
    return protocol::decode_sync_welcome(std::string_view(shop_.hello("m")).substr(1))->store_id;
  };
  const std::string before = welcome();
  EXPECT_EQ(welcome(), before);
  shop_.reset();
  EXPECT_NE(welcome(), before);
}

TEST_F(FunctionsTest, TheCatalogueIsReadInPagesWithWhatIsWithdrawn) {
  for (std::int64_t first = 0; first < 600; first += 200) {
    std::vector<OfferRow> rows;
    for (std::int64_t i = first; i < first + 200; ++i) rows.push_back(row(std::to_string(i), i));
    ASSERT_EQ(integers(shop_.offer("m", 1, first / 200 + 1, rows))[0], 0);
  }
  shop_.redis({"HSET", "names:{s0}", "m:old", "Of an earlier cycle"});
  std::map<std::string, protocol::CatalogueItem> items;
  std::string cursor = "0";
  int pages = 0;
  do {
    const std::string answer = shop_.call("catalogue_v1", {cursor, "100"});
    ASSERT_EQ(answer[0], 'O');
    protocol::Reader reader(std::string_view(answer).substr(1));
    ASSERT_EQ(reader.array(), 3u);
    cursor = reader.string();
    EXPECT_GE(reader.integer(), 0);
    const auto record = protocol::decode_catalogue_record(reader.rest());
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->manufacturers.size(), pages == 0 ? 1u : 0u);  // They go first.
    for (const auto& item : record->items) items[item.offer] = item;
    ++pages;
  } while (cursor != "0");
  EXPECT_GT(pages, 3);
  ASSERT_EQ(items.size(), 601u);
  EXPECT_EQ(items["m:7"].available, 7);
  EXPECT_EQ(items["m:7"].name, "Name of 7");
  EXPECT_FALSE(items["m:7"].withdrawn);
  EXPECT_TRUE(items["m:0"].withdrawn);
  EXPECT_TRUE(items["m:old"].withdrawn);
}

TEST_F(FunctionsTest, ThousandsOfManufacturersAreSeveralPagesOfTheCatalogue) {
  constexpr int kMakers = 1'500;
  for (int i = 0; i < kMakers; ++i) {
    shop_.redis({"HSET", "manufacturers:{s0}", std::string(60, 'm') + std::to_string(1'000 + i),
                 "\xd9\xc8" + std::string(200, 'n') + std::string("\0\0", 2)});
  }
  std::size_t makers = 0;
  std::string cursor = "0";
  do {
    const std::string answer = shop_.call("catalogue_v1", {cursor, "400"});
    EXPECT_LE(answer.size(), 256u * 1024);
    protocol::Reader reader(std::string_view(answer).substr(1));
    ASSERT_EQ(reader.array(), 3u);
    cursor = reader.string();
    reader.integer();
    const auto record = protocol::decode_catalogue_record(reader.rest());
    ASSERT_TRUE(record.has_value());
    makers += record->manufacturers.size();
  } while (cursor != "0");
  EXPECT_EQ(makers, kMakers + 1u);
}

TEST_F(FunctionsTest, AnOfferOfAnotherNameIsInTheFeedWithItsStock) {
  stock_up(7);
  OfferRow renamed = row("x", 7);
  renamed.name = "Another name";
  ASSERT_EQ(integers(shop_.offer("m", 1, 2, {renamed, row("y", 7)}))[0], 0);
  const Value newest = shop_.redis({"XREVRANGE", "feed:{s0}", "+", "-", "COUNT", "1"});
  std::map<std::string, std::string> fields;
  const auto& flat = newest.items[0].items[1].items;
  for (std::size_t i = 0; i < flat.size(); i += 2) fields[flat[i].text] = flat[i + 1].text;
  const auto stock = protocol::decode_stock_record(fields["s"]);
  ASSERT_TRUE(stock.has_value());
  ASSERT_EQ(stock->size(), 1u);
  EXPECT_EQ(stock->at(0).offer, "m:x");
  EXPECT_EQ(stock->at(0).available, 7);
  std::string named;
  protocol::Writer(named).array(2).string("m:x").string("Another name");
  EXPECT_EQ(fields["n"], named);
  EXPECT_EQ(shop_.ledger("m").size(), 2u);  // A name is no business of the books.
}

// One entry of all would be a message that no socket takes.
TEST_F(FunctionsTest, WhatIsWithdrawnAtOnceIsWrittenInEntriesOfBoundedSize) {
  constexpr std::int64_t kSkus = 2'600, kRows = 200;
  const std::string prefix(55, 's');
  for (std::int64_t first = 0; first < kSkus; first += kRows) {
    std::vector<OfferRow> rows;
    for (std::int64_t i = first; i < first + kRows; ++i) {
      rows.push_back(row(prefix + std::to_string(10'000 + i), 5));
    }
    ASSERT_EQ(integers(shop_.offer("m", 1, first / kRows + 1, rows))[0], 0);
  }
  ASSERT_EQ(integers(shop_.offer("m", 2, 1, {row("x", 7)}))[0], 0);
  std::map<std::string, protocol::LedgerRow> last;
  for (const auto& entry : shop_.ledger("m")) {
    EXPECT_LE(entry.rows.size(), 500u);
    for (const auto& row : entry.rows) last[row.sku] = row;
  }
  ASSERT_EQ(last.size(), kSkus + 1u);
  std::set<std::string> told;
  for (const Value& item : shop_.redis({"XRANGE", "feed:{s0}", "-", "+"}).items) {
    for (const Value& field : item.items[1].items) {
      EXPECT_LT(field.text.size(), 128u * 1024);
      const auto rows = protocol::decode_stock_record(field.text);
      if (!rows) continue;
      for (const auto& row : *rows) {
        if (row.available == -1) told.insert(row.offer);
      }
    }
  }
  EXPECT_EQ(told.size(), std::size_t{kSkus});
  last.erase("x");
  for (const auto& [sku, row] : last) {
    EXPECT_EQ(row.quantity, 0);
    EXPECT_EQ(row.available_after, 0);
    EXPECT_EQ(shop_.stock("m:" + sku), (std::vector<std::int64_t>{100, 0, 5, 5, 0, 0}));
  }
  EXPECT_EQ(place(order("anna", "k", {line("m:x", 1)}))[0], 'P');  // The head is right.
}

}  // namespace
}  // namespace depot::store::test
