// The function library is taken away under load, or an older one takes its place.
#include "store/library.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/cluster.hpp"
#include "tests/support/load.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

TEST(LibraryTest, AMissingOrOlderOneIsLoadedAgainUnderLoad) {
  std::string older = store::library_text();
  const std::string name = "register('place_orders_v1'";
  older.replace(older.find(name), name.size(), "register('place_orders_v0'");
  Cluster cluster;
  cluster.start();
  cluster.import({{.manufacturer = "m1", .sku = "a", .offered = 100'000}});
  Load load({cluster.port()}, "m1:a", 4, false);
  for (const std::vector<std::string>& damage :
       {std::vector<std::string>{"FUNCTION", "FLUSH"},
        {"FUNCTION", "DELETE", std::string(store::library_name())},
        {"FUNCTION", "LOAD", "REPLACE", older}}) {
    ASSERT_TRUE(cluster.redis().command(damage));
    ASSERT_TRUE(wait_until(
        10s, [&, goal = load.placed() + 20] { return load.placed() >= goal; }, "it sells again"));
  }
  load.stop();
  EXPECT_THAT(load.failures(), testing::IsEmpty());
  EXPECT_NE(cluster.logs().find("is loaded again lacked=place_orders_v1"), std::string::npos);
  EXPECT_EQ(load.remembered(), load.placed());
  cluster.expect_clean_audit();
}

}  // namespace
}  // namespace depot::test
