// One agent behind a bad network, customers who buy what it makes, and the end of it: both sides
// hold the same totals, and nothing was sold, made or stated twice.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <random>
#include <stdexcept>

#include "tests/support/cluster.hpp"
#include "tests/support/load.hpp"
#include "tests/support/proxied_agent.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {

using namespace std::chrono_literals;
inline constexpr auto kPause = 200ms;  // of each customer

class SyncTest : public testing::Test {
 protected:
  static std::vector<Good> goods(std::int64_t tea) {
    return {{.sku = "tea", .offered = tea},
            {.sku = "mug", .offered = 5'000, .batch = 5, .pause_at = 5'060},
            {.sku = "cup", .offered = 3'000, .batch = 3, .pause_at = 3'040}};
  }
  void start(std::chrono::milliseconds pause = kPause) {
    cluster_.start();
    agent_.emplace(cluster_, "alder", goods(100), seed_);
    await("all is on sale", [&] {
      return available(cluster_.port(), "alder:mug") >= 5'000 &&
             available(cluster_.port(), "alder:cup") >= 3'000;
    });
    mugs_.emplace(std::vector{cluster_.port()}, "alder:mug", 2, false, pause);
    cups_.emplace(std::vector{cluster_.port()}, "alder:cup", 1, false, pause);
  }
  // Throws where it does not come: what follows would wait in vain too.
  void await(const std::string& what, const std::function<bool()>& holds,
             std::chrono::seconds patience = 30s) {
    const auto waited = wait_until(patience, holds, what, [&] { return agent_->difference(); });
    if (waited) return;
    std::string failures;
    for (const auto* load : {&mugs_, &cups_}) {
      if (*load) failures += testing::PrintToString((*load)->failures());
    }
    throw std::runtime_error(waited.message() + failures + last_lines(cluster_.logs(), 20));
  }
  int placed() const { return mugs_->placed() + cups_->placed(); }
  // The moment after some more purchases.
  void await_purchases(int least, int most) {
    const int enough = placed() + least + static_cast<int>(random_() % unsigned(most - least + 1));
    await(
        "purchases go on", [&] { return placed() >= enough; }, 60s);
  }
  // On a good network for a moment: on a bad one a batch may take seconds.
  void await_more_made() {
    agent_->set(Link::good);
    const std::int64_t before = agent_->made();
    await("its lines make more", [&] { return agent_->made() > before; });
    agent_->set(Link::bad);
  }
  void await_same_totals() {
    agent_->set(Link::good);
    mugs_->stop();
    cups_->stop();
    await("both sides hold the same totals", [&] { return agent_->difference().empty(); });
    EXPECT_GT(agent_->made(), 0);
    EXPECT_EQ(mugs_->failures(), std::vector<std::string>());
    EXPECT_EQ(cups_->failures(), std::vector<std::string>());
    EXPECT_EQ(agent_->books().distributor("mug", "sold"), mugs_->placed());
    EXPECT_EQ(agent_->books().distributor("cup", "sold"), cups_->placed());
    EXPECT_EQ(mugs_->remembered() + cups_->remembered(), placed());
    EXPECT_EQ(agent_->books().distributor("mug", "cut"), 0) << "what was made was taken back";
    EXPECT_EQ(agent_->books().distributor("cup", "cut"), 0) << "what was made was taken back";
    cluster_.expect_clean_audit();
  }

  // DEPOT_SEED plays another history.
  const std::uint32_t seed_ = [] {
    const char* text = std::getenv("DEPOT_SEED");
    return static_cast<std::uint32_t>(text ? std::atoi(text) : 1);
  }();
  const testing::ScopedTrace trace_{__FILE__, __LINE__, "DEPOT_SEED=" + std::to_string(seed_)};
  std::mt19937 random_{seed_};
  Cluster cluster_;
  std::optional<ProxiedAgent> agent_;
  std::optional<Load> mugs_, cups_;
};

}  // namespace depot::test
