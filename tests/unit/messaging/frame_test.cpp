#include "messaging/frame.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <vector>

namespace depot::messaging {
namespace {

struct Given {
  RequestRecord head;
  std::string body;
};

RequestRecord with_body(const Given& given) {
  RequestRecord record = given.head;
  record.body = given.body;
  return record;
}

std::string frame_of(const std::vector<Given>& records) {
  std::string frame;
  write_header({.type = FrameType::request, .count = static_cast<std::uint16_t>(records.size())},
               frame);
  for (const Given& record : records) append_request(with_body(record), frame);
  return frame;
}

// How many records of `frame` a reader hands out, and whether it was content.
std::pair<int, bool> read_all(std::string_view frame) {
  Header header;
  if (!read_header(frame, header)) return {0, false};
  RequestReader reader(frame, header);
  int count = 0;
  for (RequestRecord record; reader.next(record);) ++count;
  return {count, reader.ok()};
}

TEST(FrameTest, HeaderComesBackAsWritten) {
  const Header written{.type = FrameType::reply,
                       .flags = kFlagBackendDown,
                       .count = 3,
                       .session = 0xA1B2C3D4,
                       .credit_limit = 0xFFFFFFFF,
                       .aux = 0x1122334455667788};
  std::string bytes;
  write_header(written, bytes);
  ASSERT_EQ(bytes.size(), kHeaderSize);

  Header read;
  ASSERT_TRUE(read_header(bytes, read));
  EXPECT_EQ(read.type, written.type);
  EXPECT_EQ(read.flags, written.flags);
  EXPECT_EQ(read.count, written.count);
  EXPECT_EQ(read.session, written.session);
  EXPECT_EQ(read.credit_limit, written.credit_limit);
  EXPECT_EQ(read.aux, written.aux);
}

TEST(FrameTest, PatchOverwritesOnlyTheHeader) {
  std::string bytes(kHeaderSize, '\0');
  bytes += "body";
  patch_header({.type = FrameType::bye}, bytes);
  Header read;
  ASSERT_TRUE(read_header(bytes, read));
  EXPECT_EQ(read.type, FrameType::bye);
  EXPECT_EQ(bytes.substr(kHeaderSize), "body");
}

TEST(FrameTest, RefusesHeadersThatAreNotExactlyOurs) {
  std::string good;
  write_header({.type = FrameType::ping}, good);
  Header header;
  ASSERT_TRUE(read_header(good, header));
  EXPECT_FALSE(read_header("", header));
  EXPECT_FALSE(read_header(std::string_view(good).substr(0, kHeaderSize - 1), header));
  const struct {
    const char* what;
    std::size_t at;
    char value;
  } table[] = {{"magic", 0, 0x5B}, {"version", 1, 2},  {"type 0", 2, 0},
               {"type 12", 2, 12}, {"reserved", 6, 1}, {"reserved high", 7, 1}};
  for (const auto& row : table) {
    std::string bad = good;
    bad[row.at] = row.value;
    EXPECT_FALSE(read_header(bad, header)) << row.what;
  }
}

RC_GTEST_PROP(FrameTest, RequestsComeBackAsWritten, ()) {
  const auto count = *rc::gen::inRange(0, 70);
  std::vector<Given> given(static_cast<std::size_t>(count));
  for (Given& record : given) {
    record.head.tag = *rc::gen::arbitrary<std::uint32_t>();
    record.head.budget_us = *rc::gen::arbitrary<std::uint32_t>();
    record.head.tenant = *rc::gen::arbitrary<std::uint32_t>();
    record.head.kind = *rc::gen::arbitrary<std::uint8_t>();
    record.head.attempt = *rc::gen::arbitrary<std::uint8_t>();
    record.head.flags = *rc::gen::arbitrary<std::uint8_t>();
    for (auto& byte : record.head.request_id) byte = *rc::gen::arbitrary<std::uint8_t>();
    record.body = *rc::gen::arbitrary<std::string>();
  }
  const std::string frame = frame_of(given);
  Header header;
  RC_ASSERT(read_header(frame, header));
  RequestReader reader(frame, header);
  for (const Given& want : given) {
    RequestRecord got;
    RC_ASSERT(reader.next(got));
    RC_ASSERT(got.tag == want.head.tag && got.budget_us == want.head.budget_us);
    RC_ASSERT(got.tenant == want.head.tenant && got.kind == want.head.kind);
    RC_ASSERT(got.attempt == want.head.attempt && got.flags == want.head.flags);
    RC_ASSERT(got.request_id == want.head.request_id);
    RC_ASSERT(got.body == want.body);
  }
  RequestRecord none;
  RC_ASSERT(!reader.next(none));
  RC_ASSERT(reader.ok());
}

RC_GTEST_PROP(FrameTest, RepliesComeBackAsWritten, (std::vector<std::string> bodies)) {
  std::string frame;
  write_header({.type = FrameType::reply, .count = static_cast<std::uint16_t>(bodies.size())},
               frame);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    append_reply({.tag = static_cast<std::uint32_t>(i) << 20,
                  .status = static_cast<std::uint16_t>(i),
                  .retry_after_ms = static_cast<std::uint16_t>(i + 1),
                  .body = bodies[i]},
                 frame);
  }
  Header header;
  RC_ASSERT(read_header(frame, header));
  ReplyReader reader(frame, header);
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    ReplyRecord got;
    RC_ASSERT(reader.next(got));
    RC_ASSERT(got.tag == static_cast<std::uint32_t>(i) << 20);
    RC_ASSERT(got.status == i && got.retry_after_ms == i + 1 && got.body == bodies[i]);
  }
  ReplyRecord none;
  RC_ASSERT(!reader.next(none) && reader.ok());
}

