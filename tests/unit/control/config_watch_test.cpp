#include "control/config_watch.hpp"

#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <fstream>

namespace depot::control {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class ConfigWatchTest : public testing::Test {
 protected:
  ConfigWatchTest() {
    char name[] = "/tmp/depot-watch-test-XXXXXX";
    folder_ = mkdtemp(name);
    write(folder_ / "config.yml", "one");
  }
  ~ConfigWatchTest() override { fs::remove_all(folder_); }
  static void write(const fs::path& path, const std::string& text) { std::ofstream(path) << text; }

  // What changed() says once the burst of events that lies ready is 200 ms old.
  bool changed(ConfigWatch& watch) {
    pollfd item{watch.fd(), POLLIN, 0};
    if (poll(&item, 1, 1'000) == 1) watch.on_readable(now_);
    EXPECT_FALSE(watch.changed(now_ + 199ms));
    return watch.changed(now_ += 200ms);
  }

  fs::path folder_;
  TimePoint now_{};
};

TEST_F(ConfigWatchTest, SeesAFileWrittenInPlace) {
  ConfigWatch watch(folder_ / "config.yml");
  write(folder_ / "config.yml", "two");
  EXPECT_TRUE(changed(watch));
  EXPECT_FALSE(watch.changed(now_ + 1h));  // once
}

TEST_F(ConfigWatchTest, SeesAFileRenamedOver) {
  ConfigWatch watch(folder_ / "config.yml");
  write(folder_ / "config.yml.new", "two");
  fs::rename(folder_ / "config.yml.new", folder_ / "config.yml");
  EXPECT_TRUE(changed(watch));
}

TEST_F(ConfigWatchTest, SeesALinkTurned) {
  write(folder_ / "v1.yml", "one");
  write(folder_ / "v2.yml", "two");
  fs::create_symlink("v1.yml", folder_ / "link.yml");
  ConfigWatch watch(folder_ / "link.yml");
  fs::create_symlink("v2.yml", folder_ / "fresh");
  fs::rename(folder_ / "fresh", folder_ / "link.yml");
  EXPECT_TRUE(changed(watch));
}

TEST_F(ConfigWatchTest, SeesAFileGoneAndBack) {
  ConfigWatch watch(folder_ / "config.yml");
  fs::remove(folder_ / "config.yml");
  EXPECT_TRUE(changed(watch));
  write(folder_ / "config.yml", "one");
  EXPECT_TRUE(changed(watch));
}

TEST_F(ConfigWatchTest, TheSameTextAndOtherFilesAreNoChange) {
  ConfigWatch watch(folder_ / "config.yml");
  write(folder_ / "config.yml", "one");
  EXPECT_FALSE(changed(watch));
  write(folder_ / "other.log", "two");
  EXPECT_FALSE(changed(watch));
}

TEST_F(ConfigWatchTest, WaitsForTheEndOfABurst) {
  ConfigWatch watch(folder_ / "config.yml");
  write(folder_ / "config.yml", "tw");
  watch.on_readable(now_);
  write(folder_ / "config.yml", "two");
  watch.on_readable(now_ + 150ms);
  EXPECT_FALSE(watch.changed(now_ + 200ms));
  EXPECT_TRUE(watch.changed(now_ + 350ms));
}

TEST(ConfigWatchWithoutFileTest, NothingIsWatched) {
  ConfigWatch watch("");
  EXPECT_EQ(watch.fd(), -1);
  EXPECT_FALSE(watch.changed(TimePoint::max()));
}

}  // namespace
}  // namespace depot::control
