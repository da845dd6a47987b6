#include "manufacturer/agent.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <optional>

#include "protocol/msgpack.hpp"

namespace depot::manufacturer {
namespace {

using namespace std::chrono_literals;
using messaging::kNoPosition;
using messaging::SyncError;
using messaging::SyncHeader;
using messaging::SyncType;
using protocol::OfferRow;

struct Frame {
  SyncHeader header;
  std::string body;
  std::size_t hub = 0;
};

class AgentTest : public testing::Test, public AgentActions {
 protected:
  void send(std::size_t hub, std::string_view bytes) override {
    sent_.push_back({{}, std::string(bytes.substr(messaging::kSyncHeaderSize)), hub});
    EXPECT_TRUE(read_sync_header(bytes, sent_.back().header));
  }
  void publish(std::string_view topic, std::string_view bytes, std::string_view body) override {
    EXPECT_EQ(topic, "offer/m1/");
    published_.push_back({{}, std::string(body)});
    EXPECT_TRUE(read_sync_header(bytes, published_.back().header));
  }
  void on_new_ledger(const std::string& store_id) override { ledgers_.push_back(store_id); }
  void on_entry(const KeptEntry& entry, bool news) override {
    entries_.push_back(entry.number);
    news_ += news;
  }
  void on_cycle(const protocol::Cycle& cycle) override { cycle_told_ = cycle.id; }
  void on_trouble(SyncError code, std::string_view) override { troubles_.push_back(code); }

  static std::string frame(const SyncHeader& header, std::string_view body = {}) {
    std::string bytes;
    write_sync_header(header, bytes);
    return bytes.append(body);
  }
  void hub_says(const SyncHeader& header, std::string_view body = {}, std::size_t hub = 0) {
    agent_->on_sync(hub, frame(header, body), now_);
  }
  void welcome(std::int64_t epoch, std::int64_t last, std::int64_t ledger_number = 0,
               const std::string& store = "store-1", std::size_t hub = 0) {
    std::string body;
    encode(
        protocol::SyncWelcome{
            store, {cycle_, protocol::CycleState::open, 0, 1}, epoch, last, 1, ledger_number},
        body);
    hub_says({.type = SyncType::welcome, .epoch = 7, .to = 40}, body, hub);
  }
  void ledger_entry(std::uint64_t number, std::string_view body) {
    hub_says({SyncType::record, 0, 1, number, number}, body);
  }
  std::string opening() const {
    std::string body;
    protocol::Writer(body).array(4).integer(0).integer(0).string(cycle_).array(2).integer(0);
    protocol::Writer(body).integer(0);
    return body;
  }
  std::string offered(const std::string& sku, std::int64_t wanted) const {
    std::string body;
    protocol::Writer(body).array(4).integer(1).integer(0).string(cycle_).array(6).string(sku);
    protocol::Writer(body).integer(wanted).integer(5).integer(wanted).integer(0).integer(wanted);
    return body;
  }
  // Welcomed, with an empty ledger: the snapshot is out.
  void begin(std::int64_t known_epoch = 0, std::int64_t known_last = 0) {
    tick();
    welcome(known_epoch, known_last);
    tick();
    ledger_entry(0, opening());
    hub_says({.type = SyncType::end, .epoch = 1, .to = 0});
    tick();
  }
  // What was acknowledged stands in the ledger too.
  void settle(std::int64_t number, const std::vector<OfferRow>& rows) {
    tick();
    for (const OfferRow& row : rows) {
      ledger_entry(static_cast<std::uint64_t>(number), offered(row.sku, row.offered));
      ++number;
    }
    hub_says({.type = SyncType::end, .epoch = 1, .to = static_cast<std::uint64_t>(number - 1)});
    ASSERT_TRUE(agent_->settled());
  }
  void tick(Duration step = 1ms) {
    now_ += step;
    agent_->on_tick(now_);
  }
  void ack(std::uint64_t number) {
    hub_says({.type = SyncType::ack, .epoch = agent_->state().epoch, .to = number});
  }
  std::vector<Frame> take(std::vector<Frame>& from, SyncType type) {
    std::vector<Frame> taken;
    for (Frame& f : from) {
      if (f.header.type == type) taken.push_back(f);
    }
    from.clear();
    return taken;
  }
  std::vector<Frame> published_records() { return take(published_, SyncType::record); }
  std::vector<Frame> sent(SyncType type) { return take(sent_, type); }

