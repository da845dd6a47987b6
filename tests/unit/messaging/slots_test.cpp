#include "messaging/slots.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <map>
#include <string>

namespace depot::messaging {
namespace {

TEST(SlotsTest, TakesWhatWasInsertedOnce) {
  Slots<std::string> slots;
  const auto tag = slots.insert("one");
  ASSERT_NE(slots.find(tag), nullptr);
  EXPECT_EQ(slots.take(tag), "one");
  EXPECT_EQ(slots.take(tag), std::nullopt);
  EXPECT_EQ(slots.size(), 0u);
}

TEST(SlotsTest, ALateDuplicateOfAReusedSlotFindsNothing) {
  Slots<int> slots;
  const auto first = slots.insert(1);
  slots.take(first);
  auto second = slots.insert(2);
  while ((first & 0xFFFFF) != (second & 0xFFFFF)) {
    slots.take(second);
    second = slots.insert(2);
  }
  EXPECT_NE(first, second);  // The slot is used again, under another tag.
  EXPECT_EQ(slots.find(first), nullptr);
  EXPECT_EQ(*slots.find(second), 2);
}

TEST(SlotsTest, OneAtATimeStillTakesAMillionTurnsToTheSameTag) {
  Slots<int> slots;
  const auto first = slots.insert(0);
  slots.take(first);
  for (int turn = 1; turn < 1'000'000; ++turn) {
    const auto tag = slots.insert(turn);
    ASSERT_NE(tag, first) << "after " << turn << " turns";
    slots.take(tag);
  }
}

TEST(SlotsTest, TagsThatNeverWereFindNothing) {
  Slots<int> slots;
  EXPECT_EQ(slots.find(0), nullptr);
  EXPECT_EQ(slots.find(0xFFFFFFFF), nullptr);
  slots.insert(1);
  EXPECT_EQ(slots.find(1), nullptr);
}

RC_GTEST_PROP(SlotsTest, BehavesLikeAMap, (std::vector<std::uint8_t> program)) {
  Slots<int> slots;
  std::map<std::uint32_t, int> model;
  int next = 0;
  for (const std::uint8_t step : program) {
    if (step % 3 != 0 || model.empty()) {
      const auto tag = slots.insert(next);
      RC_ASSERT(model.emplace(tag, next).second);  // No tag is out twice.
      ++next;
    } else {
      const auto it = std::next(model.begin(), step % static_cast<long>(model.size()));
      RC_ASSERT(slots.take(it->first) == std::optional<int>(it->second));
      model.erase(it);
    }
    RC_ASSERT(slots.size() == model.size());
  }
  std::map<std::uint32_t, int> seen;
  slots.for_each([&](std::uint32_t tag, int value) { seen.emplace(tag, value); });
  RC_ASSERT(seen == model);
}

}  // namespace
}  // namespace depot::messaging
