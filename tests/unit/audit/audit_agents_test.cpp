// What an agent keeps of its ledger, set beside the ledger: what is right is clean, and each
// planted fault is caught.

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "base/fatal.hpp"
#include "tests/unit/audit/audit_fixture.hpp"

namespace depot::control::audit {
namespace {

class AuditAgentsTest : public AuditTest {
 protected:
  AuditAgentsTest() {
    shop_.redis({"HSET", "meta:{s0}", "store_id", "5eed"});
    shop_.offer("corn", "C", 100, 5);
    shop_.sell("o1", "alice", {{"corn", "C", 2}});
    shop_.sell("o2", "alice", {{"corn", "C", 1}});
    std::filesystem::create_directories(folder_ + "/corn");
  }

  static std::string line(int number, const std::string& kind, const std::string& rest) {
    return fmt::format(R"({{"epoch":1,"number":{},"kind":"{}","time_ms":1,"cycle":"{}",{}}})",
                       number, kind, kCycle, rest) +
           "\n";
  }
  static std::string row(int number, const std::string& kind, const std::string& order,
                         int quantity, int offered, int available) {
    return line(number, kind,
                fmt::format(R"("rows":[{{"order":"{}","sku":"C","quantity":{},"unit_price":100,)"
                            R"("offered":{},"cut":0,"available":{}}}])",
                            order.empty() ? "" : id(order), quantity, offered, available));
  }
  void keep(const std::vector<std::string>& lines) {
    std::ofstream file(folder_ + "/corn/ledger-5eed.jsonl");
    for (const std::string& one : lines) file << one;
  }
  AuditResult audit() const { return shop_.audit("", folder_); }
  void expect_caught(const std::string& what) {
    const AuditResult result = audit();
    EXPECT_THAT(rules(result), testing::ElementsAre(testing::AllOf(testing::StartsWith("H7 corn "),
                                                                   testing::HasSubstr(what))));
  }

  std::string folder_ = shop_.folder() + "/agents";
  const std::string epoch_ = line(0, "epoch", R"("previous":[0,0])");
  const std::string offer_ = row(1, "offer", "", 5, 5, 5);
  const std::string one_ = row(2, "sold", "o1", 2, 0, 3);
  const std::string two_ = row(3, "sold", "o2", 1, 0, 2);
};

TEST_F(AuditAgentsTest, FindsACopyClean) {
  keep({epoch_, offer_, one_, two_});
  std::filesystem::create_directories(folder_ + "/begins");  // and has nothing yet
  const AuditResult result = audit();
  EXPECT_THAT(rules(result), testing::IsEmpty());
  EXPECT_EQ(result.agents, 1u);
  EXPECT_EQ(result.behind, 0u);
}

TEST_F(AuditAgentsTest, CountsWhatIsNotThereYet) {
  keep({epoch_, offer_, one_.substr(0, one_.size() - 1)});  // is being written
  const AuditResult result = audit();
  EXPECT_THAT(rules(result), testing::IsEmpty());
  EXPECT_EQ(result.behind, 2u);
}

TEST_F(AuditAgentsTest, CatchesASaleThatItWasNotTold) {
  keep({epoch_, offer_, two_});
  expect_caught("1-2: its agent has what is behind, and not that");
}

TEST_F(AuditAgentsTest, CatchesASaleThatItWasToldTwice) {
  keep({epoch_, offer_, one_, one_, two_});
  expect_caught("1-2: its agent has it behind 1-2");
}

TEST_F(AuditAgentsTest, CatchesASaleThatNeverWas) {
  keep({epoch_, offer_, one_, two_, row(4, "sold", "o3", 1, 0, 1)});
  expect_caught("1-4: its agent has it, and the ledger has not");
}

TEST_F(AuditAgentsTest, CatchesOtherUnitsThanWereSold) {
  keep({epoch_, offer_, row(2, "sold", "o1", 1, 0, 3), two_});
  expect_caught("quantity 1 price 100 offered 0 cut 0 available 3], the ledger sold in");
}

TEST_F(AuditAgentsTest, CatchesALineThatIsNone) {
  keep({epoch_, offer_, "{}\n"});
  const AuditResult result = audit();
  EXPECT_THAT(rules(result), testing::ElementsAre(testing::HasSubstr("ledger-5eed.jsonl:3: ")));
}

TEST_F(AuditAgentsTest, SaysWhereThereIsNoAgentOfThisDepot) {
  std::ofstream(folder_ + "/corn/ledger-another.jsonl") << epoch_;
  EXPECT_THROW(audit(), StartupError);
}

}  // namespace
}  // namespace depot::control::audit
