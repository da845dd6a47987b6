#include "messaging/sync_frame.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace depot::messaging {
namespace {

using Step = Follower::Step;

SyncHeader covering(std::uint64_t from, std::uint64_t to, std::uint64_t epoch = 1) {
  return {.type = SyncType::record, .epoch = epoch, .from = from, .to = to};
}

TEST(SyncFrameTest, HeaderComesBackAsWritten) {
  const SyncHeader written{.type = SyncType::error,
                           .flags = 0xF0F0F0F0,
                           .epoch = 7,
                           .from = 1,
                           .to = kNoPosition,
                           .time_us = 1'700'000'000'000'000};
  std::string bytes;
  write_sync_header(written, bytes);
  ASSERT_EQ(bytes.size(), kSyncHeaderSize);
  SyncHeader read;
  ASSERT_TRUE(read_sync_header(bytes + "body", read));
  EXPECT_EQ(read.type, written.type);
  EXPECT_EQ(read.flags, written.flags);
  EXPECT_EQ(read.epoch, written.epoch);
  EXPECT_EQ(read.from, written.from);
  EXPECT_EQ(read.to, written.to);
  EXPECT_EQ(read.time_us, written.time_us);
}

TEST(SyncFrameTest, RefusesHeadersThatAreNotExactlyOurs) {
  std::string good;
  write_sync_header({}, good);
  SyncHeader header;
  ASSERT_TRUE(read_sync_header(good, header));
  EXPECT_FALSE(read_sync_header(std::string_view(good).substr(1), header));
  EXPECT_FALSE(read_sync_header("", header));
  for (const auto& [at, value] :
       std::vector<std::pair<std::size_t, char>>{{0, 0}, {1, 0}, {2, 2}, {3, 0}, {3, 13}}) {
    std::string bad = good;
    bad[at] = value;
    EXPECT_FALSE(read_sync_header(bad, header)) << at;
  }
}

TEST(SyncFrameTest, SplitsTopics) {
  std::string_view kind;
  std::string_view id;
  ASSERT_TRUE(split_topic("stock/", kind, id));
  EXPECT_EQ(kind, "stock");
  EXPECT_EQ(id, "");
  ASSERT_TRUE(split_topic("offer/m1/", kind, id));
  EXPECT_EQ(kind, "offer");
  EXPECT_EQ(id, "m1");
  for (const char* bad : {"", "/", "stock", "offer/m1", "/m1/", "offer//", "offer/m1/x/", "//"}) {
    EXPECT_FALSE(split_topic(bad, kind, id)) << bad;
  }
  EXPECT_FALSE(split_topic(std::string(200, 'x') + "/", kind, id));
}

TEST(FollowerTest, WithoutAPositionEverythingIsAGap) {
  Follower follower;
  EXPECT_FALSE(follower.has_position());
  EXPECT_EQ(follower.see(covering(0, 0)), Step::gap);
  EXPECT_EQ(follower.see(covering(1, 5)), Step::gap);
  EXPECT_FALSE(follower.has_position());
}

TEST(FollowerTest, ZeroIsAPositionLikeAnyOther) {
  Follower follower;
  follower.set(1, 0);
  EXPECT_TRUE(follower.has_position());
  EXPECT_EQ(follower.see(covering(1, 1)), Step::apply);
  EXPECT_EQ(follower.last(), 1u);
}

TEST(FollowerTest, TellsApplyDuplicateGapAndOtherEpoch) {
  Follower follower;
  follower.set(1, 10);
  EXPECT_EQ(follower.see(covering(5, 10)), Step::duplicate);
  EXPECT_EQ(follower.see(covering(12, 12)), Step::gap);
  EXPECT_EQ(follower.see(covering(11, 11, 2)), Step::other_epoch);
  EXPECT_EQ(follower.last(), 10u);
  EXPECT_EQ(follower.see(covering(9, 12)), Step::apply);  // Overlaps: absolute values, newer ones.
  EXPECT_EQ(follower.last(), 12u);
}

TEST(FollowerTest, AHeadThatOnlyAnnouncesIsNeverApplied) {
  Follower follower;
  follower.set(1, 10);
  EXPECT_EQ(follower.see(covering(11, 10)), Step::duplicate);
  EXPECT_EQ(follower.see(covering(12, 11)), Step::gap);
  EXPECT_EQ(follower.last(), 10u);
}

TEST(FollowerTest, NoRecordMovesItToNoPosition) {
  Follower follower;
  follower.set(1, 10);
  EXPECT_EQ(follower.see(covering(0, kNoPosition)), Step::gap);
  EXPECT_EQ(follower.last(), 10u);
}

// Whatever is dropped, doubled or swapped: each number is applied once and in order, because a gap
// is repaired by what starts at last() + 1.
RC_GTEST_PROP(FollowerTest, AppliesEveryNumberOnceUnderLossAndReordering, ()) {
  Follower follower;
  follower.set(1, 0);
  std::uint64_t applied_to = 0;
  const auto frames = *rc::gen::container<std::vector<std::pair<std::uint8_t, std::uint8_t>>>(
      rc::gen::arbitrary<std::pair<std::uint8_t, std::uint8_t>>());
  for (const auto& [from, length] : frames) {
    const SyncHeader header = covering(from, from + length % 4u);
    const Step step = follower.see(header);
    if (step == Step::apply) {
      RC_ASSERT(header.from <= applied_to + 1 && header.to > applied_to);
      applied_to = header.to;
    } else if (step == Step::gap) {
      RC_ASSERT(header.from > applied_to + 1);
      RC_ASSERT(follower.see(covering(applied_to + 1, header.to)) == Step::apply);
      applied_to = header.to;
    } else {
      RC_ASSERT(step == Step::duplicate && header.to <= applied_to);
    }
    RC_ASSERT(follower.last() == applied_to);
  }
}

}  // namespace
}  // namespace depot::messaging
