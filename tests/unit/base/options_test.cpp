#include "base/options.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <vector>

#include "base/fatal.hpp"

namespace depot {
namespace {

Options parse(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "depot-worker");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  return parse_options("depot-worker", "Takes orders to Redis.", "  depot-worker --config c.yml",
                       static_cast<int>(pointers.size()), pointers.data());
}

TEST(OptionsTest, ReadsWhatEveryProgramShares) {
  const Options options = parse({"--config", "/etc/c.yml", "--name", "worker-2", "--check-config"});
  EXPECT_EQ(options.config_path, "/etc/c.yml");
  EXPECT_EQ(options.name, "worker-2");
  EXPECT_TRUE(options.check_config);
  EXPECT_EQ(parse({"--config", "c"}).name, "depot-worker");
}

TEST(OptionsTest, EndsTheProcessForHelpVersionAndMistakes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(parse({"--help"}), testing::ExitedWithCode(kExitOk), "");
  EXPECT_EXIT(parse({"--version"}), testing::ExitedWithCode(kExitOk), "");
  EXPECT_EXIT(parse({"--colour"}), testing::ExitedWithCode(kExitUsage), "--colour");
  EXPECT_EXIT(parse({"--config"}), testing::ExitedWithCode(kExitUsage), "--config");
}

TEST(OptionsTest, EndsWhenTheParentItMustFollowIsGone) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT((setenv(kParentVariable, "1", 1), parse({})), testing::ExitedWithCode(kExitFailed),
              "");
}

TEST(OptionsTest, FindsTheConfigInTheOrderOfTheContract) {
  setenv("DEPOT_CONFIG", "/from/environment.yml", 1);
  EXPECT_EQ(find_config("/from/option.yml"), "/from/option.yml");
  EXPECT_EQ(find_config(""), "/from/environment.yml");
  unsetenv("DEPOT_CONFIG");
}

TEST(OptionsTest, VersionIsOneLineThatNamesLibraries) {
  const std::string line = version_line("depot-worker");
  EXPECT_TRUE(line.starts_with("depot-worker 0.1.0 (g++ ")) << line;
  EXPECT_NE(line.find("zmq 4.3"), std::string::npos) << line;
  EXPECT_EQ(line.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace depot