// Every cut of a good frame hands out the whole records before the cut and then reports the damage.
TEST(FrameTest, CutFramesKeepWhatIsWholeAndAreNotOk) {
  const std::string whole = frame_of({{{}, "first"}, {{}, ""}, {{}, "third"}});
  ASSERT_EQ(read_all(whole), std::make_pair(3, true));
  const std::size_t ends[] = {kHeaderSize + kRequestRecordHead + 5,
                              kHeaderSize + 2 * kRequestRecordHead + 5};
  for (std::size_t size = kHeaderSize; size < whole.size(); ++size) {
    const int expected = size >= ends[1] ? 2 : size >= ends[0] ? 1 : 0;
    EXPECT_EQ(read_all(std::string_view(whole).substr(0, size)), std::make_pair(expected, false))
        << size;
  }
}

TEST(FrameTest, BytesBehindTheLastRecordAreNotOk) {
  EXPECT_EQ(read_all(frame_of({{{}, "one"}}) + "x"), std::make_pair(1, false));
}

TEST(FrameTest, LengthsThatLieAreNotOk) {
  const std::string good = frame_of({{{}, "body"}});
  for (const std::uint32_t length : {0u, 31u, 37u, 0x7FFFFFFFu, 0xFFFFFFFCu, 0xFFFFFFFFu}) {
    std::string bad = good;
    for (int i = 0; i < 4; ++i)
      bad[kHeaderSize + static_cast<std::size_t>(i)] = static_cast<char>(length >> (8 * i));
    EXPECT_EQ(read_all(bad), std::make_pair(0, false)) << length;
  }
}

TEST(FrameTest, ARecordAboveTheLimitIsNotOk) {
  const std::size_t room = kRecordBytesMax - kRequestRecordHead;
  const std::string largest = frame_of({{{}, std::string(room, 'x')}});
  EXPECT_EQ(read_all(largest), std::make_pair(1, true));
  // One byte more, by hand: append_request would not write it.
  std::string larger = largest + "x";
  const auto length = static_cast<std::uint32_t>(kRecordBytesMax + 1 - 4);
  for (int i = 0; i < 4; ++i)
    larger[kHeaderSize + static_cast<std::size_t>(i)] = static_cast<char>(length >> (8 * i));
  EXPECT_EQ(read_all(larger), std::make_pair(0, false));
}

RC_GTEST_PROP(FrameTest, AnyBytesAreReadWithoutHarm, (std::string bytes)) {
  read_all(bytes);
  std::string framed;
  write_header({.type = FrameType::request, .count = *rc::gen::arbitrary<std::uint16_t>()}, framed);
  read_all(framed + bytes);
  Header header;
  read_header(framed, header);
  const std::string frame = framed + bytes;
  ReplyReader reader(frame, header);
  for (ReplyRecord record; reader.next(record);) RC_ASSERT(record.body.size() <= bytes.size());
}

}  // namespace
}  // namespace depot::messaging
