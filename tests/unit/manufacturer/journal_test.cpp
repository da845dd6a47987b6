#include "manufacturer/journal.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/fatal.hpp"
#include "tests/support/temp_dir.hpp"

namespace depot::manufacturer {
namespace {

using Kind = Change::Kind;
using testing::HasSubstr;

std::string offers(const std::string& cycle, const std::vector<protocol::OfferRow>& rows) {
  std::string body;
  encode(protocol::OfferRecord{cycle, rows}, body);
  return body;
}

// A life: an epoch, a statement in two records, one acknowledged, something made.
const std::vector<Change> kLife = {
    {Kind::epoch, 1'000, 0, "store-1"},
    {Kind::cycle, 0, 0, "2026-11"},
    {Kind::record, 1, 1, offers("2026-11", {{"a", "Apple", 5, 10}, {"b", "Pear", 6, 1}})},
    {Kind::record, 2, 0, offers("2026-11", {{"c", "Plum", 7, 3}})},
    {Kind::acknowledged, 1, 0, ""},
    {Kind::produced, 24, 0, "a"},
    {Kind::record, 3, 0, offers("2026-11", {{"a", "Apple", 5, 34}})},
};

AgentState state_after(const std::vector<Change>& changes) {
  AgentState state;
  for (const Change& change : changes) EXPECT_TRUE(apply(state, change));
  return state;
}

std::string text_of(const std::vector<Change>& changes) {
  std::string text;
  for (const Change& change : changes) text += encode_line(change);
  return text;
}

// All of a state, to compare by.
std::string all_of(const AgentState& state) {
  std::string text = std::to_string(state.made) + " ";
  for (const Change& change : changes_to(state)) text += encode_line(change);
  return text;
}

std::string read_all(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST(AgentStateTest, ChangesLeadToIt) {
  const AgentState state = state_after(kLife);
  EXPECT_EQ(state.epoch, 1'000u);
  EXPECT_EQ(state.made, 3u);
  EXPECT_EQ(state.acknowledged, 1u);
  EXPECT_EQ(state.records.size(), 2u);
  EXPECT_EQ(state.records[0].body, kLife[3].text);
  EXPECT_EQ(state.offers.at("a").offered, 34);
  EXPECT_EQ(state.offers.at("b").name, "Pear");
  EXPECT_EQ(state.produced, (Made{{"a", 24}}));
  EXPECT_EQ(all_of(state_after(changes_to(state))), all_of(state));
}

TEST(AgentStateTest, ARecordOfAPastCycleKeepsItsNumberAndIsEmpty) {
  AgentState state = state_after(kLife);
  EXPECT_TRUE(apply(state, {Kind::cycle, 0, 0, "2026-12"}));
  EXPECT_EQ(state.made, 3u);
  ASSERT_EQ(state.records.size(), 2u);
  EXPECT_EQ(state.records[0], (StatedRecord{0, offers("2026-11", {})}));
  EXPECT_TRUE(state.offers.empty());
  EXPECT_TRUE(state.produced.empty());
  EXPECT_EQ(all_of(state_after(changes_to(state))), all_of(state));
}

TEST(AgentStateTest, ACycleThatIsSaidAgainBeginsNothing) {
  AgentState state = state_after(kLife);
  const std::vector<Change> before = changes_to(state);
  EXPECT_TRUE(apply(state, {Kind::cycle, 0, 0, state.cycle}));
  EXPECT_EQ(changes_to(state), before);
}

TEST(AgentStateTest, AnEpochKeepsWhatWasMadeInItsDataSetOnly) {
  AgentState state = state_after(kLife);
  EXPECT_TRUE(apply(state, {Kind::epoch, 1'001, 0, "store-1"}));
  EXPECT_EQ(state.made, 0u);
  EXPECT_TRUE(state.records.empty());
  EXPECT_EQ(state.produced.size(), 1u);
  EXPECT_EQ(state.cycle, "2026-11");
  EXPECT_TRUE(apply(state, {Kind::epoch, 1'002, 0, "store-2"}));
  EXPECT_TRUE(state.produced.empty());
  EXPECT_EQ(state.cycle, "");
}

TEST(AgentStateTest, ARecordThatDoesNotFollowIsNotTaken) {
  AgentState state = state_after(kLife);
  EXPECT_FALSE(apply(state, {Kind::record, 5, 0, offers("2026-11", {})}));
  EXPECT_FALSE(apply(state, {Kind::record, 3, 0, offers("2026-11", {})}));
  EXPECT_EQ(state.made, 3u);
}

RC_GTEST_PROP(ChangeTest, IsReadAsItWasWritten, (std::uint64_t number, std::string text)) {
  const Change change{static_cast<Kind>(*rc::gen::inRange(1, 7)), number >> 1,
                      *rc::gen::arbitrary<std::uint32_t>(), text};
  RC_ASSERT(decode_change(encode_change(change)) == change);
}

TEST(JournalTextTest, CutAtEveryByteItHasTheWholeLinesBeforeThat) {
  const std::string text = text_of(kLife);
  std::size_t lines = 0, good = 0;
  for (std::size_t size = 0; size <= text.size(); ++size) {
    if (size > 0 && text[size - 1] == '\n') {
      ++lines;
      good = size;
    }
    AgentState state;
    EXPECT_EQ(read_lines(text.substr(0, size), state), good);
    const std::vector<Change> before(kLife.begin(),
                                     kLife.begin() + static_cast<std::ptrdiff_t>(lines));
    EXPECT_EQ(all_of(state), all_of(state_after(before))) << size;
  }
}

TEST(JournalTextTest, AChangedByteEndsItBeforeItsLine) {
  const std::string text = text_of(kLife);
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char mask : {'\x01', '\x20', '\x80'}) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(damaged[at] ^ mask);
      AgentState state;
      EXPECT_EQ(read_lines(damaged, state), at == 0 ? 0 : text.rfind('\n', at - 1) + 1) << at;
    }
  }
}

RC_GTEST_PROP(JournalTextTest, TakesAnyBytes, (const std::string& text)) {
  AgentState state;
  RC_ASSERT(read_lines(text, state) == 0u);
}

class JournalTest : public testing::Test {
 protected:
  // What a journal of that folder begins with.
  std::string begun() {
    Journal journal(path_);
    return all_of(journal.state());
  }
  const test::TempDir folder_;
  const std::string path_ = folder_ / "journal";
};

TEST_F(JournalTest, AddedChangesAreThereAgain) {
  std::string why;
  {
    Journal journal(path_);
    EXPECT_EQ(journal.state().epoch, 0u);
    AgentState state;
    for (const Change& change : kLife) {
      apply(state, change);
      journal.add(change);
      EXPECT_TRUE(journal.sync(state, why)) << why;
    }
    EXPECT_EQ(read_all(path_), text_of(kLife));
  }
  EXPECT_EQ(begun(), all_of(state_after(kLife)));
}

TEST_F(JournalTest, WhatIsSyncedIsInTheFileAndWhatIsAcknowledgedWaits) {
  Journal journal(path_);
  std::string why;
  for (int i = 0; i < 4; ++i) journal.add(kLife[static_cast<std::size_t>(i)]);
  EXPECT_EQ(read_all(path_), "");
  EXPECT_TRUE(journal.sync({}, why));
  const std::string before = read_all(path_);
  journal.add(kLife[4]);
  EXPECT_TRUE(journal.sync({}, why));
  EXPECT_EQ(read_all(path_), before);
  journal.flush();
  EXPECT_EQ(read_all(path_), before + encode_line(kLife[4]));
}

TEST_F(JournalTest, GoesOnBehindADamagedTail) {
  write(path_, text_of(kLife) + "0123456789abcdef 9");
  std::string why;
  {
    Journal journal(path_);
    EXPECT_EQ(journal.dropped_bytes(), 18u);
    AgentState state = journal.state();
    const Change more{Kind::acknowledged, 3, 0, ""};
    apply(state, more);
    journal.add(more);
  }
  Journal journal(path_);
  EXPECT_EQ(journal.dropped_bytes(), 0u);
  EXPECT_EQ(journal.state().acknowledged, 3u);
}

// Written anew: a new file, on disk, renamed. A crash leaves one of these.
TEST_F(JournalTest, ACrashWhileItIsWrittenAnewLosesNothing) {
  const std::string whole = text_of(kLife);
  const std::string compact = text_of(changes_to(state_after(kLife)));
  for (std::size_t size = 0; size <= compact.size(); size += 7) {
    write(path_, whole);
    write(path_ + ".new", compact.substr(0, size));
    EXPECT_EQ(begun(), all_of(state_after(kLife))) << size;
    EXPECT_FALSE(std::filesystem::exists(path_ + ".new"));
  }
  write(path_, compact);  // Renamed, and the folder not on disk: either is good.
  EXPECT_EQ(begun(), all_of(state_after(kLife)));
}

TEST_F(JournalTest, IsWrittenAnewNowAndThen) {
  Journal journal(path_);
  AgentState state;
  std::string why;
  std::uint64_t largest = 0;
  for (const Change& change : kLife) apply(state, change), journal.add(change);
  for (std::uint64_t number = 4; number < 12'000; ++number) {
    for (const Change& change :
         {Change{Kind::record, number, 0, offers("2026-11", {{"a", "Apple", 5, 40}})},
          Change{Kind::acknowledged, number, 0, ""}}) {
      ASSERT_TRUE(apply(state, change));
      journal.add(change);
    }
    ASSERT_TRUE(number % 100 != 0 || journal.sync(state, why)) << why;
    largest = std::max(largest, std::filesystem::file_size(path_));
  }
  EXPECT_GT(largest, 1'000'000u);
  EXPECT_LT(largest, 1'200'000u);
  AgentState read;
  const std::string text = read_all(path_);
  EXPECT_EQ(read_lines(text, read), text.size());
}

TEST_F(JournalTest, OneProcessOnlyKeepsItThere) {
  const Journal journal(path_);
  EXPECT_THROW(Journal(folder_ / "journal"), StartupError);
}

TEST_F(JournalTest, SaysWhyItIsNotOnDiskAndTriesAgain) {
  Journal journal(path_);
  std::string why;
  AgentState state = state_after(kLife);
  // More than it may grow to, so that it is written anew; which cannot be.
  std::filesystem::create_directory(path_ + ".new");
  for (int i = 0; i < 3'000; ++i) journal.add({Kind::produced, 1, 0, std::string(300, 'x')});
  EXPECT_FALSE(journal.sync(state, why));
  EXPECT_THAT(why, HasSubstr("journal.new"));
  EXPECT_FALSE(journal.sync(state, why));
  EXPECT_EQ(why, "");  // Once is enough.
  std::filesystem::remove(path_ + ".new");
  EXPECT_TRUE(journal.sync(state, why));
  EXPECT_EQ(read_all(path_), text_of(changes_to(state)));
}

}  // namespace
}  // namespace depot::manufacturer
