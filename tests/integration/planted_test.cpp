// The test of the tests: a Depot whose function library has a mistake of the kind that systems like
// this have, and the audit, given what the customers saw, must find it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "bench/history.hpp"
#include "protocol/cycles.hpp"
#include "protocol/msgpack.hpp"
#include "protocol/orders.hpp"
#include "protocol/sync.hpp"
#include "store/library.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/customer.hpp"
#include "tests/support/proxied_agent.hpp"
#include "tests/support/wait.hpp"

namespace depot::test {
namespace {

using namespace std::chrono_literals;

struct Mistake {
  std::string name;
  std::string code, instead;  // of the library; "" for the control
  std::string rule;           // which the audit names, among others
  std::string more = {}, instead_of_more = {};
  std::string rule_too = {};
};

// Another library than the one that `depot up` has loaded.
void plant(const Cluster& cluster, const Mistake& mistake) {
  std::string text = store::library_text();
  for (const auto& [code, instead] : {std::pair(mistake.code, mistake.instead),
                                      std::pair(mistake.more, mistake.instead_of_more)}) {
    if (code.empty()) continue;
    const std::size_t at = text.find(code);
    ASSERT_NE(at, std::string::npos) << "the code that is to be broken is not there any more";
    ASSERT_EQ(text.find(code, at + 1), std::string::npos);
    text.replace(at, code.size(), instead);
  }
  store::BlockingRedis redis = cluster.redis();
  const auto loaded = redis.command({"FUNCTION", "LOAD", "REPLACE", text});
  ASSERT_TRUE(loaded) << loaded.error().message;
}

class PlantedTest : public testing::TestWithParam<Mistake> {
 protected:
  void buy(Customer& customer, std::int64_t units, const std::string& key) {
    const protocol::PlaceOrder order = asked_for({{"m1:a", units}});
    const TimePoint sent = steady_now();
    const HttpReply reply = customer.buy({{"m1:a", units}}, key);
    EXPECT_TRUE(reply.status == 201 || reply.status == 409) << reply.body;
    std::optional<bench::Receipt> receipt;
    if (reply.status == 201) receipt = bench::receipt_of(reply.json());
    const std::vector<bench::ToldStock> told = bench::shortages(reply.body);
    history_.add(bench::Attempt{.client = customer.id(),
                                .key = key,
                                .asked = order,
                                .invoked = sent,
                                .done = steady_now(),
                                .status = reply.status,
                                .receipt = receipt ? &*receipt : nullptr,
                                .told = told});
  }
  void offer(std::int64_t units) {
    cluster_.import({{.manufacturer = "m1", .sku = "a", .offered = units}});
  }

