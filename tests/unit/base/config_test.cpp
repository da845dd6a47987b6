#include "base/config.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/fatal.hpp"

namespace depot {
namespace {

using namespace std::chrono_literals;

std::string error_of(const std::string& yaml) {
  try {
    parse_config(yaml, "c.yml");
  } catch (const StartupError& error) {
    EXPECT_EQ(error.exit_code(), kExitConfig);
    return error.what();
  }
  return "";
}

// A folder with a config.yml of its own.
class ConfigFileTest : public testing::Test {
 protected:
  ConfigFileTest() {
    char name[] = "/tmp/depot-config-test-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ / "config.yml";
  }
  ~ConfigFileTest() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& text) const { std::ofstream(path_) << text; }
  std::string read() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }
  // The file after workers.count was set to `count` in `before`.
  std::string edited(const std::string& before, std::int64_t count) const {
    write(before);
    edit_config_number(path_, "workers.count", count);
    EXPECT_EQ(load_config(path_).workers.count, count);
    return read();
  }

  std::filesystem::path folder_, path_;
};

// "section.key: value" for each key that stands in the file, comments dropped.
std::vector<std::string> keys_in(const std::filesystem::path& path) {
  std::vector<std::string> keys;
  std::string section;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    line = line.substr(0, line.find('#'));
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos || line.find("- ") != std::string::npos) continue;
    const bool nested = line[0] == ' ';
    if (!nested) section = line.substr(0, colon);
    const std::string name = line.substr(nested ? 2 : 0, colon - (nested ? 2 : 0));
    const std::string key = nested ? std::string(section).append(".").append(name) : name;
    std::string value = line.substr(colon + 1);
    value.erase(0, value.find_first_not_of(' '));
    value.erase(value.find_last_not_of(' ') + 1);
    if (!value.empty() || key == "demo.catalogues") keys.push_back(key);
  }
  return keys;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(ConfigTest, ReferenceFileListsExactlyTheKnownKeysWithTheirDefaults) {
  const std::filesystem::path file = std::filesystem::path(DEPOT_SOURCE_DIR) / "config.yml";
  Config reference = load_config(file);
  EXPECT_EQ(reference.demo.catalogues.size(), 3u);
  EXPECT_EQ(reference.demo.shoppers, 2);
  reference.demo = {};  // What is not the default.

  Config defaults = parse_config("", file);
  defaults.redis.dir = reference.folder() + "/var/redis";
  defaults.keys_dir = reference.folder() + "/var/keys";
  defaults.runtime_dir = reference.runtime_dir;
  EXPECT_EQ(lines_of(describe_config(reference)), lines_of(describe_config(defaults)));

  std::vector<std::string> known;
  for (const std::string& line : lines_of(describe_config(defaults))) {
    known.push_back(line.substr(0, line.find(':')));
  }
  EXPECT_EQ(keys_in(file), known);
}

TEST(ConfigTest, DefaultsOfTheTableAreThoseOfTheStructs) {
  const Config config = parse_config("", "c.yml");
  EXPECT_EQ(config.workers.count, WorkersConfig().count);
  EXPECT_EQ(config.redis.maxmemory, RedisConfig().maxmemory);
  EXPECT_EQ(config.cycle.settle_after, CycleConfig().settle_after);
  EXPECT_EQ(config.accounts.password_cost.memory_bytes, PasswordCost().memory_bytes);
  EXPECT_EQ(config.currency.code, "EUR");
}

