#include "base/process.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/fatal.hpp"

namespace depot {
namespace {

using namespace std::chrono_literals;
constexpr auto kDeadline = 20s;

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() {
    char name[] = "/tmp/depot-process-test-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~ProcessTest() override { std::filesystem::remove_all(folder_); }

  std::string output_path() const { return folder_ / "output"; }
  std::string output() const {
    std::ostringstream text;
    text << std::ifstream(output_path()).rdbuf();
    return text.str();
  }
  Process shell(const std::string& script) const {
    return Process::start({.arguments = {"sh", "-c", script}, .output_path = output_path()});
  }
  // Blocks until the child has written: no sleeping for it to get somewhere.
  void wait_for_output(const std::string& text) const {
    const auto deadline = std::chrono::steady_clock::now() + kDeadline;
    while (output() != text && std::chrono::steady_clock::now() < deadline) poll(nullptr, 0, 1);
    ASSERT_EQ(output(), text);
  }

  std::filesystem::path folder_;
};

TEST_F(ProcessTest, TellsExitCodes) {
  Process child = shell("exit 7");
  const auto status = child.wait(kDeadline);
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 7);
  EXPECT_EQ(status->signal, 0);
  EXPECT_FALSE(child.running());
  EXPECT_EQ(child.wait(0ms)->code, 7);  // A repeat tells the same.
}

TEST_F(ProcessTest, TellsTheSignalThatEndedIt) {
  Process child = shell("echo up; exec sleep 600");
  wait_for_output("up\n");
  EXPECT_TRUE(child.running());
  EXPECT_FALSE(child.wait(1ms));
  child.signal(SIGTERM);
  EXPECT_EQ(child.wait(kDeadline)->signal, SIGTERM);
  child.signal(SIGTERM);  // Harmless: never reaches another process of the same id.
}

TEST_F(ProcessTest, DescriptorIsReadableAtTheEnd) {
  Process child = shell("exit 0");
  pollfd ended{child.fd(), POLLIN, 0};
  EXPECT_EQ(poll(&ended, 1, static_cast<int>(kDeadline / 1ms)), 1);
  EXPECT_FALSE(child.running());
}

TEST_F(ProcessTest, AppendsOutputAndAddsEnvironment) {
  for (const char* word : {"one", "two"}) {
    Process child = Process::start({.arguments = {"sh", "-c", "echo $DEPOT_WORD; echo $HOME >&2"},
                                    .environment = {std::string("DEPOT_WORD=") + word, "HOME=/h"},
                                    .output_path = output_path()});
    EXPECT_EQ(child.wait(kDeadline)->code, 0);
  }
  EXPECT_EQ(output(), "one\n/h\ntwo\n/h\n");
}

TEST_F(ProcessTest, ChildrenInheritNeitherBlockedSignalsNorDescriptors) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int leak = dup2(0, 77);  // Not close-on-exec.
  Process child = shell("grep SigBlk /proc/self/status; test -e /proc/self/fd/77 && echo leaked");
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  child.wait(kDeadline);
  close(leak);
  EXPECT_EQ(output(), "SigBlk:\t0000000000000000\n");
}

TEST_F(ProcessTest, DestructionKillsAndReaps) {
  pid_t pid = 0;
  {
    Process child = shell("trap '' TERM; echo up; while :; do sleep 600; done");
    wait_for_output("up\n");
    pid = child.pid();
  }
  EXPECT_EQ(kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(ProcessTest, MovesKeepOneOwner) {
  Process first = shell("exit 3");
  Process second = std::move(first);
  first = shell("exit 4");
  EXPECT_EQ(second.wait(kDeadline)->code, 3);
  EXPECT_EQ(first.wait(kDeadline)->code, 4);
}

TEST_F(ProcessTest, NamesAProgramThatIsNotThere) {
  try {
    Process::start({.arguments = {"/nowhere/depot-worker"}});
    FAIL();
  } catch (const StartupError& error) {
    EXPECT_EQ(error.exit_code(), kExitUnavailable);
    EXPECT_STREQ(error.what(), "cannot start /nowhere/depot-worker: No such file or directory");
  }
}

TEST_F(ProcessTest, TellsWhatAProcessUsesAndNothingOfOneThatIsGone) {
  EXPECT_GT(cpu_seconds(getpid()), 0);
  EXPECT_LT(cpu_seconds(getpid()), 600);
  EXPECT_GT(resident_bytes(getpid()), 1 << 20);
  Process child = shell("exit 0");
  ASSERT_TRUE(child.wait(kDeadline));
  EXPECT_EQ(cpu_seconds(child.pid()), 0);
  EXPECT_EQ(resident_bytes(child.pid()), 0);
}

TEST_F(ProcessTest, KnowsItsOwnFolder) {
  EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(executable_dir()) / "base_test"));
}

TEST_F(ProcessTest, RaisesTheLimitOfFilesAsFarAsItMayAndNeverLowersIt) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const auto limit_after = [](std::size_t wanted) {
    raise_files_max(wanted);
    rlimit now{};
    getrlimit(RLIMIT_NOFILE, &now);
    return now.rlim_cur;
  };
  const rlimit tight{.rlim_cur = 100, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &tight), 0);
  EXPECT_EQ(limit_after(200), 200u);
  EXPECT_EQ(limit_after(50), 200u);
  EXPECT_EQ(limit_after(before.rlim_max), before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace depot