  // Over the store itself: an import would not come on where a ledger is broken.
  void offer_more() {
    store::BlockingRedis redis = cluster_.redis();
    const auto row = redis.command({"HGET", "manufacturers:{s0}", "m1"});
    protocol::Reader in(row->text);
    in.string();
    const std::int64_t epoch = in.integer(), last = in.integer();
    std::string record;
    encode(protocol::OfferRecord{cluster_cycle(), {{"a", "", 1'000, 20}}}, record);
    const auto answer = redis.command({"FCALL", "offer_v1", "0", "m1", std::to_string(epoch),
                                       std::to_string(last + 1), record, "10000", "1"});
    ASSERT_TRUE(answer) << answer.error().message;
    ASSERT_EQ(answer->text[0], 'O');
  }
  std::string cluster_cycle() {
    return protocol::decode_cycle_reply(
               cluster_.redis().command({"FCALL", "get_cycle_v1", "0"})->text)
        ->id;
  }

  Cluster cluster_;
  bench::History history_{cluster_.folder() + "/seen.jsonl"};
};

TEST_P(PlantedTest, IsFound) {
  cluster_.start();
  offer(3);
  if (!GetParam().code.empty()) plant(cluster_, GetParam());
  Customer anna(cluster_.port()), ben(cluster_.port());
  buy(anna, 1, "first");
  buy(anna, 1, "first");  // As a network that delivers twice.
  buy(ben, 5, "too-many");
  offer_more();
  buy(ben, 5, "too-many");  // Late, and there would be enough by now.
  buy(anna, 2, "second");
  history_.close();
  const std::string folder = cluster_.folder() + "/histories";
  std::filesystem::create_directory(folder);
  std::filesystem::rename(cluster_.folder() + "/seen.jsonl", folder + "/seen.jsonl");
  const CommandResult audit = cluster_.depot({"audit", "--histories", folder});
  EXPECT_EQ(audit.exit_code, GetParam().code.empty() ? 0 : 1) << audit.out;
  EXPECT_THAT(audit.out, testing::HasSubstr(GetParam().rule));
  EXPECT_THAT(audit.out, testing::HasSubstr(GetParam().rule_too));
}

INSTANTIATE_TEST_SUITE_P(
    Mistakes, PlantedTest,
    testing::Values(
        Mistake{"None", "", "", "audit clean"},
        Mistake{"NoIdempotency", "    elseif placed or refused then\n", "    elseif false then\n",
                "L5"},
        Mistake{"RefusalsNotRecorded",
                "for id, record in pairs(batch.refused) do push(refused, id, record) end", "",
                "H2"},
        Mistake{"AnotherStockTold", "push(faults, id, quantity, offer and offer.left or 0, found)",
                "push(faults, id, quantity, offer and offer.left + 1 or 0, found)", "H4"},
        Mistake{"StockNotMoved", "offer.sold, offer.left, offer.packed_left = offer.sold + units",
                "offer.sold, offer.left, offer.packed_left = offer.sold", "L3"},
        Mistake{"Oversold", "  if quantity <= left then return nil, quantity end\n",
                "  if true then return nil, quantity end\n", "oversold       3",
                "local maker, left = offer.maker, offer.left - units",
                "local maker, left = offer.maker, max(0, offer.left - units)"},
        Mistake{"AnotherQuantity", "saleable and saleable[i] or lines[i + 1]",
                "saleable and saleable[i] or 1", "other lines than were asked for", "", "", "L10"},
        Mistake{
            "AnotherOrderAnswered", "  batch.placed[id] = row\n  return 'P' .. row\n",
            "  batch.placed[id] = row\n"
            "  local units = integer(lines[2])\n"
            "  return 'P' .. row:gsub('\\161a' .. units, '\\161a' .. integer(lines[2] + 1), 1)\n",
            "answered with other lines or money"},
        Mistake{"NotInTheAccountsList",
                "for i = 1, count do call('APPEND', 'orders:{s0}:' .. customers[i], ids[i]) end",
                "", "L8"},
        Mistake{"SaleNotInTheLedger", "  add_entries(sellers, n)\n", "", "L3"},
        Mistake{"OrderNotKept", "  if n > 0 then call('MSET', unpack(strings, 1, n)) end\n", "",
                "but there is no such order"}),
    [](const auto& one) { return one.param.name; });

// What an agent states reaches the store twice, by each of two hubs, and late by one that stood
// still. Where the store takes it again the books are right in themselves, but goods were taken
// back and offered anew in between: what the line made tells.
class PlantedOffersTest : public testing::TestWithParam<bool> {
 protected:
  // Until its line has made so many.
  static void await_made(const ProxiedAgent& agent, std::int64_t units) {
    ASSERT_TRUE(wait_until(
        30s, [&] { return agent.made() >= units; }, std::to_string(units) + " are made"));
  }
  Cluster cluster_{{"hub.count", "2"}};
};

TEST_P(PlantedOffersTest, NotNumberedAreFoundByTheNumbersOfBothSides) {
  constexpr std::int64_t kMade = 60;
  const bool numbered = GetParam();
  cluster_.start();
  ProxiedAgent agent(cluster_, "alder",
                     {{.sku = "mug", .offered = 1, .batch = 1, .pause_at = 1 + kMade}}, 1);
  if (!numbered) {  // Now: `depot manufacturer add`, which made the agent, loads the right one.
    plant(cluster_,
          {.name = {},
           .code = "  if verdict > 0 then return 'O' .. array(verdict, known_epoch, last)",
           .instead = "  if verdict > 1 then return 'O' .. array(verdict, known_epoch, last)",
           .rule = {}});
  }
  agent.set(Link::good);
  ASSERT_TRUE(wait_until(
      30s, [&] { return cluster_.metric("depot_hub_offers_repeated_total") >= 3; },
      "both hubs hear it"));
  for (int times = 0; times < 4; ++times) {  // Whoever was frozen for too long is not heard late.
    const pid_t hub = cluster_.pids("depot-hub")[static_cast<std::size_t>(times % 2)];
    ::kill(hub, SIGSTOP);
    await_made(agent, agent.made() + 5);
    ::kill(hub, SIGCONT);
    await_made(agent, agent.made() + 5);
  }
  await_made(agent, kMade);
  const auto difference = [&] { return agent.difference(); };
  const std::string taken_back = "that its line made were taken back";
  EXPECT_TRUE(wait_until(
      20s,
      [&] {
        return numbered ? difference().empty() : difference().find(taken_back) != std::string::npos;
      },
      numbered ? "both sides agree" : "the mistake is found", difference));
  cluster_.expect_clean_audit();  // It cannot see this.
}

INSTANTIATE_TEST_SUITE_P(Offers, PlantedOffersTest, testing::Bool(),
                         [](const auto& one) { return one.param ? "Numbered" : "NotNumbered"; });

}  // namespace
}  // namespace depot::test
