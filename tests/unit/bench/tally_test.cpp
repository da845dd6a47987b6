#include "bench/tally.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/history.hpp"

namespace depot::bench {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(TallyTest, MergesThreadsAndCloses) {
  Tally one;
  one.placed = 1'200;
  one.partial = 3;
  one.units = 5'000;
  one.money_minor = 123'456;
  one.refused["insufficient_stock"] = 2;
  one.latency.record(2ms, 1'200);
  one.duration = 2s;
  Tally two;
  two.placed = 796;
  two.refused["insufficient_stock"] = 1;
  two.failed["no answer"] = 1;
  two.latency.record(40ms, 1);
  two.duration = 1s;
  one.merge(two);

  EXPECT_DOUBLE_EQ(one.placed_per_second(), 998);
  EXPECT_DOUBLE_EQ(one.answers_per_second(), 999.5) << "who failed was not answered";
  EXPECT_NEAR(one.latency_ms(0.5), 2, 0.01);
  EXPECT_EQ(per_second(5, 0s), 0);
  const std::string lines = to_lines(rows_of(one, Currency{}));
  EXPECT_THAT(lines, HasSubstr("placed         1,996 orders, 3 of them in part\n"));
  EXPECT_THAT(lines, HasSubstr("refused        3 orders\n               insufficient_stock 3\n"));
  EXPECT_THAT(lines, HasSubstr("failed         1\n               no answer 1\n"));
  EXPECT_THAT(lines, HasSubstr("money          1,234.56 EUR\n"));
  EXPECT_THAT(lines, HasSubstr("throughput     998 orders placed/s, 1,000 answers/s over 2.0 s\n"));
  const boost::json::object json = json_of(one);
  EXPECT_EQ(json.at("placed"), 1'996);
  EXPECT_DOUBLE_EQ(json.at("placed_per_second").as_double(), 998);
  EXPECT_DOUBLE_EQ(json.at("answers_per_second").as_double(), 999.5);
  EXPECT_EQ(json.at("refused_by_reason").at("insufficient_stock"), 3);
  EXPECT_NEAR(json.at("latency_ms").at("p50").as_double(), 2, 0.01);
  EXPECT_NEAR(json.at("latency_ms").at("max").as_double(), 40, 0.1);
}

TEST(HistoryTest, ClassesAnswersByWhetherTheyAreOnRecord) {
  for (const auto& [status, answer] : std::initializer_list<std::pair<int, Answer>>{
           {201, Answer::done},
           {409, Answer::no},
           {400, Answer::rejected},
           {402, Answer::rejected},
           {422, Answer::rejected},
           {429, Answer::unknown},  // "later" is no verdict
           {500, Answer::unknown},
           {503, Answer::unknown},
           {504, Answer::unknown},
           {0, Answer::unknown}}) {
    EXPECT_EQ(answer_of(status), answer) << status;
  }
}

}  // namespace
}  // namespace depot::bench
