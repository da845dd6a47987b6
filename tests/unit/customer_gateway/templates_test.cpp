#include "customer_gateway/templates.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <regex>
#include <set>

#include "customer_gateway/page_files.hpp"
#include "protocol/problem.hpp"

namespace depot::customer_gateway {
namespace {

namespace json = boost::json;

json::object texts_in(Language language) {
  return json::parse(page_file(std::string(name_of(language)) + ".json")).as_object();
}

// What a text asks its template for, and the marks it may hold, in order of name.
std::set<std::string> placeholders_of(const json::value& text) {
  std::string all;
  if (text.is_string()) {
    all = text.as_string();
  } else {
    for (const auto& [form, one] : text.as_object()) {
      if (form != "of") all += one.as_string();
    }
  }
  std::set<std::string> found;
  const std::regex mark(R"(\{\{?[^{}]+\}?\}|<[a-z]+|href="[^"]*)");
  for (std::sregex_iterator at(all.begin(), all.end(), mark), end; at != end; ++at) {
    found.insert(at->str());
  }
  return found;
}

TEST(TextsTest, LanguagesHaveTheSameTextsWithTheSamePlaceholders) {
  const json::object english = texts_in(Language::en), polish = texts_in(Language::pl);
  for (const auto& [key, text] : polish) EXPECT_TRUE(english.contains(key)) << key;
  for (const auto& [key, text] : english) {
    ASSERT_TRUE(polish.contains(key)) << key;
    auto wanted = placeholders_of(text), given = placeholders_of(polish.at(key));
    for (auto* one : {&wanted, &given}) {  // A number that is counted may be written either way.
      if (one->erase("{n}") > 0) one->insert("{{available}}");
    }
    EXPECT_EQ(given, wanted) << key;
  }
}

TEST(TextsTest, EveryTextIsUsed) {
  std::string everything;
  for (const auto& file : embedded::page_files()) {
    if (file.name.ends_with(".html")) everything += file.bytes;
  }
  for (const auto& [key, text] : texts_in(Language::en)) {
    const std::string name(key), group = name.substr(0, name.find('.'));
    // These are looked for by the name of what happened.
    const bool by_name =
        std::set<std::string>{"problem", "failed", "error", "done",
                              "status",  "kind",   "state", "answer"}
            .contains(group) ||
        name.starts_with("cart.not_") ||
        std::regex_match(name, std::regex("(login|signup|account|maker)\\.[a-z_]+"));
    EXPECT_TRUE(by_name || everything.find("[[" + name) != std::string::npos) << name;
  }
}

TEST(TextsTest, EveryProblemIsExplained) {
  for (const Language language : kLanguages) {
    for (const auto& row : protocol::problem_table()) {
      EXPECT_NE(text_of(language, "problem." + std::string(row.name) + ".title"), "") << row.name;
      EXPECT_NE(text_of(language, "problem." + std::string(row.name) + ".text"), "") << row.name;
    }
  }
}

TEST(TextsTest, NounsHaveThePluralFormsOfTheirLanguage) {
  for (const auto& [language, forms] :
       {std::pair(Language::en, std::vector<std::string>{"one", "other"}),
        std::pair(Language::pl, std::vector<std::string>{"few", "many", "one"})}) {
    for (const auto& [key, text] : texts_in(language)) {
      if (!text.is_object()) continue;
      std::set<std::string> given;
      for (const auto& [form, one] : text.as_object()) given.insert(std::string(form));
      EXPECT_EQ(given.erase("of"), 1u) << key;
      EXPECT_THAT(given, testing::ElementsAreArray(forms)) << key;
    }
  }
}

TEST(TemplatesTest, EveryPageIsParsedInEveryLanguage) {
  for (const auto& file : embedded::page_files()) {
    if (!file.name.ends_with(".html") || !file.bytes.starts_with("<title>")) continue;
    const std::string name(file.name.substr(0, file.name.find('.')));
    for (const Language language : kLanguages) {
      const std::string page = template_of(language, name).render({});
      EXPECT_THAT(page,
                  testing::HasSubstr("<html lang=\"" + std::string(name_of(language)) + "\""));
      EXPECT_THAT(page, testing::Not(testing::HasSubstr("[["))) << name;
    }
  }
}

TEST(TemplatesTest, CountedTextChoosesItsForm) {
  kainjow::mustache::mustache text(std::string(text_of(Language::pl, "goods.left")));
  kainjow::mustache::data data;
  data.set("available", "22");
  data.set("available_few", true);
  EXPECT_EQ(text.render(data), "22 sztuki");
  EXPECT_TRUE(is_counted("available"));
  EXPECT_FALSE(is_counted("unit_price"));
  EXPECT_EQ(text_of(Language::en, "goods.left.other"), "{n} left");
  EXPECT_EQ(text_of(Language::pl, "goods.left.other"), text_of(Language::pl, "goods.left.many"));
  EXPECT_EQ(text_of(Language::en, "no.such.text"), "");
}

}  // namespace
}  // namespace depot::customer_gateway
