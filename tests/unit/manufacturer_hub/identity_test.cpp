#include "manufacturer_hub/identity.hpp"

#include <gtest/gtest.h>

namespace depot::manufacturer_hub {
namespace {

protocol::SyncHello hello(bool manufacturer, const std::string& id) {
  protocol::SyncHello said;
  said.manufacturer = manufacturer;
  said.id = id;
  return said;
}

TEST(IdentityTest, AManufacturerIsWhatStandsBehindItsKeysRole) {
  EXPECT_EQ(manufacturer_of_key("manufacturer-tea-co"), "tea-co");
  for (const char* user : {"", "gateway-1", "tea-co", "manufacturer", "manufacturer-",
                           "Manufacturer-m", "x-manufacturer-m"}) {
    EXPECT_EQ(manufacturer_of_key(user), "") << user;
  }
}

TEST(IdentityTest, HelloPublishingAndSubscribingAreTakenFromTheKeyAlone) {
  struct Row {
    const char* user;
    bool hello_m1, hello_gateway, publish_m1;
    bool cycle, head_m1, head_other, stock, all;  // subscribe to
  };
  const bool y = true, n = false;
  const Row rows[] = {
      {"", y, y, y, y, y, y, y, y},  // ipc
      {"gateway-1", n, y, n, y, y, y, y, y},
      {"manufacturer-m1", y, n, y, y, y, n, n, n},
      {"manufacturer-m2", n, n, n, y, n, y, n, n},
      {"manufacturer-m", n, n, n, y, n, n, n, n},  // the beginning of another's
      {"manufacturer-m11", n, n, n, y, n, n, n, n},
      {"manufacturer-", n, n, n, n, n, n, n, n},
      {"worker-1", n, n, n, n, n, n, n, n},
      {"balancer-1", n, n, n, n, n, n, n, n},
      {"m1", n, n, n, n, n, n, n, n},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.user);
    EXPECT_EQ(may_say_hello(row.user, hello(true, "m1")), row.hello_m1);
    EXPECT_EQ(may_say_hello(row.user, hello(false, "")), row.hello_gateway);
    EXPECT_EQ(may_publish(row.user, "m1"), row.publish_m1);
    EXPECT_EQ(may_subscribe(row.user, "cycle/"), row.cycle);
    EXPECT_EQ(may_subscribe(row.user, "head/m1/"), row.head_m1);
    EXPECT_EQ(may_subscribe(row.user, "head/m2/"), row.head_other);
    for (const char* topic : {"stock/", "catalogue/"}) {
      EXPECT_EQ(may_subscribe(row.user, topic), row.stock) << topic;
    }
    // Prefixes of it all, and of other heads.
    for (const char* topic : {"", "h", "head/", "head/m", "head/m1", "head/m1/x", "cycle", "c"}) {
      EXPECT_EQ(may_subscribe(row.user, topic), row.all) << topic;
    }
  }
}

// A name of which nothing is left must not match what is empty.
TEST(IdentityTest, AKeyWithoutANameIsNobodysManufacturer) {
  EXPECT_FALSE(may_say_hello("manufacturer-", hello(true, "")));
  EXPECT_FALSE(may_publish("gateway-1", ""));
  EXPECT_FALSE(may_publish("manufacturer-", ""));
}

}  // namespace
}  // namespace depot::manufacturer_hub
