#include "base/utf8.hpp"

#include <gtest/gtest.h>

#include <string>

namespace depot {
namespace {

TEST(Utf8Test, NamesArePrintable) {
  for (const std::string& good :
       {std::string("Zo\xc3\xab"), std::string(200, 'n'), std::string("\xe5\xb1\xb1 \xe7\x94\xb0"),
        std::string("\xc2\xa0x"), std::string("\xd9\x85\xdb\x8c\xe2\x80\x8c\xd8\xb1")}) {
    EXPECT_TRUE(is_name(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("   "), std::string(201, 'n'), std::string("A\nB"),
        std::string("A\0B", 3), std::string("A\x7f"), std::string("A\xff"),
        std::string("A\xc2\x80"), std::string("A\xc2\x9f"),          // C1
        std::string("A\xe2\x80\xa8"), std::string("A\xe2\x80\xa9"),  // line, paragraph
        std::string("A\xe2\x80\xae"), std::string("A\xe2\x81\xa6"),  // turning the text around
        std::string("A\xe2\x80\x8b"), std::string("\xef\xbb\xbf"),   // of no width
        std::string("A\xf3\xa0\x81\x81")}) {                         // a tag
    EXPECT_FALSE(is_name(bad)) << bad;
  }
}

TEST(Utf8Test, OnlyTheShortestFormsOfCharactersAreUtf8) {
  EXPECT_TRUE(is_utf8("a\xc3\xab\xe5\xb1\xb1\xf0\x9f\x8d\xb5"));
  for (const char* bad : {"\x80", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                          "\xf8\x88\x80\x80\x80", "\xc3", "\xc3("}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

}  // namespace
}  // namespace depot
