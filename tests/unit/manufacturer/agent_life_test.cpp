// An agent that is killed at any moment and goes on by its journal, on a network that loses and
// doubles, with a hub that does what the store would: nothing is lost or counted twice, no number
// is used for two things, and the agent epoch stays.
#include <deque>
#include <random>

#include "tests/unit/manufacturer/agent_fixture.hpp"

namespace depot::manufacturer {
namespace {

using protocol::CycleState;

class AgentLifeTest : public AgentTest {
 protected:
  // All that was said up to now was waited for: as AgentLoop::may_send().
  void send(std::size_t, std::string_view bytes) override { say(bytes); }
  void publish(std::string_view, std::string_view header, std::string_view body) override {
    say(std::string(header).append(body));
  }
  void on_cycle(const protocol::Cycle&) override {
    made_ = agent_->state().produced;
    agent_->set_wanted(wanted());
  }
  void say(std::string_view bytes) {
    synced_ = journal_.size();
    for (int copies = lossy_ ? chance(20) ? 0 : chance(10) ? 2 : 1 : 1; copies > 0; --copies) {
      to_hub_.emplace_back(bytes);
    }
  }
  void reply(const SyncHeader& header, std::string_view body = {}) {
    if (!lossy_ || !chance(20)) to_agent_.push_back(frame(header, body));
  }
  bool chance(unsigned percent) { return random_() % 100 < percent; }

  std::vector<OfferRow> wanted() const {
    std::vector<OfferRow> rows;
    for (const auto& [sku, units] : file_) {
      const auto made = made_.find(sku);
      rows.push_back({sku, "Name", 5, units + (made == made_.end() ? 0 : made->second)});
    }
    return rows;
  }
  void produce() {
    if (agent_->resting()) return;
    made_["line"] += 1 + static_cast<std::int64_t>(random_() % 9);
    agent_->set_made(made_);
    agent_->set_offers(wanted());
  }
  void change_file() {
    file_["f" + std::to_string(random_() % 4)] = static_cast<std::int64_t>(random_() % 50);
    if (chance(20)) file_.erase("f0");
    agent_->set_offers(wanted());
  }
  // What was not waited for may be on disk, up to any byte.
  void kill() {
    const std::size_t more = journal_.size() - synced_;
    journal_.resize(synced_ + (more == 0 ? 0 : random_() % (more + 1)));
    AgentState state;
    journal_.resize(read_lines(journal_, state));
    kept_ledger_ = chance(50) ? agent_->ledger() : chance(50) ? kept_ledger_ : Ledger{};
    to_hub_.clear();
    to_agent_.clear();
    session_ = false;
    agent_.emplace(AgentOptions{.id = "m1", .name = "First", .epoch_min = ++lives_}, *this,
                   std::move(state));
    made_ = agent_->state().produced;
    agent_->set_offers(wanted());
  }
  void turn_cycle() {
    if (hub_cycle_.state == CycleState::open) {
      hub_cycle_.state = CycleState::closed;
    } else if (hub_cycle_.state == CycleState::closed) {
      hub_cycle_ = {"c" + std::to_string(++cycles_), CycleState::collecting, 0, 1};
      totals_.clear();
    } else {
      hub_cycle_.state = CycleState::open;
    }
    ++feed_;
    std::string body;
    encode(hub_cycle_, body);
    if (!lossy_ || !chance(20)) {
      agent_->on_published("cycle/", frame({SyncType::record, 0, 7, feed_, feed_}), body, now_);
    }
  }

