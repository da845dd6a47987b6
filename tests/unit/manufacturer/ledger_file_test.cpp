#include "manufacturer/ledger_file.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <sstream>

#include "tests/support/temp_dir.hpp"

namespace depot::manufacturer {
namespace {

using protocol::CycleState;
using protocol::LedgerEntry;
using protocol::LedgerKind;

KeptEntry epoch_entry(std::uint64_t epoch, std::int64_t previous_epoch = 0,
                      std::int64_t previous_number = 0) {
  return {epoch,
          0,
          {.kind = LedgerKind::epoch,
           .time_ms = 1'000,
           .cycle = "2026-11",
           .rows = {},
           .previous_epoch = previous_epoch,
           .previous_number = previous_number,
           .transition = {}}};
}

KeptEntry sold_entry(std::uint64_t epoch, std::uint64_t number) {
  return {epoch,
          number,
          {.kind = LedgerKind::sold,
           .time_ms = 1'000,
           .cycle = "2026-11",
           .rows = {{"ORDER", "a", 1, 250, 0, 0, 9}},
           .transition = {}}};
}

rc::Gen<std::string> text() {  // The hub's ids and names, and what JSON has to escape.
  return rc::gen::container<std::string>(rc::gen::elementOf(std::string("aZ09._-\"\\\n\t {}")));
}

KeptEntry any_entry() {
  const auto number = [] { return *rc::gen::arbitrary<std::int64_t>(); };
  KeptEntry kept{*rc::gen::arbitrary<std::uint64_t>(), *rc::gen::arbitrary<std::uint64_t>(), {}};
  LedgerEntry& entry = kept.entry;
  entry.kind = static_cast<LedgerKind>(*rc::gen::inRange(0, 6));
  entry.time_ms = *rc::gen::inRange<std::int64_t>(0, 4'000'000'000'000);
  entry.cycle = *text();
  if (entry.kind == LedgerKind::epoch) {
    entry.previous_epoch = number();
    entry.previous_number = number();
  } else if (entry.kind == LedgerKind::cycle) {
    entry.transition = {*text(), static_cast<CycleState>(*rc::gen::inRange(0, 7)), number(),
                        number()};
  } else {
    for (int rows = *rc::gen::inRange(0, 4); rows > 0; --rows) {
      entry.rows.push_back({*text(), *text(), number(), number(), number(), number(), number()});
    }
  }
  return kept;
}

RC_GTEST_PROP(LedgerJsonTest, IsReadAsItWasWritten, ()) {
  const KeptEntry kept = any_entry();
  const std::string line = to_json(kept);
  RC_ASSERT(line.find('\n') == std::string::npos);
  const std::optional<KeptEntry> read = kept_from_json(line);
  RC_ASSERT(read.has_value());
  RC_ASSERT(to_json(*read) == line);
  RC_ASSERT(read->position() == kept.position());
  const LedgerEntry &a = read->entry, &b = kept.entry;
  RC_ASSERT(std::tie(a.kind, a.time_ms, a.cycle, a.previous_epoch, a.previous_number) ==
            std::tie(b.kind, b.time_ms, b.cycle, b.previous_epoch, b.previous_number));
  const protocol::Cycle &c = a.transition, &d = b.transition;
  RC_ASSERT(std::tie(c.id, c.state, c.opens_at_ms, c.closes_at_ms) ==
            std::tie(d.id, d.state, d.opens_at_ms, d.closes_at_ms));
  RC_ASSERT(a.rows.size() == b.rows.size());
  for (std::size_t i = 0; i < a.rows.size(); ++i) {
    const protocol::LedgerRow &x = a.rows[i], &y = b.rows[i];
    RC_ASSERT(std::tie(x.order, x.sku, x.quantity, x.unit_price, x.offered_after, x.cut_after,
                       x.available_after) == std::tie(y.order, y.sku, y.quantity, y.unit_price,
                                                      y.offered_after, y.cut_after,
                                                      y.available_after));
  }
}

TEST(LedgerJsonTest, WhatIsOfAnotherFormIsNotRead) {
  const std::string good = to_json(sold_entry(1, 2));
  ASSERT_TRUE(kept_from_json(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(kept_from_json(good.substr(0, size))) << size;
  }
  for (const char* bad : {"[]", "{}", "7", R"({"epoch":1,"number":2,"kind":"bought"})"}) {
    EXPECT_FALSE(kept_from_json(bad)) << bad;
  }
}

class LedgerFileTest : public testing::Test {
 protected:
  std::string text() const {
    std::ostringstream all;
    all << std::ifstream(path_, std::ios::binary).rdbuf();
    return all.str();
  }
  void write(const std::vector<KeptEntry>& entries, const std::string& more = "") {
    std::ofstream file(path_, std::ios::binary);
    for (const KeptEntry& kept : entries) file << to_json(kept) << '\n';
    file << more;
  }
  // The numbers that are read back.
  std::vector<std::uint64_t> read(LedgerFile& file) {
    Ledger ledger;
    std::vector<std::uint64_t> numbers;
    const auto on_entry = [&](const KeptEntry& kept) { numbers.push_back(kept.number); };
    EXPECT_EQ(file.read(path_, ledger, on_entry), "");
    EXPECT_TRUE(numbers.empty() || ledger.newest().number == numbers.back());
    return numbers;
  }
  using Numbers = std::vector<std::uint64_t>;
  const test::TempDir folder_;
  const std::string path_ = folder_ / "ledger-1.jsonl";
};

TEST_F(LedgerFileTest, GoesOnBehindWhatIsThere) {
  {
    LedgerFile file;
    EXPECT_EQ(read(file), Numbers{});
    file.add(epoch_entry(1));
    file.add(sold_entry(1, 1));
  }
  LedgerFile file;
  EXPECT_EQ(read(file), (Numbers{0, 1}));
  file.add(sold_entry(1, 2));
  file.flush();
  LedgerFile again;
  EXPECT_EQ(read(again), (Numbers{0, 1, 2}));
}

TEST_F(LedgerFileTest, CutsOffATornLineAndWhatDoesNotFollow) {
  const std::string whole = to_json(sold_entry(1, 1));
  for (std::size_t size = 0; size <= whole.size(); size += 5) {
    write({epoch_entry(1)}, whole.substr(0, size));
    LedgerFile file;
    EXPECT_EQ(read(file), Numbers{0}) << size;
    EXPECT_EQ(text(), to_json(epoch_entry(1)) + "\n");
  }
  write({epoch_entry(1), sold_entry(1, 1), sold_entry(1, 3), sold_entry(1, 2)});
  LedgerFile file;
  EXPECT_EQ(read(file), (Numbers{0, 1}));
  file.add(sold_entry(1, 2));
  file.flush();
  LedgerFile again;
  EXPECT_EQ(read(again), (Numbers{0, 1, 2}));
}

TEST_F(LedgerFileTest, LeavesWhatARestoredDataSetKnows) {
  write({epoch_entry(1), sold_entry(1, 1), sold_entry(1, 2), sold_entry(1, 3)});
  LedgerFile file;
  EXPECT_EQ(read(file).size(), 4u);
  EXPECT_EQ(file.cut({1, 1}), "");
  file.add(epoch_entry(2, 1, 1));
  file.flush();
  LedgerFile again;
  EXPECT_EQ(read(again), (Numbers{0, 1, 0}));
  EXPECT_EQ(again.cut({}), "");
  EXPECT_EQ(text(), "");
}

TEST_F(LedgerFileTest, SaysWhereItCannotBeKept) {
  LedgerFile file;
  Ledger ledger;
  EXPECT_NE(file.read(folder_ / "none/ledger.jsonl", ledger, [](const KeptEntry&) {}), "");
}

}  // namespace
}  // namespace depot::manufacturer
