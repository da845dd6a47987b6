// A correct data set (shop.hpp), and what the audit says of it.
//
// Threads: one.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/audit/shop.hpp"

namespace depot::control::audit {

inline std::vector<std::string> rules(const AuditResult& result) {
  std::vector<std::string> out;
  for (const Violation& one : result.first) out.push_back(one.rule + " " + one.text);
  return out;
}

class AuditTest : public testing::Test {
 protected:
  AuditTest() {
    shop_.offer("acme", "A", 1299, 10);
    shop_.offer("acme", "B", 250, 5);
    shop_.offer("bolt", "A", 1199, 3);
    shop_.sell("one", "alice", {{"acme", "A", 4}, {"acme", "B", 1}, {"bolt", "A", 2}});
    shop_.sell("two", "bob", {{"acme", "A", 6}});
    shop_.offer("acme", "A", 1299, 12);  // two more
    shop_.offer("bolt", "A", 1199, 1);   // one withdrawn, one short
    shop_.sell("three", "alice", {{"acme", "A", 1}});
    shop_.cancel("one");
    shop_.refuse("four");
  }

  // That the audit finds `count` faults or more, one of them `rule` about `about`.
  void expect_caught(const std::string& rule, const std::string& about,
                     const std::string& histories = "") {
    const AuditResult result = shop_.audit(histories);
    EXPECT_FALSE(result.clean());
    EXPECT_THAT(rules(result), testing::Contains(testing::AllOf(testing::StartsWith(rule + " "),
                                                                testing::HasSubstr(about))));
  }

  Shop shop_;
};

}  // namespace depot::control::audit
