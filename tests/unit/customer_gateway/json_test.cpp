#include "customer_gateway/json.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace depot::customer_gateway {
namespace {

// What an order line's reader finds wrong: "" for nothing, else the first pointer and detail.
std::string first_error(std::string_view text) {
  JsonBody body(text);
  body.text("offer_id");
  body.integer("quantity");
  body.optional_money("unit_price", Currency{});
  body.end();
  if (body.errors().empty()) return "";
  return body.errors().front().pointer + ": " + body.errors().front().detail;
}

TEST(JsonTest, GoodBodiesAreRead) {
  for (const std::string_view text : {
           R"({"offer_id":"m:a","quantity":1})",
           " {\t\"quantity\" : -5 ,\r\n \"offer_id\":\"\\u00e9\\ud83d\\ude00\"} ",
           R"({"offer_id":"","quantity":0,"unit_price":{"amount_minor":1,"currency":"EUR"}})",
       }) {
    EXPECT_EQ(first_error(text), "") << text;
  }
}

TEST(JsonTest, BadBodiesAreMalformedAndSayWhere) {
  const std::pair<std::string, std::string> rows[] = {
      {"", ": "},
      {"null", ": The body is one JSON object."},
      {"[]", ": The body is one JSON object."},
      {"\"{}\"", ": The body is one JSON object."},
      {"{", ": "},
      {"{}{}", ": "},
      {"{} x", ": "},
      {"{\"offer_id\":\"a\",}", ": "},
      {"{'offer_id':'a'}", ": "},
      {"{/**/}", ": "},
      {"\xEF\xBB\xBF{}", ": "},
      {"{\"offer_id\":\"\xff\"}", ": "},
      {"{\"offer_id\":\"\xc0\xaf\"}", ": "},
      {"{\"offer_id\":\"\xed\xa0\x80\"}", ": "},
      {"{\"offer_id\":\"\\ud800\"}", ": "},
      {std::string("{\"offer_id\":\"\0\"}", 16), ": "},
      {R"({"quantity":01})", ": "},
      {R"({"quantity":+1})", ": "},
      {R"({"quantity":0x1})", ": "},
      {R"({"quantity":NaN})", ": "},
      {R"({"quantity":1.0})", ": Numbers are whole"},
      {R"({"quantity":1e3})", ": Numbers are whole"},
      {R"({"quantity":-1E-3})", ": Numbers are whole"},
      {R"({"quantity":1,"quantity":2})", ": A field is given twice: quantity"},
      {R"({"quantity":1,"\u0071uantity":2})", ": A field is given twice: quantity"},
      {R"({"offer_id":{"a":1,"a":1},"quantity":1})", ": A field is given twice: a"},
      {R"({"quantity":1})", "/offer_id: This field is missing."},
      {R"({"offer_id":"m:a"})", "/quantity: This field is missing."},
      {R"({"offer_id":1,"quantity":1})", "/offer_id: This is a string."},
      {R"({"offer_id":null,"quantity":1})", "/offer_id: This is a string."},
      {R"({"offer_id":"a","quantity":"1"})", "/quantity: This is a whole number."},
      {R"({"offer_id":"a","quantity":true})", "/quantity: This is a whole number."},
      {R"({"offer_id":"a","quantity":1,"x/y~":1})", "/x~1y~0: There is no such field."},
      {R"({"offer_id":"a","quantity":1,"unit_price":5})", "/unit_price: This is an object."},
      {R"({"offer_id":"a","quantity":1,"unit_price":{"amount_minor":1}})",
       "/unit_price/currency: This field is missing."},
      {"{\"offer_id\":" + std::string(100, '[') + std::string(100, ']') + "}", ": "},
      {"{\"offer_id\":" + std::string(100'000, '['), ": "},
  };
  for (const auto& [text, error] : rows) {
    const std::string found = first_error(text);
    EXPECT_TRUE(!found.empty() && found.starts_with(error)) << text.substr(0, 80) << "\n" << found;
  }
}

TEST(JsonTest, IntegersBeyond64BitsAreKeptOutOfEveryRange) {
  for (const auto& [digits, kept] :
       {std::pair{"9223372036854775807", std::numeric_limits<std::int64_t>::max()},
        {"9223372036854775808", std::numeric_limits<std::int64_t>::max()},
        {"18446744073709551616", std::numeric_limits<std::int64_t>::max()},
        {"99999999999999999999999999999999999999", std::numeric_limits<std::int64_t>::max()},
        {"-9223372036854775808", std::numeric_limits<std::int64_t>::min()},
        {"-9223372036854775809", std::numeric_limits<std::int64_t>::min()},
        {"-99999999999999999999999999999999999999", std::numeric_limits<std::int64_t>::min()}}) {
    JsonBody body(std::string("{\"n\":") + digits + "}");
    EXPECT_EQ(body.integer("n"), kept) << digits;
    EXPECT_TRUE(body.errors().empty());
  }
}

TEST(JsonTest, ManyKeysAreRefusedBeforeTheyCost) {
  std::string text = "{";
  for (int i = 0; i < 20'000; ++i) text += "\"k" + std::to_string(i) + "\":1,";
  text.back() = '}';
  JsonBody body(text);
  EXPECT_EQ(body.errors().size(), 1u);
}

TEST(JsonTest, AnotherCurrencyIsOutOfRangeNotMalformed) {
  JsonBody body(R"({"p":{"amount_minor":100,"currency":"USD"}})");
  EXPECT_EQ(body.optional_money("p", Currency{}), -1);
  EXPECT_TRUE(body.errors().empty());
}

TEST(JsonTest, WriterPlacesCommasAndEscapes) {
  JsonWriter json("EUR");
  json.open('{').fields("a", "\"\\\n\x01[{", "b", std::vector<int>{1, -2}, "c", std::vector<int>{});
  json.fields("d", std::optional<std::string>(), "e", std::optional(1), "m", Minor{1299});
  json.close('}');
  EXPECT_EQ(json.take(), R"({"a":"\"\\\n\u0001[{","b":[1,-2],"c":[],"d":null,"e":1,)"
                         R"("m":{"amount_minor":1299,"currency":"EUR"}})");
  JsonWriter list;
  list.list(std::vector<std::string>{"x"}, "");
  EXPECT_EQ(list.take(), R"({"items":["x"],"next_cursor":null})");
}

}  // namespace
}  // namespace depot::customer_gateway