  TimePoint now_{1h};
  std::string cycle_ = "2026-11", cycle_told_;
  std::vector<Frame> sent_, published_;
  std::vector<std::string> ledgers_;
  std::vector<std::uint64_t> entries_;
  std::vector<SyncError> troubles_;
  int news_ = 0;
  std::optional<Agent> agent_{std::in_place, AgentOptions{.id = "m1", .name = "First", .hubs = 2},
                              *this};
};

std::vector<OfferRow> goods(int count, std::int64_t offered = 10) {
  std::vector<OfferRow> rows;
  for (int i = 0; i < count; ++i) rows.push_back({std::to_string(i), "Name", 5, offered});
  return rows;
}

TEST_F(AgentTest, SaysHelloUntilWelcomedToEachHub) {
  tick();
  auto hellos = sent(SyncType::hello);
  ASSERT_EQ(hellos.size(), 2u);
  const auto hello = protocol::decode_sync_hello(hellos[0].body);
  EXPECT_EQ(hello->id, "m1");
  EXPECT_FALSE(hello->agent_epoch);    // No journal,
  EXPECT_FALSE(hello->ledger_number);  // and no position, which is not 0.
  tick(100ms);
  EXPECT_TRUE(sent(SyncType::hello).empty());
  tick(100ms);
  EXPECT_EQ(sent(SyncType::hello).size(), 2u);
  welcome(0, 0);
  tick(200ms);
  hellos = sent(SyncType::hello);
  ASSERT_EQ(hellos.size(), 1u);
  EXPECT_EQ(hellos[0].hub, 1u);
}

TEST_F(AgentTest, BeginsANewEpochWithASnapshot) {
  agent_->set_offers(goods(2));
  tick();
  EXPECT_TRUE(published_records().empty());
  welcome(4, 17);
  const auto records = published_records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].header.epoch, 5u);
  EXPECT_EQ(records[0].header.from, 1u);
  EXPECT_EQ(records[0].header.to, 1u);
  const auto record = protocol::decode_offer_record(records[0].body);
  EXPECT_EQ(record->cycle, "2026-11");
  EXPECT_EQ(record->rows.size(), 2u);
}

TEST_F(AgentTest, NoTwoAgentsBeginTheSameEpoch) {
  agent_.emplace(AgentOptions{.id = "m1", .name = "First", .hubs = 2, .epoch_min = 1'000}, *this);
  agent_->set_offers(goods(2));
  tick();
  welcome(4, 17);
  EXPECT_EQ(agent_->state().epoch, 1'000u);
}

TEST_F(AgentTest, StatesAgainWhatTheLedgerSaysOtherwise) {
  agent_->set_offers({{"A", "Apple", 5, 10}, {"B", "Pear", 5, 10}});
  begin();
  published_.clear();
  sent_.clear();
  ack(1);
  tick();
  ASSERT_EQ(sent(SyncType::fetch).size(), 1u);  // Acknowledged is not enough.
  EXPECT_FALSE(agent_->settled());
  ledger_entry(1, offered("A", 10));
  ledger_entry(2, offered("B", 3));  // Of an agent before us.
  ledger_entry(3, offered("gone", 3));
  EXPECT_TRUE(published_records().empty());
  hub_says({.type = SyncType::end, .epoch = 1, .to = 3});
  const auto records = published_records();
  ASSERT_EQ(records.size(), 1u);
  const auto rows = protocol::decode_offer_record(records[0].body)->rows;
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].sku, "B");
  EXPECT_EQ(rows[0].offered, 10);
  EXPECT_EQ(rows[1].sku, "gone");  // On sale there and unknown here: not any more.
  EXPECT_EQ(rows[1].offered, 0);
  EXPECT_EQ(rows[1].name, "");
  ack(2);
  tick();
  EXPECT_FALSE(agent_->settled());
  ledger_entry(4, offered("B", 10));
  ledger_entry(5, offered("gone", 0));
  hub_says({.type = SyncType::end, .epoch = 1, .to = 5});
  EXPECT_TRUE(agent_->settled());
  EXPECT_TRUE(published_records().empty());
}

TEST_F(AgentTest, SendsAgainWhatIsNotAcknowledged) {
  agent_->set_offers(goods(450));
  begin();
  EXPECT_EQ(published_records().size(), 3u);
  ack(1);
  sent_.clear();
  tick(299ms);
  EXPECT_TRUE(sent(SyncType::record).empty());
  tick(2ms);
  auto again = sent(SyncType::record);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].header.to, 2u);
  EXPECT_EQ(again[1].header.to, 3u);
  tick(301ms);
  EXPECT_EQ(sent(SyncType::record).size(), 2u);
  ack(3);
  tick(301ms);
  EXPECT_TRUE(sent(SyncType::record).empty());
}

