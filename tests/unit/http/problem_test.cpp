#include "http/problem.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <boost/json.hpp>
#include <set>

namespace depot::http {
namespace {

std::string json_of(std::string_view text) {
  std::string out;
  append_json_string(text, out);
  return out;
}

TEST(JsonStringTest, EscapesWhatJsonAsksFor) {
  EXPECT_EQ(json_of("plain"), R"("plain")");
  EXPECT_EQ(json_of("a\"b\\c\n\r\t"), R"("a\"b\\c\n\r\t")");
  EXPECT_EQ(json_of(std::string_view("\0\x1f\x7f", 3)), R"("\u0000\u001f\u007f")");
  EXPECT_EQ(json_of("ł€😀"), "\"ł€😀\"");
}

TEST(JsonStringTest, BytesThatAreNoUtf8AreReplaced) {
  constexpr const char* kR = "\xEF\xBF\xBD";
  EXPECT_EQ(json_of("a\xFFz"), std::string("\"a") + kR + "z\"");
  EXPECT_EQ(json_of("\xC0\xAF"), std::string("\"") + kR + kR + "\"");           // overlong '/'
  EXPECT_EQ(json_of("\xED\xA0\x80"), std::string("\"") + kR + kR + kR + "\"");  // a surrogate
  EXPECT_EQ(json_of("\xF4\x90\x80\x80"), std::string("\"") + kR + kR + kR + kR + "\"");
  EXPECT_EQ(json_of("\xE2\x82"), std::string("\"") + kR + kR + "\"");  // cut short
}

RC_GTEST_PROP(JsonStringTest, AnyBytesMakeValidJson, (const std::string& bytes)) {
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(json_of(bytes), error);
  RC_ASSERT(!error);
  if (std::ranges::all_of(bytes, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    RC_ASSERT(std::string_view(value.as_string()) == bytes);
  }
}

TEST(ProblemTest, SaysWhatRfc9457Asks) {
  for (const protocol::ProblemRow& row : protocol::problem_table()) {
    const Response response = problem_response(row.problem, "why \"so\"", R"(,"items":[1])");
    EXPECT_EQ(response.status, row.http_status);
    EXPECT_EQ(response.content_type, "application/problem+json");
    const boost::json::object body = boost::json::parse(response.body).as_object();
    EXPECT_EQ(body.at("type").as_string(), "/problems/" + std::string(row.name));
    EXPECT_EQ(body.at("title").as_string(), row.title);
    EXPECT_EQ(body.at("status").as_int64(), row.http_status);
    EXPECT_EQ(body.at("detail").as_string(), "why \"so\"");
    EXPECT_EQ(body.at("items").as_array().size(), 1u);
  }
}

TEST(ProblemTest, RetryAfterIsJitteredWithinOneToThreeSeconds) {
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    Response response;
    add_retry_after(response);
    ASSERT_EQ(response.headers.size(), 1u);
    EXPECT_EQ(response.headers[0].first, "Retry-After");
    seen.insert(response.headers[0].second);
  }
  EXPECT_EQ(seen, (std::set<std::string>{"1", "2", "3"}));
}

}  // namespace
}  // namespace depot::http
