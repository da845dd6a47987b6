#include "control/up_lock.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "base/fatal.hpp"

namespace depot::control {
namespace {

namespace fs = std::filesystem;

class UpLockTest : public testing::Test {
 protected:
  UpLockTest() {
    char name[] = "/tmp/depot-up-lock-test-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~UpLockTest() override { fs::remove_all(folder_); }
  void touch(const char* name) const { const std::ofstream made(folder_ / name); }
  fs::path folder_;
};

TEST_F(UpLockTest, ASecondIsRefusedWithThePid) {
  const UpLock lock(folder_);
  EXPECT_EQ(UpLock::holder(folder_), getpid());
  try {
    const UpLock second(folder_);
    ADD_FAILURE();
  } catch (const StartupError& error) {
    EXPECT_EQ(error.exit_code(), kExitFailed);
    EXPECT_THAT(error.what(), testing::HasSubstr("pid " + std::to_string(getpid())));
  }
  EXPECT_EQ(UpLock::holder(folder_), getpid());
}

TEST_F(UpLockTest, LeftOverFileOfADeadOneIsTaken) {
  std::ofstream(folder_ / "up.lock") << "4194000";
  EXPECT_EQ(UpLock::holder(folder_), 0);
  {
    const UpLock lock(folder_);
    EXPECT_EQ(UpLock::holder(folder_), getpid());
    EXPECT_TRUE(lock.left_over());
  }
  fs::create_directory(folder_);
  EXPECT_FALSE(UpLock(folder_).left_over()) << "the one before has ended in order";
}

TEST_F(UpLockTest, LeavesTheFolderEmptyButForOthersFiles) {
  fs::create_directory(folder_ / "admin");
  touch("admin/worker-1.sock");
  touch("frontend.sock.lock");
  { const UpLock lock(folder_); }
  EXPECT_FALSE(fs::exists(folder_));

  fs::create_directory(folder_);
  touch("notes.txt");
  { const UpLock lock(folder_); }
  EXPECT_TRUE(fs::exists(folder_ / "notes.txt"));
  EXPECT_FALSE(fs::exists(folder_ / "up.lock"));
}

TEST_F(UpLockTest, LeavesTheSocketsThatAnotherProcessServes) {
  fs::create_directory(folder_ / "admin");
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  const std::string path = folder_ / "admin/tea-co.sock";
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int served = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(bind(served, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(served, 0), 0);
  touch("admin/tea-co.sock.lock");
  touch("admin/worker-1.sock");
  for (int i = 0; i < 3; ++i) const UpLock lock(folder_);  // Soon its backlog is full.
  EXPECT_TRUE(fs::exists(path));
  EXPECT_TRUE(fs::exists(path + ".lock"));
  EXPECT_FALSE(fs::exists(folder_ / "admin/worker-1.sock"));
  close(served);
  { const UpLock lock(folder_); }
  EXPECT_FALSE(fs::exists(folder_));
}

TEST_F(UpLockTest, ToolsGoByWhatIsInForceWhileItRuns) {
  const std::string file = folder_ / "config.yml";
  std::ofstream(file) << "workers: {count: 9}\n";
  fs::create_directories(folder_ / "var");
  fs::create_directory(folder_ / "run");
  std::ofstream(folder_ / "var/config-in-force.yml")
      << "workers.count: 3\nruntime_dir: " << (folder_ / "run").string() << "\n";
  EXPECT_EQ(load_in_force(file).workers.count, 9);  // Of one that was killed.
  const UpLock lock(folder_ / "run");
  EXPECT_EQ(load_in_force(file).workers.count, 3);
  EXPECT_EQ(load_in_force(file).path, file);
  std::ofstream(file) << "wrokers: {}\n";
  EXPECT_EQ(load_in_force(file).workers.count, 3);
}

}  // namespace
}  // namespace depot::control