TEST_F(AgentTest, KeepsAWindowOfRecordsUnderWay) {
  agent_->set_offers(goods(200 * 50));
  begin();
  EXPECT_EQ(published_records().size(), 32u);
  ack(10);
  const auto next = published_records();
  ASSERT_EQ(next.size(), 10u);
  EXPECT_EQ(next.front().header.to, 33u);
  tick(301ms);
  EXPECT_EQ(sent(SyncType::record).size(), 32u);
}

TEST_F(AgentTest, AnswersAFetchFromThereOn) {
  agent_->set_offers(goods(600));
  begin();
  sent_.clear();
  hub_says({.type = SyncType::fetch, .epoch = 1, .from = 2});
  const auto again = sent(SyncType::record);
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].header.to, 2u);
}

TEST_F(AgentTest, AFetchOfWhatWasAcknowledgedAsksForAWelcome) {
  agent_->set_offers(goods(1));
  begin();
  ack(1);
  sent_.clear();
  hub_says({.type = SyncType::fetch, .epoch = 1, .from = 1});
  tick(200ms);
  const auto hellos = sent(SyncType::hello);
  EXPECT_TRUE(std::ranges::any_of(hellos, [](const Frame& f) { return f.hub == 0; }));
}

TEST_F(AgentTest, WelcomeDecidesWhetherANewEpochBegins) {
  const struct {
    const char* what;
    std::int64_t epoch, last;
    std::string store;
    std::uint64_t begins;  // 0: goes on in its own
  } cases[] = {
      {"as it is", 5, 2, "store-1", 0},
      {"its newest record was not acknowledged, but is there", 5, 3, "store-1", 0},
      {"an acknowledged one is not there", 5, 1, "store-1", 6},
      {"one that it never made is there", 5, 4, "store-1", 6},
      {"a newer epoch", 9, 1, "store-1", 10},
      {"an older epoch, after an ACK", 3, 9, "store-1", 6},
      {"another data set", 0, 0, "store-2", 6},
      {"another data set with the same numbers", 5, 2, "store-2", 6},
  };
  for (const auto& c : cases) {
    agent_.emplace(AgentOptions{.id = "m1", .name = "First", .hubs = 2}, *this);
    agent_->set_offers(goods(600));
    begin(4, 17);
    ack(2);
    ASSERT_EQ(agent_->state().epoch, 5u);
    hub_says({.type = SyncType::error, .flags = static_cast<std::uint32_t>(SyncError::say_hello)});
    tick(200ms);
    sent_.clear();
    published_.clear();
    welcome(c.epoch, c.last, 0, c.store);
    tick();
    if (c.store != "store-1") {  // The ledger kept is another's.
      EXPECT_EQ(ledgers_.back(), c.store);
      ledger_entry(0, opening());
      tick();
    }
    if (c.begins == 0) {
      EXPECT_EQ(agent_->state().epoch, 5u) << c.what;
      EXPECT_EQ(sent(SyncType::record).size(), 1u) << c.what;  // All not acknowledged, at once.
    } else {
      EXPECT_EQ(agent_->state().epoch, c.begins) << c.what;
      const auto records = published_records();
      ASSERT_EQ(records.size(), 3u) << c.what;
      EXPECT_EQ(records[0].header.to, 1u) << c.what;
    }
  }
}

TEST_F(AgentTest, AnOlderEpochBeforeAnyAckIsOnlyLate) {
  agent_->set_offers(goods(1));
  begin(4, 17);
  welcome(4, 17, 0, "store-1", 1);  // The second hub answered before our first record came.
  tick();
  EXPECT_EQ(agent_->state().epoch, 5u);
}

