#include "control/programs.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/fatal.hpp"
#include "tests/support/temp_dir.hpp"

namespace depot::control {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;

Config config_of(const std::string& yaml) { return parse_config(yaml, "c.yml"); }

TEST(ProgramsTest, AreWhatTheConfigurationNamesInTheOrderOfStarting) {
  std::vector<std::string> names;
  for (const Program& program : programs_of(
           config_of("gateway: {count: 2}\nworkers: {count: 3}\nhub: {count: 1}"), "/c.yml")) {
    names.push_back(program.spec.name);
    EXPECT_THAT(program.arguments, Contains("/c.yml"));
    EXPECT_THAT(program.arguments, Contains(program.spec.name));
  }
  EXPECT_THAT(names, ElementsAre("balancer-1", "worker-1", "worker-2", "worker-3", "hub-1",
                                 "gateway-1", "gateway-2"));
}

TEST(ProgramsTest, GatewaysStopFirstAndBalancersLast) {
  std::map<std::string, int> rank;
  for (const Program& program : programs_of(config_of("workers: {count: 1}"), "")) {
    rank[program.spec.name] = program.spec.rank;
  }
  EXPECT_LT(rank["gateway-1"], rank["hub-1"]);
  EXPECT_LT(rank["hub-1"], rank["worker-1"]);
  EXPECT_LT(rank["worker-1"], rank["balancer-1"]);
}

TEST(ProgramsTest, AgentsBearTheIdOfTheirManufacturer) {
  char folder[] = "/tmp/depot-programs-test-XXXXXX";
  const std::filesystem::path path = mkdtemp(folder);
  std::ofstream(path / "m.yml") << "id: alder\nname: Alder\ncatalogue: m.csv\n";
  std::ofstream(path / "m.csv") << "sku,name,unit_price,offered\na,A,1.00,1\n";
  const auto programs =
      programs_of(config_of("demo: {catalogues: [" + (path / "m.yml").string() + "]}"), "");
  EXPECT_EQ(programs.back().spec.name, "alder");
  EXPECT_THAT(programs.back().arguments, Contains((path / "m.yml").string()));
  std::filesystem::remove_all(path);
  EXPECT_THROW(programs_of(config_of("demo: {catalogues: [/nowhere/m.yml]}"), ""), StartupError);
}

TEST(ProgramsTest, ShoppersBuyOfTheDemoManufacturersAndStopFirst) {
  const test::TempDir folder;
  std::ofstream(folder / "m.yml") << "id: alder\nname: Alder\ncatalogue: m.csv\n";
  const auto programs = programs_of(
      config_of("demo: {shoppers: 3, catalogues: [" + (folder / "m.yml") + "]}"), "/c.yml");
  const Program& shop = programs.back();
  EXPECT_EQ(shop.spec.name, kShoppers);
  EXPECT_EQ(shop.arguments.at(1), "shop");
  EXPECT_THAT(shop.arguments,
              IsSupersetOf({"/c.yml", "--rate", "3", "--seconds", "0", "--manufacturer", "alder"}));
  for (const Program& other : programs) {
    EXPECT_TRUE(&other == &shop || shop.spec.rank < other.spec.rank) << other.spec.name;
  }
}

TEST(ProgramsTest, GatewaysTakeTheNextPorts) {
  EXPECT_THAT(gateway_addresses(config_of("gateway: {listen: \"0.0.0.0:80\", count: 2}")),
              ElementsAre("0.0.0.0:80", "0.0.0.0:81"));
  EXPECT_THAT(gateway_addresses(config_of("gateway: {listen: \"[::1]:8080\"}")),
              ElementsAre("[::1]:8080"));
}

TEST(ProgramsTest, APortInUseIsNamedWithTheFixAlsoWhenItIsShared) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(listen(fd, 1), 0);
  ASSERT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  try {
    expect_free_ports(config_of("gateway: {listen: \"127.0.0.1:" + port +
                                "\"}\nadmin: {listen: \"127.0.0.1:0\"}"));
    ADD_FAILURE();
  } catch (const StartupError& error) {
    EXPECT_EQ(error.exit_code(), kExitUnavailable);
    EXPECT_THAT(error.what(), HasSubstr("gateway.listen: cannot listen on 127.0.0.1:" + port));
    EXPECT_THAT(error.what(), HasSubstr("--port"));
  }
  close(fd);
  expect_free_ports(
      config_of("gateway: {listen: \"127.0.0.1:" + port + "\"}\nadmin: {listen: \"127.0.0.1:0\"}"));
}

TEST(ProgramsTest, LastWordsAreTheLastLine) {
  char name[] = "/tmp/depot-last-line-XXXXXX";
  close(mkstemp(name));
  EXPECT_EQ(last_line_of(name), "");
  std::ofstream(name) << std::string(10'000, 'x') << "\none\ntwo\n\n";
  EXPECT_EQ(last_line_of(name), "two");
  unlink(name);
  EXPECT_EQ(last_line_of("/nowhere"), "");
}

}  // namespace
}  // namespace depot::control