TEST(ConfigTest, ErrorsNameFileLineKeyAndWhatIsAllowed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"workers:\n  count: 65\n", "c.yml:2: workers.count: must be a number from 0 to 64"},
      {"gateway:\n  listen: 8080\n",
       "c.yml:2: gateway.listen: must be address:port, e.g. 127.0.0.1:8080"},
      {"gateway: {listen: \"127.0.0.1:65536\"}",
       "c.yml:1: gateway.listen: must be address:port, e.g. 127.0.0.1:8080"},
      {"hub: {sync: udp://1:2}", "c.yml:1: hub.sync: must be ipc or tcp://address:port"},
      {"redis: {mode: shared}", "c.yml:1: redis.mode: must be private or external"},
      {"redis: {mode: external}", "c.yml: redis.url: must be set where redis.mode is external"},
      {"redis: {url: localhost}", "c.yml:1: redis.url: must be unix:///path or redis://host:port"},
      {"redis: {fsync: sometimes}", "c.yml:1: redis.fsync: must be always or everysec or no"},
      {"cycle: {period: daily}",
       "c.yml:1: cycle.period: must be monthly, weekly or a duration of at least 1s"},
      {"cycle: {period: 500ms}",
       "c.yml:1: cycle.period: must be monthly, weekly or a duration of at least 1s"},
      {"cycle: {zone: Mars/Olympus}",
       "c.yml:1: cycle.zone: must be an IANA time zone such as UTC or Europe/Warsaw"},
      {"cycle: {zone: ../passwd}",
       "c.yml:1: cycle.zone: must be an IANA time zone such as UTC or Europe/Warsaw"},
      {"currency: euro", "c.yml:1: currency: 'euro' is not an ISO 4217 code such as EUR"},
      {"log: {level: chatty}", "c.yml:1: log.level: must be debug or info or warning or error"},
      {"load_balancer: {ping_every: 251ms}",
       "c.yml: load_balancer.silence_max: must be at least four times ping_every"},
      {"accounts: {session_idle: 20d}",
       "c.yml: accounts.session_idle: must not be above session_max"},
      {"runtime_dir: /" + std::string(80, 'x'),
       "c.yml: runtime_dir: '/" + std::string(80, 'x') +
           "' is longer than 70 bytes; a socket's path must fit"},
  };
  for (const auto& [yaml, error] : cases) EXPECT_EQ(error_of(yaml), error);
}

TEST(ConfigTest, CurrencyBringsItsDigits) {
  EXPECT_EQ(parse_config("currency: JPY", "c.yml").currency.digits, 0);
}

TEST(ConfigTest, EnvironmentWinsOverTheFile) {
  setenv("DEPOT_WORKERS__COUNT", "5", 1);
  EXPECT_EQ(parse_config("workers: {count: 3}", "c.yml").workers.count, 5);
  setenv("DEPOT_WORKERS__COUNT", "many", 1);
  EXPECT_EQ(error_of(""), "environment: DEPOT_WORKERS__COUNT: must be a number from 0 to 64");
  unsetenv("DEPOT_WORKERS__COUNT");
}

TEST(ConfigTest, EndpointsLieInTheRuntimeFolderOrAreAsGiven) {
  const Config config =
      parse_config("runtime_dir: /run/d\nhub: {in: \"tcp://10.0.0.1:7001\"}", "c.yml");
  EXPECT_EQ(config.frontend_endpoint(), "ipc:///run/d/frontend.sock");
  EXPECT_EQ(config.backend_endpoint(1), "ipc:///run/d/backend-2.sock");
  EXPECT_EQ(config.hub_in_endpoint(), "tcp://10.0.0.1:7001");
  EXPECT_EQ(config.hub_out_endpoint(), "ipc:///run/d/hub-out.sock");
  EXPECT_EQ(config.hub_sync_endpoint(), "ipc:///run/d/hub-sync.sock");
  EXPECT_EQ(config.redis_url(), "unix:///run/d/redis.sock");
  EXPECT_EQ(config.admin_socket("worker-1"), "/run/d/admin/worker-1.sock");
  const Config other = parse_config("redis: {mode: external, url: \"redis://db:6379\"}", "c.yml");
  EXPECT_EQ(other.redis_url(), "redis://db:6379");
}

TEST_F(ConfigFileTest, RelativePathsAreRelativeToTheFile) {
  write("redis: {dir: data}\ndemo: {catalogues: [m.yml, /abs/n.yml]}\n");
  const Config config = load_config(path_);
  EXPECT_EQ(config.folder(), folder_);
  EXPECT_EQ(config.redis.dir, folder_ / "data");
  EXPECT_EQ(config.demo.catalogues, (std::vector<std::string>{folder_ / "m.yml", "/abs/n.yml"}));
}

TEST_F(ConfigFileTest, DescriptionLoadsAsTheSameConfigFromAnywhere) {
  write("redis: {dir: \"da ta: #1\"}\ndemo: {catalogues: [m.yml]}\nworkers: {count: 7}\n");
  const Config config = load_config(path_);
  std::filesystem::create_directory(folder_ / "else");
  std::ofstream(folder_ / "else/config.yml") << describe_config(config);
  EXPECT_EQ(lines_of(describe_config(load_config(folder_ / "else/config.yml"))),
            lines_of(describe_config(config)));
}