TEST_F(AgentTest, AChangedFileIsAnOfferOfWhatChanged) {
  agent_->set_offers({{"A", "Apple", 5, 10}, {"B", "Pear", 5, 10}, {"C", "Plum", 5, 10}});
  begin();
  ack(1);
  published_.clear();
  agent_->set_offers({{"A", "Apple", 5, 10}, {"B", "Pear", 6, 10}, {"D", "Fig", 5, 1}});
  const auto records = published_records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].header.to, 2u);
  const auto rows = protocol::decode_offer_record(records[0].body)->rows;
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].sku, "B");
  EXPECT_EQ(rows[0].unit_price, 6);
  EXPECT_EQ(rows[1].sku, "D");
  EXPECT_EQ(rows[2].sku, "C");
  EXPECT_EQ(rows[2].offered, 0);
  EXPECT_EQ(rows[2].name, "Plum");
  agent_->set_offers({{"A", "Apple", 5, 10}, {"B", "Pear", 6, 10}, {"D", "Fig", 5, 1}});
  EXPECT_TRUE(published_records().empty());
}

TEST_F(AgentTest, StatesItsTotalsAgainForANewCycle) {
  agent_->set_offers(goods(3));
  begin();
  ack(1);
  published_.clear();
  std::string body;
  encode(protocol::Cycle{"2026-12", protocol::CycleState::open, 1, 2}, body);
  agent_->on_published("cycle/", frame({SyncType::record, 0, 7, 41, 44}), body, now_);
  EXPECT_EQ(cycle_told_, "2026-12");
  const auto records = published_records();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(protocol::decode_offer_record(records[0].body)->cycle, "2026-12");
  EXPECT_EQ(protocol::decode_offer_record(records[0].body)->rows.size(), 3u);
}

TEST_F(AgentTest, AGapInCyclesIsAskedFor) {
  agent_->set_offers(goods(1));
  begin();
  ack(1);
  tick(500ms);
  sent_.clear();
  agent_->on_published("cycle/", frame({SyncType::head, 0, 7, 41, 50}), {}, now_);
  tick(200ms);
  for (const Frame& f : sent(SyncType::hello)) EXPECT_EQ(f.hub, 1u);
  agent_->on_published("cycle/", frame({SyncType::head, 0, 7, 60, 70}), {}, now_);
  tick(200ms);
  const auto hellos = sent(SyncType::hello);
  EXPECT_TRUE(std::ranges::any_of(hellos, [](const Frame& f) { return f.hub == 0; }));
}

TEST_F(AgentTest, FetchesItsLedgerOnEveryHeadAboveItsOwn) {
  begin();
  sent_.clear();
  agent_->on_published("head/m1/", frame({SyncType::head, 0, 1, 1, 0}), {}, now_);
  agent_->on_published("head/m2/", frame({SyncType::head, 0, 1, 9, 8}), {}, now_);
  tick(101ms);
  EXPECT_TRUE(sent(SyncType::fetch).empty());
  agent_->on_published("head/m1/", frame({SyncType::head, 0, 1, 3, 2}), {}, now_);
  tick();
  auto fetches = sent(SyncType::fetch);
  ASSERT_EQ(fetches.size(), 1u);
  EXPECT_EQ(fetches[0].header.epoch, 1u);
  EXPECT_EQ(fetches[0].header.from, 1u);
  ledger_entry(2, offered("B", 2));  // Its predecessor was lost: not taken.
  hub_says({.type = SyncType::end, .epoch = 1, .to = 2});
  tick(101ms);
  fetches = sent(SyncType::fetch);
  ASSERT_EQ(fetches.size(), 1u);
  EXPECT_EQ(fetches[0].header.from, 1u);
  ledger_entry(1, offered("A", 2));
  ledger_entry(2, offered("B", 2));
  ledger_entry(2, offered("B", 2));
  EXPECT_EQ(entries_, (std::vector<std::uint64_t>{0, 1, 2}));
  EXPECT_EQ(news_, 2);  // What it found on coming is no news.
}

