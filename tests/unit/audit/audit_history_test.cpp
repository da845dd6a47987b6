// What clients saw, set beside the books: what is right is clean, and each planted fault is caught.

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include "base/crypto.hpp"
#include "base/ids.hpp"
#include "control/audit_books.hpp"
#include "tests/unit/audit/audit_fixture.hpp"

namespace depot::control::audit {
namespace {

// What one client saw: alice buys, bob is refused.
class AuditHistoryTest : public AuditTest {
 protected:
  AuditHistoryTest() {
    placed_ = order_id_for(id("carol"), "k1");
    refused_ = order_id_for(id("carol"), "k2");
    shop_.sell(placed_, "carol", {{"acme", "A", 1}});
    shop_.refuse(refused_);
    std::filesystem::create_directory(folder_);
    say("k1", "done");
    say("k2", "no");
  }

  struct Time {  // milliseconds
    int invoked = 1, answered = 2;
  };

  void say(const std::string& key, const std::string& answer, const std::string& extra = "") {
    say(key, {}, answer, extra);
  }
  void say(const std::string& key, Time time, const std::string& answer,
           const std::string& extra = "") {
    const bool lines = extra.find(kLines) != std::string::npos;
    const bool bought = answer != "done" || extra.find("bought") != std::string::npos;
    write(fmt::format(R"("key":"{}","fingerprint":"{}",)", key, to_hex(kFingerprint)), time, answer,
          extra + (lines ? "" : asked(1)) + (bought ? "" : bought_of(1, 1299)));
  }
  void write(const std::string& what, Time time, const std::string& answer,
             const std::string& extra) {
    std::ofstream(folder_ + "/client.jsonl", std::ios::app)
        << fmt::format(
               R"({{"client":"{}",{}"t_invoke_ns":{}000000,"t_done_ns":{}000000,"class":"{}"{}}})",
               id("carol"), what, time.invoked, time.answered, answer, extra)
        << '\n';
  }
  static constexpr const char* kLines = "lines";
  static std::string asked(int units) { return fmt::format(R"(,"lines":[["acme:A",{}]])", units); }
  static std::string bought_of(int units, int total) {
    return fmt::format(R"(,"bought":[["acme:A",{},1299]],"total":{})", units, total);
  }
  void cancel(const std::string& order, int status) {
    write(fmt::format(R"("order_id":"{}",)", order), {5, 6}, "cancel",
          fmt::format(R"(,"status":{})", status));
  }
  static std::string told(const ToldStock& told) {
    return fmt::format(R"(,"told":[{{"offer":"{}","requested":{},"available":{}}}])", told.offer,
                       told.requested, told.available);
  }

  static std::string order_of(const std::string& key) { return order_id_for(id("carol"), key); }
  void sell(const std::string& key, Time time) {  // One A of acme.
    shop_.sell(order_of(key), "carol", {{"acme", "A", 1}});
    say(key, time, "done");
  }
  void refuse(const std::string& key, Time time, const ToldStock& stock) {
    shop_.refuse(order_of(key));
    say(key, time, "no", told(stock));
  }
  void read(Time time, const ToldStock& stock, int lag = 0) {
    write("", time, "read", fmt::format(R"(,"lag_ms":{})", lag) + told(stock));
  }