TEST_F(ConfigFileTest, EachFolderHasARuntimeFolderOfItsOwn) {
  write("");
  const std::string runtime_dir = load_config(path_).runtime_dir;
  EXPECT_TRUE(runtime_dir.starts_with("/tmp/depot-" + std::to_string(getuid()) + "-"));
  EXPECT_EQ(load_config(path_).runtime_dir, runtime_dir);
  EXPECT_NE(parse_config("", "c.yml").runtime_dir, runtime_dir);
}

TEST_F(ConfigFileTest, RuntimeFolderIsMadeForUsAlone) {
  Config config = parse_config("", "c.yml");
  config.runtime_dir = folder_ / "run";
  make_runtime_dir(config);
  make_runtime_dir(config);  // A repeat is harmless.
  struct stat made {};
  ASSERT_EQ(stat(config.runtime_dir.c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 0777, 0700u);
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "run/admin"));
}

TEST_F(ConfigFileTest, RuntimeFolderOpenToOthersIsRefused) {
  Config config = parse_config("", "c.yml");
  config.runtime_dir = folder_ / "open";
  std::filesystem::create_directory(config.runtime_dir);
  ASSERT_EQ(chmod(config.runtime_dir.c_str(), 0755), 0);
  EXPECT_THROW(make_runtime_dir(config), StartupError);

  ASSERT_EQ(mkdir((folder_ / "ours").c_str(), 0700), 0);
  config.runtime_dir = folder_ / "link";  // Somebody may have put it there before us.
  std::filesystem::create_symlink(folder_ / "ours", config.runtime_dir);
  EXPECT_THROW(make_runtime_dir(config), StartupError);
}

TEST_F(ConfigFileTest, EditsOneNumberAndNothingElse) {
  EXPECT_EQ(
      edited("# top\nworkers:\n  # how many\n  count: 2   # workers\nlog: {json: true}\n", 14),
      "# top\nworkers:\n  # how many\n  count: 14   # workers\nlog: {json: true}\n");
  EXPECT_EQ(edited("workers: {count: 10, batch_orders_max: 8}", 3),
            "workers: {count: 3, batch_orders_max: 8}");
  EXPECT_EQ(edited("workers:\r\n  count: 2\r\n", 4), "workers:\r\n  count: 4\r\n");
  EXPECT_EQ(edited("# zażółć\nworkers:\n  count: 2", 4), "# zażółć\nworkers:\n  count: 4");
}

TEST_F(ConfigFileTest, AddsTheKeyWhereItIsAbsent) {
  EXPECT_EQ(edited("workers:\n  hash_queue_max: 5\n", 3),
            "workers:\n  count: 3\n  hash_queue_max: 5\n");
  EXPECT_EQ(edited("log: {json: true}", 3), "log: {json: true}\nworkers:\n  count: 3\n");
  EXPECT_EQ(edited("", 3), "workers:\n  count: 3\n");
  EXPECT_EQ(edited("workers:", 3), "workers:\n  count: 3\n");
}

TEST_F(ConfigFileTest, RefusesEditsThatWouldNotLoadAndLeavesTheFile) {
  for (const auto& [before, count] : std::vector<std::pair<std::string, int>>{
           {"workers: {count: 2}\n", 65}, {"workers: {}\n", 3}, {"wrokers: {}\n", 3}}) {
    write(before);
    EXPECT_THROW(edit_config_number(path_, "workers.count", count), StartupError) << before;
    EXPECT_EQ(read(), before);
  }
  EXPECT_THROW(edit_config_number("/nowhere/c.yml", "workers.count", 2), StartupError);
}

TEST_F(ConfigFileTest, EditsThroughALinkAndKeepsTheMode) {
  write("workers: {count: 2}\n");
  ASSERT_EQ(chmod(path_.c_str(), 0640), 0);
  std::filesystem::create_symlink(path_, folder_ / "link.yml");
  edit_config_number(folder_ / "link.yml", "workers.count", 5);
  EXPECT_TRUE(std::filesystem::is_symlink(folder_ / "link.yml"));
  EXPECT_EQ(read(), "workers: {count: 5}\n");
  struct stat kept {};
  ASSERT_EQ(stat(path_.c_str(), &kept), 0);
  EXPECT_EQ(kept.st_mode & 0777, 0640u);
}

}  // namespace
}  // namespace depot
