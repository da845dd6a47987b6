#include "customer_gateway/stock_news.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace depot::customer_gateway {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class StockNewsTest : public testing::Test {
 protected:
  StockNewsTest() {
    config_.gateway.stream_buffer_max = 400;  // a few frames of one event
    config_.gateway.streams_max = 2;
    catalogue_ = std::make_shared<Catalogue>(
        std::vector<protocol::CatalogueItem>{{"m:a", "Apple", 100, 10, false},
                                             {"m:b", "Bread", 250, 0, false},
                                             {"m:c", "Cheese", 900, 5, true}},
        Catalogue::Manufacturers{{"m", "Maker"}});
    holder_.replace(catalogue_);
    news_.emplace(holder_, config_);
  }

  void sell(const char* offer, std::int64_t left, std::int64_t price = 100) {
    catalogue_->set(offer, left, price);
    news_->changed(offer);
  }
  // All that a client at position_ is sent now.
  std::string told() {
    std::string text;
    while (const auto frame = news_->next(position_).frame) text += *frame;
    return text;
  }
  static std::string id_of(const std::string& text) {  // the last
    const std::size_t at = text.rfind("id: ") + 4;
    return text.substr(at, text.find('\n', at) - at);
  }

  Config config_;
  std::shared_ptr<Catalogue> catalogue_;
  CatalogueHolder holder_;
  std::optional<StockNews> news_;
  std::uint64_t position_ = 0;
  TimePoint now_{1h};
};

TEST_F(StockNewsTest, BeginsWithASnapshotWithoutWhatIsWithdrawn) {
  const std::string snapshot = told();
  const std::string id = id_of(snapshot);
  EXPECT_THAT(id, testing::MatchesRegex("[A-Za-z0-9]+-[0-9]+"));
  EXPECT_EQ(snapshot, "event: snapshot\nid: " + id +
                          "\ndata: {\"items\":["
                          R"({"offer_id":"m:a","available":10,"unit_price":)"
                          R"({"amount_minor":100,"currency":"EUR"}},)"
                          R"({"offer_id":"m:b","available":0,"unit_price":)"
                          R"({"amount_minor":250,"currency":"EUR"}}]})"
                          "\n\n");
  EXPECT_EQ(told(), "");
}

TEST_F(StockNewsTest, WhereNobodyListensNothingIsWrittenDown) {
  news_->publish(now_);
  told();
  news_->publish(now_ += 60s);
  sell("m:a", 8);
  news_->publish(now_ += 50ms);
  EXPECT_THAT(told(), HasSubstr("event: snapshot")) << "for who listened before";
  sell("m:a", 7);
  ASSERT_TRUE(news_->enter());
  EXPECT_EQ(told(), "") << "not published";
  news_->publish(now_ += 50ms);
  EXPECT_THAT(told(), HasSubstr(R"("offer_id":"m:a","available":7)"));
  sell("m:a", 6);
  news_->publish(now_ += 250ms);
  EXPECT_THAT(told(), testing::StartsWith("event: stock\n"));
}

TEST_F(StockNewsTest, SnapshotsOfOneNumberAreOneText) {
  std::uint64_t first = 0, second = 0, third = 0;
  const auto one = news_->next(first);
  EXPECT_TRUE(one.snapshot);
  EXPECT_EQ(one.frame, news_->next(second).frame);
  sell("m:a", 9);
  news_->publish(now_);
  EXPECT_NE(one.frame, news_->next(third).frame);
}

TEST_F(StockNewsTest, TheFirstChangeGoesAtOnceAndTheNextAreGathered) {
  told();
  sell("m:a", 9);
  news_->publish(now_);
  const std::string first = told();
  EXPECT_EQ(first, "event: stock\nid: " + id_of(first) +
                       R"(
data: {"offer_id":"m:a","available":9,"unit_price":{"amount_minor":100,"currency":"EUR"}}
)"
                       "\n");
  sell("m:a", 8);
  news_->publish(now_ + 1ms);
  sell("m:b", 3, 275);
  sell("m:a", 7);
  news_->publish(now_ + 249ms);
  EXPECT_EQ(told(), "");
  news_->publish(now_ + 250ms);
  const std::string second = told();
  EXPECT_THAT(second, testing::MatchesRegex(R"(event: stock
id: [0-9a-f]+-3
data: .*"m:a","available":7,.*:100,.*

event: stock
id: [0-9a-f]+-4
data: .*"m:b","available":3,.*:275,.*

)"));
  news_->publish(now_ + 1s);
  EXPECT_EQ(told(), "") << "nothing has changed";
}

