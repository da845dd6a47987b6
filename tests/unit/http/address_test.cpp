#include "http/address.hpp"

#include <gtest/gtest.h>

namespace depot::http {
namespace {

TEST(AddressTest, IsWhatOneCustomerHas) {
  struct Row {
    const char *text, *wanted;  // "": none
  };
  for (const auto& [text, wanted] : {Row{"203.0.113.9", "203.0.113.9"},
                                     {"203.0.113.9:4711", "203.0.113.9"},
                                     {"127.0.0.1", "127.0.0.1"},
                                     {"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},
                                     {"[2001:db8:1:2::9]", "2001:db8:1:2::"},
                                     {"[2001:db8:1:2::9]:4711", "2001:db8:1:2::"},
                                     {"::ffff:203.0.113.9", "203.0.113.9"},
                                     {"::1", "::1"},
                                     {"", ""},
                                     {"[", ""},
                                     {"[]", ""},
                                     {":4711", ""},
                                     {"203.0.113", ""},
                                     {"203.0.113.256", ""},
                                     {"unknown", ""},
                                     {"localhost:80", ""}}) {
    EXPECT_EQ(customer_part(text).value_or(""), wanted) << text;
  }
}

TEST(AddressTest, ThisMachinesOwnAreKnown) {
  for (const char* text : {"127.0.0.1", "127.9.9.9", "::1"}) EXPECT_TRUE(is_loopback(text)) << text;
  for (const char* text : {"", "203.0.113.9", "2001:db8::", "localhost", "127.0.0"}) {
    EXPECT_FALSE(is_loopback(text)) << text;
  }
}

}  // namespace
}  // namespace depot::http
