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
    EXPECT_EQ(record->manufacturers.size(), pages == 0 ? 1u : 0u);
    for (const auto& item : record->items) items[item.offer] = item;
    ++pages;
  } while (cursor != "0");
  EXPECT_GT(pages, 3);
  ASSERT_EQ(items.size(), 601u);
  EXPECT_EQ(items["m:7"].available, 7);
  EXPECT_EQ(items["m:7"].name, "Name of 7");
  EXPECT_FALSE(items["m:0"].withdrawn);
  EXPECT_TRUE(items["m:old"].withdrawn);
}

}  // namespace
}  // namespace depot::store::test