  void hub_hears(std::string_view bytes) {
    SyncHeader header;
    ASSERT_TRUE(read_sync_header(bytes, header));
    const std::string body(bytes.substr(messaging::kSyncHeaderSize));
    if (header.type == SyncType::hello) {
      session_ = true;
      std::string welcome;
      encode(protocol::SyncWelcome{"store-1", hub_cycle_, epoch_, last_, 1,
                                   static_cast<std::int64_t>(ledger_.size()) - 1},
             welcome);
      return reply({.type = SyncType::welcome, .epoch = 7, .to = feed_}, welcome);
    }
    if (!session_) {
      return reply(
          {.type = SyncType::error, .flags = static_cast<std::uint32_t>(SyncError::say_hello)});
    }
    if (header.type == SyncType::record) hub_applies(header, body);
    if (header.type == SyncType::fetch) {
      const std::uint64_t from = header.from == kNoPosition ? 0 : header.from;
      for (std::uint64_t i = from; i < ledger_.size(); ++i) {
        reply({SyncType::record, 0, 1, i, i}, ledger_[i]);
      }
      reply({.type = SyncType::end, .epoch = 1, .to = ledger_.size() - 1});
    }
    if (header.type == SyncType::head)
      reply({SyncType::head, 0, 1, ledger_.size(), ledger_.size() - 1});
  }
  void hub_applies(const SyncHeader& header, const std::string& body) {
    const auto record = protocol::decode_offer_record(body);
    ASSERT_TRUE(record);
    const bool past = record->cycle != hub_cycle_.id;
    const auto [known, fresh] = said_.try_emplace({header.epoch, header.to}, body);
    if (!fresh && !past && known->second != body) {
      ADD_FAILURE() << "number " << header.to << " means two things";
    }
    const auto epoch = static_cast<std::int64_t>(header.epoch);
    const auto number = static_cast<std::int64_t>(header.to);
    const bool next = (epoch == epoch_ && number == last_ + 1) || (epoch > epoch_ && number == 1);
    if (next) {
      EXPECT_TRUE(epoch == epoch_ || epoch_ == 0) << "a second epoch begins";
      epoch_ = epoch;
      last_ = number;
      if (!past && hub_cycle_.state != CycleState::closed) hub_takes(*record);
    }
    reply({.type = SyncType::ack,
           .epoch = static_cast<std::uint64_t>(epoch_),
           .to = static_cast<std::uint64_t>(last_)});
  }
  void hub_takes(const protocol::OfferRecord& record) {
    std::vector<OfferRow> moved;
    for (const OfferRow& row : record.rows) {
      std::int64_t& total = totals_[row.sku];
      EXPECT_TRUE(row.sku != "line" || row.offered >= total) << "what was made is taken back";
      if (total != row.offered) moved.push_back(row);
      total = row.offered;
    }
    if (moved.empty()) return;
    std::string entry;
    protocol::Writer(entry)
        .array(4)
        .integer(1)
        .integer(0)
        .string(hub_cycle_.id)
        .array(moved.size() * 6);
    for (const OfferRow& row : moved) {
      protocol::Writer(entry).string(row.sku).integer(row.offered).integer(5);
      protocol::Writer(entry).integer(row.offered).integer(0).integer(row.offered);
    }
    ledger_.push_back(entry);
  }

  void step() {
    for (std::size_t n = lossy_ ? random_() % 6 : 100; n > 0 && !to_hub_.empty(); --n) {
      const std::string bytes = std::move(to_hub_.front());
      to_hub_.pop_front();
      hub_hears(bytes);
    }
    for (std::size_t n = lossy_ ? random_() % 6 : 100; n > 0 && !to_agent_.empty(); --n) {
      const std::string bytes = std::move(to_agent_.front());
      to_agent_.pop_front();
      agent_->on_sync(0, bytes, now_);
    }
    tick(std::chrono::milliseconds(5 + random_() % 100));
  }

  void play(std::uint32_t seed) {
    random_.seed(seed);
    agent_.emplace(AgentOptions{.id = "m1", .name = "First"}, *this);
    agent_->set_offers(wanted());
    ledger_.push_back(opening());
    for (int i = 0; i < 400; ++i) {
      step();
      if (chance(20)) produce();
      if (chance(10)) change_file();
      if (chance(7)) kill();
      if (chance(3)) turn_cycle();
    }
    lossy_ = false;
    while (hub_cycle_.state != CycleState::open) turn_cycle();
    for (int i = 0; i < 400 && !agent_->settled(); ++i) step();
    ASSERT_TRUE(agent_->settled());
    for (const OfferRow& row : wanted()) EXPECT_EQ(totals_[row.sku], row.offered) << row.sku;
    for (const auto& [sku, total] : totals_) {
      EXPECT_TRUE(file_.contains(sku) || total == 0) << sku;
    }
    AgentState kept;
    EXPECT_EQ(read_lines(journal_, kept), journal_.size());
    EXPECT_EQ(kept.made, agent_->state().made);
    EXPECT_EQ(kept.produced, made_);
  }

  std::mt19937 random_;
  bool lossy_ = true, session_ = false;
  std::map<std::string, std::int64_t> file_ = {{"line", 3}, {"f0", 10}};
  Made made_;
  std::size_t synced_ = 0;
  std::uint64_t lives_ = 1;
  std::deque<std::string> to_hub_, to_agent_;
  protocol::Cycle hub_cycle_{"c0", CycleState::open, 0, 1};
  int cycles_ = 0;
  std::uint64_t feed_ = 40;
  std::int64_t epoch_ = 0, last_ = 0;
  std::map<std::string, std::int64_t> totals_;
  std::vector<std::string> ledger_;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> said_;
};

class EveryAgentLifeTest : public AgentLifeTest,
                           public testing::WithParamInterface<std::uint32_t> {};

TEST_P(EveryAgentLifeTest, LosesAndDoublesNothing) { play(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Seeds, EveryAgentLifeTest, testing::Range(1U, 41U));

}  // namespace
}  // namespace depot::manufacturer
