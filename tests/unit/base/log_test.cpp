#include "base/log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace depot {
namespace {

using testing::ContainsRegex;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

template <typename Write>
std::string logged(const LogConfig& config, Write write) {
  testing::internal::CaptureStderr();
  Log log(config, "worker-1");
  write(log);
  return testing::internal::GetCapturedStderr();
}

TEST(LogTest, WritesOneLineOfTextWithFields) {
  const std::string line = logged({}, [](Log& log) {
    log.info("ready", {{"endpoint", "ipc:///tmp/a"}, {"workers", 2}, {"why", "two words"}});
  });
  EXPECT_THAT(line, ContainsRegex("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z info  "));
  EXPECT_THAT(line, EndsWith("worker-1 ready endpoint=ipc:///tmp/a workers=2 why=\"two words\"\n"));
}

TEST(LogTest, WritesOneJsonObject) {
  const std::string line = logged({.json = true}, [](Log& log) {
    log.warning("odd \"name\"", {{"name", "a\nb\x01"}, {"count", 3}});
  });
  EXPECT_THAT(line, ContainsRegex("^\\{\"time\":\"[^\"]+Z\",\"level\":\"warning\","));
  EXPECT_THAT(line, EndsWith(R"("process":"worker-1","message":"odd \"name\"",)"
                             R"("name":"a\nb\u0001","count":3})"
                             "\n"));
}

TEST(LogTest, ValuesCannotForgeLinesOrFields) {
  const std::string line = logged({}, [](Log& log) {
    log.error("refused", {{"peer", "x\nerror worker-2 forged"}, {"topic", "a=b"}});
  });
  EXPECT_EQ(std::ranges::count(line, '\n'), 1);
  EXPECT_THAT(line, HasSubstr("peer=\"x\\nerror worker-2 forged\" topic=\"a=b\""));
}

TEST(LogTest, KeepsTheLevel) {
  const std::string lines = logged({.level = LogLevel::warning}, [](Log& log) {
    log.info("quiet");
    log.warning("loud");
    log.set_level(LogLevel::debug);
    log.debug("fine");
  });
  EXPECT_THAT(lines, Not(HasSubstr("quiet")));
  EXPECT_THAT(lines, HasSubstr("loud"));
  EXPECT_THAT(lines, HasSubstr("fine"));
}

}  // namespace
}  // namespace depot