TEST_F(StockNewsTest, ACycleIsToldWhenItsStateChangesAndInEachSnapshot) {
  const std::string id = id_of(told());
  holder_.set_cycle({"2026-11", protocol::CycleState::closing, 0, 0});
  news_->cycle_changed();
  news_->publish(now_);
  const std::string data = R"({"cycle_id":"2026-11","state":"closing"})";
  const std::string cycle = told();
  EXPECT_EQ(cycle, "event: cycle\nid: " + id_of(cycle) + "\ndata: " + data + "\n\n");
  EXPECT_NE(id_of(cycle), id);
  news_->publish(now_ + 1s);
  EXPECT_EQ(told(), "") << "nothing has changed";
  position_ = 0;
  EXPECT_THAT(told(), testing::EndsWith(",\"cycle\":" + data + "}\n\n"));
}

TEST_F(StockNewsTest, WithdrawnIsNoneAvailable) {
  told();
  catalogue_->withdraw("m:a");
  news_->changed("m:a");
  news_->publish(now_);
  EXPECT_THAT(told(), HasSubstr(R"("offer_id":"m:a","available":0,)"));
  position_ = 0;
  EXPECT_THAT(told(), Not(HasSubstr("m:a")));
}

TEST_F(StockNewsTest, AnOfferWithoutANameIsToldOnceItHasOne) {
  told();
  news_->changed("m:new");
  news_->publish(now_);
  EXPECT_EQ(told(), "");
  sell("m:a", 9);
  news_->publish(now_);
  EXPECT_THAT(told(), HasSubstr("m:a")) << "and does not hold up the others";
}

TEST_F(StockNewsTest, WhoComesBackGetsWhatItLacks) {
  const std::string id = id_of(told());
  sell("m:a", 9);
  news_->publish(now_);
  sell("m:a", 8);
  news_->publish(now_ + 250ms);
  position_ = news_->position_of(id);
  const std::string lacking = told();
  EXPECT_THAT(lacking, HasSubstr("\"available\":9"));
  EXPECT_THAT(lacking, HasSubstr("\"available\":8"));
  EXPECT_THAT(lacking, Not(HasSubstr("snapshot")));
  position_ = news_->position_of(id_of(lacking));
  EXPECT_EQ(told(), "");
}

TEST_F(StockNewsTest, WhoBrokeOffWithinAFrameGetsItWhole) {
  told();
  sell("m:a", 9);
  sell("m:b", 3);
  news_->publish(now_);
  const std::string frame = told();
  position_ = news_->position_of(id_of(frame.substr(0, frame.find("\n\n"))));
  EXPECT_EQ(told(), frame);
  EXPECT_EQ(told(), "");
}

TEST_F(StockNewsTest, WhoLacksMoreThanIsKeptGetsASnapshot) {
  const std::string old = id_of(told());
  std::string recent;
  for (int i = 0; i < 10; ++i) {
    sell("m:a", 9 - i);
    news_->publish(now_ + i * 250ms);
    if (i == 7) recent = id_of(told());
  }
  position_ = news_->position_of(old);
  EXPECT_THAT(told(), testing::StartsWith("event: snapshot\n"));
  position_ = news_->position_of(recent);
  EXPECT_THAT(told(), testing::StartsWith("event: stock\n"));
}

TEST_F(StockNewsTest, IdsThatAreNotOursBeginAnew) {
  const std::string id = id_of(told());
  const std::string gateway = id.substr(0, id.find('-'));
  EXPECT_NE(news_->position_of(id), 0u);
  for (const std::string& other :
       {std::string(), gateway, gateway + "-", gateway + "-x", id + "0", id + " ", "x" + id,
        gateway + "--1", gateway + "-99999999999999999999999", std::string("f00f00f00f-1"),
        std::string(10'000, '1')}) {
    EXPECT_EQ(news_->position_of(other), 0u) << other;
  }
  EXPECT_EQ(StockNews(holder_, config_).position_of(id), 0u) << "another start's";
}

TEST_F(StockNewsTest, ARenewalIsASnapshotForAll) {
  told();
  sell("m:a", 9);
  news_->publish(now_);
  told();
  sell("m:a", 8);
  news_->renew();
  EXPECT_THAT(told(), testing::StartsWith("event: snapshot\n"));
  news_->publish(now_ + 1s);
  EXPECT_EQ(told(), "") << "the snapshot has it";
}

TEST_F(StockNewsTest, CountsStreamsUpToTheirLimit) {
  EXPECT_TRUE(news_->enter());
  EXPECT_TRUE(news_->enter());
  EXPECT_FALSE(news_->enter());
  news_->leave();
  EXPECT_TRUE(news_->enter());
  EXPECT_EQ(news_->streams(), 2);
}

}  // namespace
}  // namespace depot::customer_gateway
