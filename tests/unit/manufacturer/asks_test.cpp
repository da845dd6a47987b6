#include "manufacturer/asks.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace depot::manufacturer {
namespace {

using namespace std::chrono_literals;
using messaging::SyncHeader;
using messaging::SyncType;
using testing::ElementsAre;
using testing::IsEmpty;

class AsksTest : public testing::Test {
 protected:
  std::vector<std::string> tick(Duration step) {
    std::vector<std::string> said;
    asks_.on_tick(now_ += step, [&](const SyncHeader& header, std::string_view body) {
      EXPECT_EQ(header.type, SyncType::ask);
      said.push_back(std::to_string(header.from) + " " + std::string(body));
    });
    return said;
  }
  void piece(std::uint64_t ticket, std::uint32_t index, std::uint64_t count,
             const std::string& bytes, std::size_t hub = 0) {
    asks_.on_answer(hub, {SyncType::answer, index, 0, ticket, count}, bytes);
  }
  void ask(const std::string& body) {
    EXPECT_TRUE(
        asks_.ask(body, [this](std::string_view answer) { answers_.emplace_back(answer); }));
  }
  Asks asks_;
  TimePoint now_{1h};
  std::vector<std::string> answers_;
};

TEST_F(AsksTest, AreSaidEachSecondUntilAnswered) {
  ask("one");
  EXPECT_THAT(tick(0s), ElementsAre("1 one"));
  ask("two");
  EXPECT_THAT(tick(999ms), ElementsAre("2 two"));
  EXPECT_THAT(tick(1ms), ElementsAre("1 one"));
  piece(1, 0, 1, "Oyes");
  piece(1, 0, 1, "Oagain");
  piece(9, 0, 1, "Onobody asked");
  EXPECT_THAT(answers_, ElementsAre("Oyes"));
  EXPECT_THAT(tick(1s), ElementsAre("2 two"));
}

TEST_F(AsksTest, AnAnswerInPiecesIsPutTogether) {
  ask("one");
  piece(1, 0, 3, "O");
  piece(1, 1, 3, "a");
  piece(1, 0, 2, "O");  // The question was heard twice, and meanwhile the answer is another.
  piece(1, 2, 3, "b");
  piece(1, 0, 3, "O", 1);  // The other hub.
  piece(1, 1, 2, "of two");
  EXPECT_THAT(answers_, IsEmpty());
  piece(1, 1, 3, "b", 1);
  piece(1, 1, 3, "b", 1);
  piece(1, 2, 3, "c", 1);
  EXPECT_THAT(answers_, ElementsAre("Obc"));
}

TEST_F(AsksTest, PiecesThatCannotBeAreLeftOut) {
  ask("one");
  piece(1, 0, 0, "O");
  piece(1, 3, 2, "O");
  piece(1, 1, 2, "O");
  EXPECT_THAT(answers_, IsEmpty());
  piece(1, 0, 1, "");
  EXPECT_THAT(answers_, ElementsAre(""));
}

TEST_F(AsksTest, AnAnswerMayAskMore) {
  EXPECT_TRUE(asks_.ask("one", [this](std::string_view) { ask("two"); }));
  tick(0s);
  piece(1, 0, 1, "O");
  EXPECT_THAT(tick(0s), ElementsAre("2 two"));
}

TEST_F(AsksTest, HaveALimit) {
  for (std::size_t i = 0; i < Asks::kAsksMax; ++i) ask("x");
  EXPECT_FALSE(asks_.ask("one more", [](std::string_view) {}));
  piece(1, 0, 1, "O");
  ask("x");
}

}  // namespace
}  // namespace depot::manufacturer
