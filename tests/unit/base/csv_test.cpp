#include "base/csv.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace depot {
namespace {

std::vector<std::vector<std::string>> read(const std::string& text, std::string* errors = nullptr,
                                           std::vector<CsvColumn> columns = {{"a"}, {"b"}}) {
  CsvReader csv("f.csv", text, columns);
  std::vector<std::vector<std::string>> rows;
  while (csv.next()) {
    rows.emplace_back();
    for (std::size_t i = 0; i < columns.size(); ++i) rows.back().emplace_back(csv[i]);
  }
  if (errors) *errors = csv.errors();
  EXPECT_EQ(csv.ok(), csv.errors().empty());
  return rows;
}

using Rows = std::vector<std::vector<std::string>>;

TEST(CsvTest, ReadsWhatPeopleAndSpreadsheetsWrite) {
  const struct {
    std::string text;
    Rows rows;
  } cases[] = {
      {"a,b\n1,2\n", {{"1", "2"}}},
      {"a,b\r\n1,2\r\n3,4", {{"1", "2"}, {"3", "4"}}},
      {"\xEF\xBB\xBF"
       "a,b\n1,2\n",
       {{"1", "2"}}},
      {"b,a\n1,2\n", {{"2", "1"}}},
      {"\"a\",\"b\"\n\"x,y\",\"say \"\"hi\"\"\"\n", {{"x,y", "say \"hi\""}}},
      {"a,b\n\"two\nlines\",\"\"\n", {{"two\nlines", ""}}},
      {"a,b\n,\n", {{"", ""}}},
      {"a,b\n\n1,2\n\r\n\n", {{"1", "2"}}},
      {"a,b\n\xC5\xBC\xC3\xB3\xC5\x82\xC4\x87,\xF0\x9F\x8D\x8E\n",
       {{"\xC5\xBC\xC3\xB3\xC5\x82\xC4\x87", "\xF0\x9F\x8D\x8E"}}},
      {"a,b\n", {}},
      {"a,b\n\"x\",\"y\"", {{"x", "y"}}},
  };
  for (const auto& c : cases) {
    std::string errors;
    EXPECT_EQ(read(c.text, &errors), c.rows) << c.text;
    EXPECT_EQ(errors, "") << c.text;
  }
}

TEST(CsvTest, NamesFileLineAndColumnOfEveryError) {
  const struct {
    std::string text;
    std::string errors;
  } cases[] = {
      {"", "f.csv:1:1: a header line is required\n"},
      {"a\n", "f.csv:1:1: no column b\n"},
      {"a,b,c\n1,2,3\n", "f.csv:1:5: unknown column: c\n"},
      {"a,b,a\n", "f.csv:1:5: column named twice: a\n"},
      {"a,b\n1\n1,2,3\n",
       "f.csv:2:1: 1 fields where the header has 2\n"
       "f.csv:3:1: 3 fields where the header has 2\n"},
      {"a,b\nx,y\"z\n1,2\n", "f.csv:2:4: quote inside a field\n"},
      {"a,b\n\"x\"y,2\n", "f.csv:2:4: text behind a closing quote\n"},
      {"a,b\n\"p\nq\",\"r\ns", "f.csv:3:4: quote is never closed\n"},
      {"a,b\nx,\xFF\n", "f.csv:2:3: not UTF-8\n"},
      {"a,b\n\xC5\xBC\xC5\xBC,\xC0\x80\n", "f.csv:2:4: not UTF-8\n"},
      {"a,b\nx,\xED\xA0\x80\n", "f.csv:2:3: not UTF-8\n"},
      {"a,b\nx,\xF4\x90\x80\x80\n", "f.csv:2:3: not UTF-8\n"},
      {"a,b\nx,\xE2\x82\n", "f.csv:2:3: not UTF-8\n"},
      {"a,b\rx,y\n", "f.csv:1:4: a carriage return that ends no line\n"},
      {"a,b\nx," + std::string(5'000, 'z') + "\n", "f.csv:2:3: longer than 4096 bytes\n"},
  };
  for (const auto& c : cases) {
    std::string errors;
    read(c.text, &errors);
    EXPECT_EQ(errors.substr(0, c.errors.size()), c.errors) << c.text;
  }
}

TEST(CsvTest, GoesOnBehindABadRow) {
  std::string errors;
  EXPECT_EQ(read("a,b\n1,2\nbad\"row,x\n3,4\n", &errors), (Rows{{"1", "2"}, {"3", "4"}}));
  EXPECT_EQ(errors, "f.csv:3:4: quote inside a field\n");
}

TEST(CsvTest, PlacesTheCallersErrorsAtTheField) {
  CsvReader csv("f.csv", "b,a\n\xC5\xBC,\"x\ny\"\nz,w\n", {{"a"}, {"b"}});
  ASSERT_TRUE(csv.next());
  csv.error(0, "no good");
  ASSERT_TRUE(csv.next());
  csv.error(1, "nor this");
  EXPECT_FALSE(csv.next());
  EXPECT_EQ(csv.errors(), "f.csv:2:3: a: no good\nf.csv:4:1: b: nor this\n");
}

TEST(CsvTest, OptionalColumnMayBeAbsent) {
  std::string errors;
  EXPECT_EQ(read("a\n1\n", &errors, {{"a"}, {"note", false}}), (Rows{{"1", ""}}));
  EXPECT_EQ(errors, "");
}

TEST(CsvTest, StopsAtItsLimits) {
  CsvReader rows("f.csv", "a\n1\n2\n3\n", {{"a"}}, {.rows_max = 2});
  EXPECT_TRUE(rows.next());
  EXPECT_TRUE(rows.next());
  EXPECT_FALSE(rows.next());
  EXPECT_EQ(rows.errors(), "f.csv:4:1: more than 2 rows\n");

  CsvReader errors("f.csv", "a\n1,1\n2,2\n3,3\n", {{"a"}}, {.errors_max = 1});
  while (errors.next()) {
  }
  EXPECT_EQ(errors.errors_total(), 3u);
  EXPECT_EQ(errors.errors(), "f.csv:2:1: 2 fields where the header has 1\n... and 2 more errors\n");
}

RC_GTEST_PROP(CsvTest, ReadsBackWhatIsQuoted, (const std::vector<std::pair<int, int>>& seeds)) {
  static const std::string parts[] = {"", "x", ",", "\"", "\n", "\r\n", "\r", " ", "\xC5\xBC"};
  const auto value = [](int seed) {
    std::string text;
    for (auto n = static_cast<unsigned>(seed); n > 0; n /= 9) text += parts[n % 9];
    return text;
  };
  const auto quoted = [](const std::string& text) {
    std::string out = "\"";
    for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
    return out + "\"";
  };
  std::string text = "a,b\r\n";
  Rows rows;
  for (const auto& [a, b] : seeds) {
    rows.push_back({value(a), value(b)});
    text += quoted(rows.back()[0]) + "," + quoted(rows.back()[1]) + "\r\n";
  }
  std::string errors;
  RC_ASSERT(read(text, &errors) == rows);
  RC_ASSERT(errors.empty());
}

RC_GTEST_PROP(CsvTest, SurvivesAnyBytes, (const std::string& bytes)) {
  std::string errors;
  read("a,b\n" + bytes, &errors);
  read(bytes, &errors);
}

}  // namespace
}  // namespace depot
