#include "protocol/msgpack.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <variant>

namespace depot::protocol {
namespace {

using namespace std::string_literals;

std::string written(std::int64_t value) {
  std::string out;
  Writer(out).integer(value);
  return out;
}

TEST(MsgpackTest, WritesIntegersInTheirShortestForm) {
  const std::vector<std::pair<std::int64_t, std::string>> cases = {
      {0, "\x00"s},
      {127, "\x7f"},
      {128, "\xcc\x80"},
      {255, "\xcc\xff"},
      {256, "\xcd\x01\x00"s},
      {65'536, "\xce\x00\x01\x00\x00"s},
      {4'294'967'296, "\xcf\x00\x00\x00\x01\x00\x00\x00\x00"s},
      {-1, "\xff"},
      {-32, "\xe0"},
      {-33, "\xd0\xdf"},
      {-129, "\xd1\xff\x7f"},
      {-32'769, "\xd2\xff\xff\x7f\xff"},
      {-2'147'483'649, "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff"},
  };
  for (const auto& [value, bytes] : cases) EXPECT_EQ(written(value), bytes) << value;
}

TEST(MsgpackTest, WritesLengthsInTheirShortestForm) {
  const auto head_of = [](std::size_t size) {
    std::string out;
    Writer(out).string(std::string(size, 'x'));
    EXPECT_EQ(Reader(out).string().size(), size);
    return out.substr(0, out.size() - size);
  };
  EXPECT_EQ(head_of(0), "\xa0");
  EXPECT_EQ(head_of(31), "\xbf");
  EXPECT_EQ(head_of(32), "\xd9\x20");
  EXPECT_EQ(head_of(256), "\xda\x01\x00"s);
  EXPECT_EQ(head_of(65'536), "\xdb\x00\x01\x00\x00"s);
  for (const std::size_t count : {0u, 15u, 16u, 65'535u, 65'536u}) {
    std::string out;
    Writer writer(out);
    writer.array(count);
    for (std::size_t i = 0; i < count; ++i) writer.nil();
    Reader reader(out);
    EXPECT_EQ(reader.array(), count);
    EXPECT_EQ(out.size() - count, count < 16 ? 1u : count < 65'536 ? 3u : 5u);
  }
}

TEST(MsgpackTest, ReadsEveryFormThatOthersMayWrite) {
  for (const std::string& one :
       {"\x01"s, "\xcc\x01"s, "\xcd\x00\x01"s, "\xce\x00\x00\x00\x01"s,
        "\xcf\x00\x00\x00\x00\x00\x00\x00\x01"s, "\xd0\x01"s, "\xd1\x00\x01"s,
        "\xd2\x00\x00\x00\x01"s, "\xd3\x00\x00\x00\x00\x00\x00\x00\x01"s}) {
    Reader reader(one);
    EXPECT_EQ(reader.integer(), 1);
    EXPECT_TRUE(reader.done());
  }
  for (const std::string& text :
       {"\xa2hi"s, "\xd9\x02hi"s, "\xda\x00\x02hi"s, "\xdb\x00\x00\x00\x02hi"s, "\xc4\x02hi"s,
        "\xc5\x00\x02hi"s, "\xc6\x00\x00\x00\x02hi"s}) {
    Reader reader(text);
    EXPECT_TRUE(reader.is_string());
    EXPECT_EQ(reader.string(), "hi");
    EXPECT_TRUE(reader.done());
  }
}

RC_GTEST_PROP(MsgpackTest, ReadsIntegersAndStringsAsWritten,
              (std::int64_t number, const std::string& text, bool flag)) {
  const std::int64_t edge =
      *rc::gen::inRange(-3, 4) + (std::int64_t{1} << *rc::gen::inRange(0, 62));
  std::string out;
  Writer(out)
      .array(6)
      .integer(number)
      .integer(edge)
      .integer(-edge)
      .string(text)
      .boolean(flag)
      .nil();
  Reader reader(out);
  RC_ASSERT(reader.array() == 6u);
  RC_ASSERT(reader.integer() == number);
  RC_ASSERT(reader.integer() == edge);
  RC_ASSERT(reader.integer() == -edge);
  RC_ASSERT(reader.string() == text);
  RC_ASSERT(reader.boolean() == flag);
  RC_ASSERT(reader.is_nil());
  RC_ASSERT(reader.absent());
  RC_ASSERT(reader.done());

  Reader skipping(out);  // skip() takes exactly one value, and no less bytes are enough.
  skipping.skip();
  RC_ASSERT(skipping.done());
  Reader cut(std::string_view(out).substr(0, *rc::gen::inRange<std::size_t>(0, out.size())));
  cut.skip();
  RC_ASSERT(!cut.ok());
}

RC_GTEST_PROP(MsgpackTest, AnyBytesAreReadOrRefused, (const std::string& bytes)) {
  for (int first = 0; first < 5; ++first) {
    Reader reader(bytes);
    std::size_t steps = 0;
    while (reader.ok() && !reader.rest().empty()) {
      RC_ASSERT(++steps <= bytes.size());  // Every step takes at least one byte.
      if (first == 0) reader.skip();
      if (first == 1) reader.array();
      if (first == 2) reader.integer();
      if (first == 3) reader.string();
      if (first == 4 && !reader.absent()) reader.string();
    }
  }
}

TEST(MsgpackTest, LengthsBeyondTheBytesAreRefused) {
  for (const std::string& hostile :
       {"\xdd\xff\xff\xff\xff"s, "\xdc\xff\xff\x01"s, "\x9f\x01"s, "\xdb\xff\xff\xff\xffx"s,
        "\xc6\xff\xff\xff\xff"s, "\xd9\x02x"s, "\xbf"s, "\xcf\x01"s, ""s}) {
    for (const auto read : {+[](Reader& r) { r.array(); }, +[](Reader& r) { r.string(); },
                            +[](Reader& r) { r.integer(); }, +[](Reader& r) { r.skip(); }}) {
      Reader reader(hostile);
      read(reader);
      EXPECT_FALSE(reader.ok());
      EXPECT_FALSE(reader.done());
    }
  }
}

TEST(MsgpackTest, DeepNestingIsRefused) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '\x91') + "\xc0"; };
  const std::string text = nested(16);
  Reader good(text);
  good.skip();
  EXPECT_TRUE(good.done());
  for (const std::size_t depth : {17u, 1'000'000u}) {
    const std::string deep = nested(depth);
    Reader reader(deep);
    reader.skip();
    EXPECT_FALSE(reader.ok());
  }
}

TEST(MsgpackTest, TypesThatDepotDoesNotSpeakAreRefused) {
  for (const std::string& other :
       {"\x80"s, "\xca\x00\x00\x00\x00"s, "\xcb\x00\x00\x00\x00\x00\x00\x00\x00"s, "\xc1"s,
        "\xd4\x01\x01"s, "\xc7\x00\x01"s, "\xde\x00\x00"s}) {
    Reader reader(other);
    reader.skip();
    EXPECT_FALSE(reader.ok());
  }
  const std::string huge = "\xcf\xff\xff\xff\xff\xff\xff\xff\xff";
  Reader reader(huge);
  EXPECT_EQ(reader.integer(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(MsgpackTest, AfterTheFirstMismatchEverythingIsZero) {
  const std::string bytes = "\x01\xa1x\x01";
  Reader reader(bytes);
  EXPECT_EQ(reader.string(), "");
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.integer(), 0);
  EXPECT_EQ(reader.array(), 0u);
  EXPECT_FALSE(reader.boolean());
  EXPECT_FALSE(reader.is_string());
}

TEST(MsgpackTest, RangesAndRowsAreChecked) {
  const std::string five = "\x05";
  EXPECT_EQ(Reader(five).integer(0, 5), 5);
  Reader above(five);
  EXPECT_EQ(above.integer(0, 4), 0);
  EXPECT_FALSE(above.ok());
  const std::string negative = "\xff";
  Reader below(negative);
  below.unsigned_integer();
  EXPECT_FALSE(below.ok());
  const std::string four = "\x94\x01\x02\x03\x04";
  EXPECT_EQ(Reader(four).rows(2), 2u);
  Reader odd(four);
  odd.rows(3);
  EXPECT_FALSE(odd.ok());
}

}  // namespace
}  // namespace depot::protocol