TEST_F(AgentTest, AsksAnewWhenAFetchIsNotAnswered) {
  begin();
  sent_.clear();
  hub_says({.type = SyncType::head, .epoch = 1, .from = 6, .to = 5});
  tick();
  EXPECT_EQ(sent(SyncType::fetch).size(), 1u);
  hub_says({.type = SyncType::head, .epoch = 1, .from = 7, .to = 6});
  tick(1s);
  EXPECT_TRUE(sent(SyncType::fetch).empty());
  hub_says({.type = SyncType::head, .epoch = 1, .from = 7, .to = 6});
  tick(1001ms);
  EXPECT_EQ(sent(SyncType::fetch).size(), 1u);
}

TEST_F(AgentTest, AsksAnewInANewSession) {
  begin();
  sent_.clear();
  hub_says({.type = SyncType::head, .epoch = 1, .from = 6, .to = 5});
  tick();
  EXPECT_EQ(sent(SyncType::fetch).size(), 1u);
  hub_says({.type = SyncType::error, .flags = static_cast<std::uint32_t>(SyncError::say_hello)});
  welcome(1, 0);
  tick();
  EXPECT_EQ(sent(SyncType::fetch).size(), 1u);
}

TEST_F(AgentTest, SaysHelloAgainToASilentHub) {
  begin();
  tick(1s);
  sent_.clear();
  tick(1100ms);
  const auto hellos = sent(SyncType::hello);
  EXPECT_TRUE(std::ranges::any_of(hellos, [](const Frame& f) { return f.hub == 0; }));
  EXPECT_FALSE(agent_->settled());
}

TEST_F(AgentTest, WaitsWhenAnotherIsThisManufacturer) {
  tick();
  hub_says({.type = SyncType::error, .flags = static_cast<std::uint32_t>(SyncError::busy)});
  EXPECT_EQ(troubles_, std::vector{SyncError::busy});
  sent_.clear();
  tick(900ms);
  for (const Frame& f : sent(SyncType::hello)) EXPECT_EQ(f.hub, 1u);
  tick(200ms);
  const auto hellos = sent(SyncType::hello);
  EXPECT_TRUE(std::ranges::any_of(hellos, [](const Frame& f) { return f.hub == 0; }));
}

TEST_F(AgentTest, AcksThatAreNotItsOwnMoveNothing) {
  agent_->set_offers(goods(600));
  begin();
  hub_says({.type = SyncType::ack, .epoch = 9, .to = 3});
  hub_says({.type = SyncType::ack, .epoch = 1, .to = 4});
  hub_says({.type = SyncType::ack, .epoch = 1, .to = kNoPosition});
  EXPECT_EQ(agent_->state().acknowledged, 0u);
  ack(2);
  ack(1);
  EXPECT_EQ(agent_->state().acknowledged, 2u);
  EXPECT_EQ(agent_->state().records.size(), 1u);
}

TEST_F(AgentTest, HeadShowsTheHubALostTail) {
  agent_->set_offers(goods(300));
  begin();
  sent_.clear();
  published_.clear();
  hub_says({.type = SyncType::head, .epoch = 1, .to = 0});
  tick(500ms);
  const auto on_pub = take(published_, SyncType::head);
  const auto on_sync = sent(SyncType::head);
  ASSERT_EQ(on_pub.size(), 1u);
  ASSERT_EQ(on_sync.size(), 1u);
  EXPECT_EQ(on_sync[0].header.to, 2u);
  EXPECT_EQ(on_sync[0].header.from, 3u);
}

RC_GTEST_FIXTURE_PROP(AgentTest, SurvivesAnyFrames, ()) {
  agent_->set_offers(goods(3));
  begin();
  for (const auto& bytes : *rc::gen::arbitrary<std::vector<std::string>>()) {
    const auto type = *rc::gen::inRange<std::uint8_t>(1, 11);
    const auto number = *rc::gen::arbitrary<std::uint64_t>();
    const auto epoch = *rc::gen::inRange<std::uint64_t>(0, 3);
    const SyncHeader header{static_cast<SyncType>(type), 1, epoch, number, number};
    agent_->on_sync(0, frame(header, bytes), now_);
    agent_->on_sync(1, bytes, now_);
    agent_->on_published("head/m1/", frame(header), bytes, now_);
    agent_->on_published("cycle/", frame(header), bytes, now_);
    agent_->on_published(bytes, bytes, bytes, now_);
    tick(300ms);
  }
}

}  // namespace
}  // namespace depot::manufacturer
