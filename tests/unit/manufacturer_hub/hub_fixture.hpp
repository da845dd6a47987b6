// A hub without sockets or a store: what it sends and asks for is kept for the test to look at.
#pragma once

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <functional>
#include <optional>

#include "manufacturer_hub/hub.hpp"
#include "protocol/msgpack.hpp"
#include "tests/simulator/model_store.hpp"

namespace depot::manufacturer_hub {

using namespace std::chrono_literals;
using messaging::kNoPosition;
using messaging::PublicKind;
using messaging::Sent;
using messaging::SyncError;
using messaging::SyncHeader;
using messaging::SyncType;

struct Frame {
  std::string to;  // peer or topic
  SyncHeader header;
  std::string body;
};

// A hub on a model store that answers when told to.
class HubTest : public testing::Test, public HubActions {
 protected:
  Sent send(std::string_view peer, std::string_view bytes) override {
    if (gone_.contains(std::string(peer))) return Sent::unreachable;
    if (slow_.contains(std::string(peer)) && room_-- <= 0) return Sent::full;
    sent_.push_back({std::string(peer), {}, std::string(bytes.substr(40))});
    EXPECT_TRUE(read_sync_header(bytes, sent_.back().header));
    return Sent::yes;
  }
  void publish(std::string_view topic, std::string_view header, std::string_view body) override {
    published_.push_back({std::string(topic), {}, std::string(body)});
    EXPECT_TRUE(read_sync_header(header, published_.back().header));
  }
  void warn(std::string_view what, std::string_view who) override {
    warnings_.emplace_back(what);
    warned_of_.emplace_back(who);
  }
  void greet(const std::string& peer, const protocol::SyncHello& hello) override {
    calls_.push_back([this, peer, hello] {
      if (refuse_) return hub_->on_greeted(peer, fail(ErrorCode::refused, "unknown manufacturer"));
      hub_->on_greeted(peer, store_.hello(hello));
    });
  }
  void apply(const std::string& id, std::uint64_t epoch, std::uint64_t number,
             std::string_view record, bool /*whole*/) override {
    calls_.push_back([this, id, epoch, number, bytes = std::string(record)] {
      applied_.push_back(number);
      hub_->on_applied(id, store_.offer(id, epoch, number, bytes), now_);
    });
  }
  void accept(const std::string& peer, const std::string& id, std::uint64_t epoch,
              std::uint64_t number) override {
    calls_.push_back([this, peer, id, epoch, number] {
      accepted_.push_back(id + " " + std::to_string(number));
      hub_->on_accepted(peer, epoch, number, true);
    });
  }
  void read_ledger(std::uint64_t ticket, const std::string& id, std::uint64_t epoch,
                   std::uint64_t from) override {
    calls_.push_back([this, ticket, id, epoch, from] {
      hub_->on_ledger(ticket, store_.ledger(id, epoch, from));
    });
  }
  void read_feed(std::uint64_t ticket, std::uint64_t from) override {
    calls_.push_back([this, ticket, from] { hub_->on_feed_page(ticket, store_.feed(from)); });
  }
  void read_catalogue(std::uint64_t ticket, const std::string& cursor) override {
    calls_.push_back([this, ticket, cursor] {
      std::string record;
      hub_->on_catalogue(ticket, store_.catalogue(cursor, record));
    });
  }

  void ask(const std::string& peer, std::uint64_t ticket, const std::string& id,
           const protocol::SyncAsk& ask) override {
    calls_.push_back([this, peer, ticket, id, ask] {
      asked_.push_back(id + " " + ask.verb);
      for (const std::string& argument : ask.arguments) asked_.back() += " " + argument;
      hub_->on_answer(peer, ticket, ask_answer_);
    });
  }

  void SetUp() override {
    hub_->on_store(store_.state());
    tick();
    published_.clear();
  }
  void answer() {  // All that the store was asked, in order.
    for (; !calls_.empty(); calls_.pop_front()) calls_.front()();
  }
  void tick(Duration step = 1ms) {
    now_ += step;
    hub_->on_tick(now_, {});
  }
  void follow_feed() {
    while (hub_->feed_number() < store_.state().feed_number) {
      for (const FeedEntry& entry : store_.feed(hub_->feed_number() + 1)) hub_->on_feed(entry);
    }
  }
  void says(const std::string& peer, SyncHeader header, const std::string& body = "") {
    std::string bytes;
    write_sync_header(header, bytes);
    hub_->on_sync(peer, bytes + body, now_);
  }
  void publishes(const std::string& topic, SyncHeader header, const std::string& body = "") {
    std::string bytes;
    write_sync_header(header, bytes);
    hub_->on_published(topic, bytes, body, now_);
  }
  static std::string hello_of(const std::string& id) {
    std::string body;
    encode(protocol::SyncHello{true, id, "Name of " + id, {}, {}, {}, {}}, body);
    return body;
  }
  void greet_maker(const std::string& peer, const std::string& id) {
    says(peer, {.type = SyncType::hello}, hello_of(id));
    answer();
    sent_.clear();
  }
  void greet_gateway(const std::string& peer) {
    std::string body;
    encode(protocol::SyncHello{false, "", "gateway-1", {}, {}, {}, {}}, body);
    says(peer, {.type = SyncType::hello}, body);
    sent_.clear();
  }
  static SyncHeader record(std::uint64_t epoch, std::uint64_t number) {
    return {SyncType::record, 0, epoch, number, number};
  }
  std::string offer(const std::string& sku, std::int64_t offered) const {
    std::string body;
    encode(protocol::OfferRecord{store_.cycle.id, {{sku, "Name", 5, offered}}}, body);
    return body;
  }
  // The frames of that type, to that peer or topic; forgets all the others.
  std::vector<Frame> take(std::vector<Frame>& from, SyncType type, const std::string& to = "") {
    std::vector<Frame> taken;
    for (Frame& f : from) {
      if (f.header.type == type && (to.empty() || f.to == to)) taken.push_back(std::move(f));
    }
    from.clear();
    return taken;
  }
  bool errors(SyncError code) {
    const auto frames = take(sent_, SyncType::error);
    return frames.size() == 1 && frames[0].header.flags == static_cast<std::uint32_t>(code);
  }

  TimePoint now_{1h};
  ModelStore store_;
  std::deque<std::function<void()>> calls_;
  std::set<std::string> gone_, slow_;
  int room_ = 0;
  bool refuse_ = false;
  std::vector<Frame> sent_, published_;
  std::vector<std::uint64_t> applied_;
  std::vector<std::string> warnings_, warned_of_, accepted_, asked_;
  Result<std::string_view> ask_answer_ = "O\xC0";
  Metrics metrics_;
  std::optional<Hub> hub_{std::in_place, HubConfig{}, *this, metrics_};
};

}  // namespace depot::manufacturer_hub