  std::string folder_ = shop_.folder() + "/histories";
  std::string placed_, refused_;
};

TEST_F(AuditHistoryTest, FindsWhatClientsSawClean) {
  say("k1", "done");     // a repeat
  say("k3", "unknown");  // no answer came, and nothing happened
  const AuditResult result = shop_.audit(folder_);
  EXPECT_THAT(rules(result), testing::IsEmpty());
  EXPECT_EQ(result.requests, 4u);
}

TEST_F(AuditHistoryTest, CatchesAnAcknowledgedOrderWipedEverywhere) {
  say("k9", "done");
  expect_caught("H1", "acknowledged, and not there", folder_);
  EXPECT_EQ(shop_.audit(folder_).lost, 1u);
}

TEST_F(AuditHistoryTest, CatchesTwoAnswersToOneKey) {
  say("k1", "no");
  expect_caught("H2", "both acknowledged and refused", folder_);
}

TEST_F(AuditHistoryTest, CatchesARefusedOrderThatIsThere) {
  shop_.sell(refused_, "carol", {{"acme", "A", 1}});
  expect_caught("H2", "refused, and it is there", folder_);
}

TEST_F(AuditHistoryTest, CatchesARefusalThatIsNotOnRecord) {
  say("k5", "no");
  expect_caught("H2", "refused, and no record of it", folder_);
}

TEST_F(AuditHistoryTest, CatchesAnAnswerWithASecondOrder) {
  say("k1", "done", R"(,"order_id":"another-order-id")");
  expect_caught("H2", "answered with order another-order-id", folder_);
}

TEST_F(AuditHistoryTest, CatchesAnOrderThatNobodyAskedFor) {
  shop_.sell("phantom", "carol", {{"acme", "A", 1}});
  expect_caught("H3", "order " + id("phantom"), folder_);
}

TEST_F(AuditHistoryTest, FindsTimesAndStockToldClean) {
  // A of acme: 4 left, then 3, 2, and 12 behind an offer of 22 in all.
  sell("k6", {10, 20});
  sell("k7", {15, 30});  // overlaps k6: either may come first
  refuse("k8", {25, 50}, {"acme:A", 9, 3});
  read({31, 32}, {"acme:A", 0, 2});
  read({31, 32}, {"acme:A", 0, 4}, 25);  // as much as 25 ms earlier
  read({31, 32}, {"acme:C", 0, 0});      // never offered
  shop_.offer("acme", "A", 1299, 22);
  read({40, 50}, {"acme:A", 0, 12});
  EXPECT_THAT(rules(shop_.audit(folder_)), testing::IsEmpty());
}

TEST_F(AuditHistoryTest, CatchesARefusalWithStockThatNeverWas) {
  sell("k6", {10, 20});
  refuse("k8", {25, 50}, {"acme:A", 9, 4});  // so many were left until k6
  expect_caught("H4", "told that 4 of acme:A were left", folder_);
}

TEST_F(AuditHistoryTest, CatchesARefusalOfWhatWasThere) {
  refuse("k8", {25, 50}, {"acme:A", 4, 4});
  expect_caught("H4", "refused 4 x acme:A, with 4 left", folder_);
}

TEST_F(AuditHistoryTest, CatchesOtherStockToldTheSecondTime) {
  refuse("k8", {25, 50}, {"acme:A", 9, 4});
  say("k8", {60, 70}, "no", told({"acme:A", 9, 3}));
  expect_caught("H2", "refused twice, with other stock told", folder_);
}

TEST_F(AuditHistoryTest, CatchesAnOrderBehindOneThatWasAskedForLater) {
  sell("k6", {30, 40});
  sell("k7", {10, 20});
  expect_caught("H5", order_of("k7") + " was answered before " + order_of("k6"), folder_);
}

TEST_F(AuditHistoryTest, CatchesAReadOfStockThatIsNoMore) {
  sell("k6", {10, 20});
  read({31, 32}, {"acme:A", 0, 4});
  read({31, 32}, {"acme:A", 0, 4}, 10);  // k6 was answered before that, too
  expect_caught("H6", "told that 4 of acme:A were left", folder_);
  EXPECT_EQ(shop_.audit(folder_).violations, 2u);
}

TEST_F(AuditHistoryTest, CatchesAReadOfStockThatIsNotYet) {
  read({1, 2}, {"acme:A", 0, 3});
  sell("k6", {10, 20});
  expect_caught("H6", "told that 3 of acme:A were left", folder_);
}

TEST_F(AuditHistoryTest, CatchesAnotherQuantityThanWasAskedFor) {
  shop_.sell(order_of("k6"), "carol", {{"acme", "A", 1}});
  say("k6", "done", asked(2));
  expect_caught("H1", order_of("k6") + " of client " + id("carol") + ": other lines", folder_);
  EXPECT_EQ(shop_.audit(folder_).violations, 1u);
  EXPECT_EQ(shop_.audit(folder_).lost, 1u);
}

TEST_F(AuditHistoryTest, CatchesOtherLinesAlsoWhereNoAnswerCame) {
  shop_.sell(order_of("k6"), "carol", {{"acme", "A", 1}, {"acme", "B", 1}});
  say("k6", "unknown");
  expect_caught("H1", "other lines than were asked for", folder_);
}

TEST_F(AuditHistoryTest, CatchesAnOrderInPartThatWasToBeWhole) {
  shop_.sell(order_of("k6"), "carol", {{"acme", "A", 1}}, {.refused = {{"acme", "A", 2}}});
  say("k6", "done", asked(2) + R"(,"mode":"available")");
  EXPECT_THAT(rules(shop_.audit(folder_)), testing::IsEmpty());
  say("k6", "done", asked(2));
  expect_caught("H1", "other lines than were asked for", folder_);
}

TEST_F(AuditHistoryTest, CatchesAnAnswerWithOtherLinesOrAnotherTotal) {
  say("k1", "done", bought_of(2, 2598));
  expect_caught("H1", placed_ + " of client " + id("carol") + ": answered with other", folder_);
  shop_.sell(order_of("k6"), "carol", {{"acme", "A", 1}});
  say("k6", "done", bought_of(1, 1298));
  expect_caught("H1", order_of("k6") + " of client " + id("carol") + ": answered with", folder_);
  EXPECT_EQ(shop_.audit(folder_).violations, 2u);
}

TEST_F(AuditHistoryTest, CatchesAnotherPriceThanWasSeen) {
  say("k1", "done", R"(,"lines":[["acme:A",1,1299]])");
  EXPECT_THAT(rules(shop_.audit(folder_)), testing::IsEmpty());
  say("k1", "done", R"(,"lines":[["acme:A",1,1298]])");
  expect_caught("H1", "key k1: not at the price that was seen", folder_);
  EXPECT_EQ(shop_.audit(folder_).violations, 1u);
}

TEST_F(AuditHistoryTest, FindsACartCleanOfWhichTheClientDoesNotKnowTheLines) {
  shop_.sell(order_of("k6"), "carol", {{"acme", "A", 1}, {"acme", "B", 1}});
  const std::string bought = R"(,"bought":[["acme:B",1,250],["acme:A",1,1299]],"total":1549)";
  write(fmt::format(R"("key":"k6","fingerprint":"{}","cart_version":7,)", to_hex(kFingerprint)),
        {1, 2}, "done", bought);
  EXPECT_THAT(rules(shop_.audit(folder_)), testing::IsEmpty());
}

TEST_F(AuditHistoryTest, CatchesACancellationThatIsNotThere) {
  cancel(placed_, 409);
  EXPECT_THAT(rules(shop_.audit(folder_)), testing::IsEmpty());
  cancel(placed_, 200);
  expect_caught("H9", placed_ + " of client " + id("carol") + ": told that it is", folder_);
}

TEST_F(AuditHistoryTest, CatchesACancellationThatNobodyAskedFor) {
  shop_.cancel(placed_);
  expect_caught("H9", placed_ + " of client " + id("carol") + ": cancelled, which", folder_);
  cancel(placed_, 0);
  EXPECT_THAT(rules(shop_.audit(folder_)), testing::IsEmpty());
}

// Where all had healed at 100 ms, and what was open by then was to be answered within 50.
class AuditHealedTest : public AuditHistoryTest {
 protected:
  AuditHealedTest() {
    std::ofstream(folder_ + "/healed.jsonl")
        << R"({"class":"healed","t_ns":100000000,"within_ms":50})" << '\n';
  }
  static constexpr const char* kUnknown = R"(,"status":504)";
  static constexpr const char* kNothingDone = R"(,"status":503)";
};

TEST_F(AuditHealedTest, FindsAnswersInTimeClean) {
  say("k3", {20, 30}, "unknown", kUnknown);
  say("k3", {140, 150}, "rejected", R"(,"status":410)");
  say("k4", {20, 30}, "unknown", kNothingDone);  // and it was left so
  sell("k5", {300, 350});
  EXPECT_THAT(rules(shop_.audit(folder_)), testing::IsEmpty());
}

TEST_F(AuditHealedTest, CatchesOneThatNeverHadADefiniteAnswer) {
  say("k3", {20, 30}, "unknown", kUnknown);
  say("k3", {40, 50}, "unknown", kNothingDone);  // which says nothing of the first
  expect_caught("H8", order_of("k3") + " of client " + id("carol") + ": never had", folder_);
}

TEST_F(AuditHealedTest, CatchesOneThatHadItTooLate) {
  sell("k5", {20, 151});
  say("k6", {200, 251}, "unknown", kNothingDone);
  expect_caught("H8", order_of("k5") + " of client " + id("carol") + ": had no", folder_);
  EXPECT_EQ(shop_.audit(folder_).violations, 2u);
}

TEST_F(AuditHistoryTest, RefusesAHistoryItCannotRead) {
  std::ofstream(folder_ + "/torn.jsonl") << R"({"client":"x)";
  EXPECT_ANY_THROW(shop_.audit(folder_));
}

}  // namespace
}  // namespace depot::control::audit
