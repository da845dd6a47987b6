#include "base/yaml.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdlib>

#include "base/fatal.hpp"

namespace depot {
namespace {

using namespace std::chrono_literals;

struct Sample {
  std::string id;
  int count = 2;
  std::uint64_t bytes = 64 * 1'024;
  std::chrono::milliseconds wait{250};
  bool open = false;
  std::vector<std::string> names;

  YamlTable table() {
    YamlTable t;
    t.text("id", id);
    t.integer("part.count", count, 0, 64);
    t.size("part.bytes", bytes, 1, 1 << 20);
    t.duration("part.wait", wait, 1ms, 24h);
    t.flag("part.open", open);
    t.list("names", names, 3);
    t.required("id");
    return t;
  }
};

std::string parse_error_of(const std::string& text) {
  Sample sample;
  try {
    read_yaml(text, "f.yml", sample.table());
  } catch (const StartupError& error) {
    return error.what();
  }
  return "";
}

TEST(YamlTest, ReadsEveryType) {
  Sample sample;
  read_yaml(
      "# comment\nid: m1\npart:\n  count: 7\n  bytes: 8KiB\n  wait: 5m\n  open: true\n"
      "names: [a, \"b c\"]\n",
      "f.yml", sample.table());
  EXPECT_EQ(sample.id, "m1");
  EXPECT_EQ(sample.count, 7);
  EXPECT_EQ(sample.bytes, 8'192u);
  EXPECT_EQ(sample.wait, 5min);
  EXPECT_TRUE(sample.open);
  EXPECT_EQ(sample.names, (std::vector<std::string>{"a", "b c"}));
}

TEST(YamlTest, ReadsRowsAndNamesLineColumnAndRowOfAnError) {
  struct Row {
    std::string sku = {}, place = {};
    int count = 1;
  };
  const auto read = [](const std::string& text) {
    std::vector<Row> rows;
    YamlTable table;
    table.rows("rows", 2, [&rows](const std::string& place) {
      Row& row = rows.emplace_back(Row{.place = place});
      YamlTable t;
      t.text("sku", row.sku);
      t.integer("count", row.count, 1, 9);
      t.required("sku");
      return t;
    });
    read_yaml(text, "f.yml", table);
    return rows;
  };
  const auto rows = read("rows:\n  - {sku: a, count: 2}\n  - sku: b\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].count, 2);
  EXPECT_EQ(rows[1].sku, "b");
  EXPECT_EQ(rows[1].count, 1);
  EXPECT_EQ(rows[1].place, "f.yml:3:5");
  EXPECT_TRUE(read("rows: []\n").empty());

  const std::pair<const char*, const char*> cases[] = {
      {"rows: [{sku: a}, {sku: b, count: 10}]\n",
       "f.yml:1:34: rows[1].count: must be a number from 1 to 9"},
      {"rows:\n  - count: 2\n", "f.yml:2:5: rows[0].sku: is missing"},
      {"rows:\n  - {sku: a, size: 2}\n",
       "f.yml:2:14: rows[0].size: unknown key; known here: count, sku"},
      {"rows: [a]\n", "f.yml:1:8: rows[0]: must be a mapping (key: value lines)"},
      {"rows: a\n", "f.yml:1: rows: must be a list"},
      {"rows: [{sku: a}, {sku: b}, {sku: c}]\n",
       "f.yml:1: rows: has 3 entries, at most 2 are allowed"},
  };
  for (const auto& [text, error] : cases) {
    try {
      read(text);
      ADD_FAILURE() << text;
    } catch (const StartupError& thrown) {
      EXPECT_STREQ(thrown.what(), error);
    }
  }
}

TEST(YamlTest, KeysLeftOutKeepTheirValue) {
  Sample sample;
  read_yaml("id: x\npart:\n", "f.yml", sample.table());
  EXPECT_EQ(sample.count, 2);
  EXPECT_EQ(sample.wait, 250ms);
}

TEST(YamlTest, ErrorsNameFileLineKeyAndWhatIsAllowed) {
  const std::string range = "must be a number from 0 to 64";
  const std::string time = "must be a duration such as 250ms, 5s, 15m, 24h or 14d, from 1ms to 1d";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "f.yml:1: id: is missing"},
      {"id: x\nprat: 1\n", "f.yml:2: prat: unknown key; known here: id, names, part"},
      {"id: x\npart:\n  conut: 1\n",
       "f.yml:3: part.conut: unknown key; known here: bytes, count, open, wait"},
      {"id: x\nid: y\n", "f.yml:2: id: is there twice"},
      {"id:\n", "f.yml:1: id: has no value"},
      {"id: [x]\n", "f.yml:1: id: must be one value"},
      {"id: x\npart: 5\n", "f.yml:2: part: must be a mapping (key: value lines)"},
      {"- id\n", "f.yml:1: must be a mapping (key: value lines)"},
      {"id: x\npart: {count: 65}\n", "f.yml:2: part.count: " + range},
      {"id: x\npart: {count: -1}\n", "f.yml:2: part.count: " + range},
      {"id: x\npart: {count: 2.0}\n", "f.yml:2: part.count: " + range},
      {"id: x\npart: {count: 0x10}\n", "f.yml:2: part.count: " + range},
      {"id: x\npart: {count: 1e1}\n", "f.yml:2: part.count: " + range},
      {"id: x\npart: {count: 99999999999999999999}\n", "f.yml:2: part.count: " + range},
      {"id: x\npart: {bytes: 2GiB}\n",
       "f.yml:2: part.bytes: must be a size such as 4096, 64KiB or 8MiB, from 1 to 1MiB"},
      {"id: x\npart:\n  wait: 250\n", "f.yml:3: part.wait: " + time},
      {"id: x\npart:\n  wait: 2d\n", "f.yml:3: part.wait: " + time},
      {"id: x\npart:\n  wait: 9999999999999999d\n", "f.yml:3: part.wait: " + time},
      {"id: x\npart: {open: yes}\n", "f.yml:2: part.open: must be true or false"},
      {"id: x\nnames: a\n", "f.yml:2: names: must be a list"},
      {"id: x\nnames: [a, [b]]\n", "f.yml:2: names[1]: must be one value"},
      {"id: x\nnames: [a, b, c, d]\n", "f.yml:2: names: has 4 entries, at most 3 are allowed"},
      {"id: x\n---\nid: y\n", "f.yml: not one YAML document; look for a stray bracket or ---"},
      {"id: x\n]\n", "f.yml:2: not YAML: illegal flow end"},
      {std::string(kYamlBytesMax + 1, '#'), "f.yml: larger than 1 MiB"},
  };
  for (const auto& [text, error] : cases)
    EXPECT_EQ(parse_error_of(text), error) << text.substr(0, 80);
}

TEST(YamlTest, BrokenYamlIsAnErrorWithItsLine) {
  for (const std::string text : {"id: x\n\tpart: 1\n", "id: [x\n", "id: x: y\n", "id: *nobody\n",
                                 "%YAML 9.9\n", "? [a]\n: b\n"}) {
    EXPECT_TRUE(parse_error_of(text).starts_with("f.yml:"))
        << text << " -> " << parse_error_of(text);
  }
  EXPECT_TRUE(parse_error_of("id: x\n  bad: [\n").starts_with("f.yml:2:"));
  EXPECT_NE(parse_error_of(std::string(100'000, '[')),
            "");  // Deep nesting ends in an error, no crash.
}

RC_GTEST_PROP(YamlTest, AnyTextIsReadOrRefused, (const std::string& noise)) {
  parse_error_of(noise);
  const auto letters = rc::gen::element(' ', '\n', ':', '-', '[', ']', '{', '}', '#', '"', '\'',
                                        '|', '&', '*', '!', '%', '?', ',', 'i', 'd', 'p');
  parse_error_of(*rc::gen::container<std::string>(letters));
}

TEST(YamlTest, EnvironmentOverridesAndRefusesUnknownNames) {
  Sample sample;
  setenv("DEPOT_ID", "from-environment", 1);
  setenv("DEPOT_PART__COUNT", "9", 1);
  setenv("DEPOT_NAMES", "p,q", 1);
  read_environment(sample.table());
  EXPECT_EQ(sample.id, "from-environment");
  EXPECT_EQ(sample.count, 9);
  EXPECT_EQ(sample.names, (std::vector<std::string>{"p", "q"}));

  const auto refused = [&](const char* name, const char* value) {
    setenv(name, value, 1);
    std::string what;
    try {
      read_environment(sample.table());
    } catch (const StartupError& error) {
      what = error.what();
    }
    unsetenv(name);
    return what;
  };
  EXPECT_EQ(refused("DEPOT_PART__COUNT", "65"),
            "environment: DEPOT_PART__COUNT: must be a number from 0 to 64");
  EXPECT_EQ(refused("DEPOT_PART__CONUT", "6"),
            "environment: DEPOT_PART__CONUT: names no key of config.yml");
  unsetenv("DEPOT_ID");
  unsetenv("DEPOT_NAMES");
}

TEST(YamlTest, DescribesEveryKeyInForce) {
  Sample sample;
  sample.names = {"a", "b, \"c\""};
  EXPECT_EQ(describe(sample.table()),
            "id: \"\"\npart.count: 2\npart.bytes: 64KiB\npart.wait: 250ms\npart.open: false\n"
            "names: [a, \"b, \\\"c\\\"\"]\n");
}

TEST(YamlTest, FilesThatCannotBeReadAreNamed) {
  Sample sample;
  for (const std::string path : {"/nowhere/f.yml", "/tmp"}) {
    try {
      read_yaml_file(path, sample.table());
      FAIL() << path;
    } catch (const StartupError& error) {
      EXPECT_TRUE(std::string(error.what()).starts_with(path + ": ")) << error.what();
    }
  }
}

}  // namespace
}  // namespace depot
