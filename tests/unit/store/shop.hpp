// The real functions in a real, private Redis, and what a test wants to say to them.
//
// Threads: one.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/config.hpp"
#include "base/log.hpp"
#include "protocol/carts.hpp"
#include "protocol/orders.hpp"
#include "protocol/sync.hpp"
#include "store/blocking.hpp"
#include "store/launch.hpp"
#include "tests/support/temp_dir.hpp"

namespace depot::store::test {

inline constexpr const char* kCycle = "2026-11";
inline constexpr std::int64_t kSessionIdle = 86'400'000;

// What place_orders_v1 is told.
struct Options {
  std::int64_t lines_max = 512;
  std::int64_t refusals_per_minute_max = 0;
  std::int64_t refusals_max = 2'000'000;
  std::int64_t units_cap = 0;
  std::int64_t feed_max = 10'000;
  bool stop_new = false;
};

// 16 characters: "anna" becomes "anna____________".
std::string id(std::string text);
protocol::Caller caller(const std::string& name);
std::string request_id(std::uint64_t number);

class Shop {
 public:
  explicit Shop(const std::string& fsync = "no");  // Tests of rules need no disk.

  void clear();  // of every key
  void reset();  // An empty data set with the cycle open.
  void start_cycle();
  void stop() { server_.reset(); }
  void start();
  int server_pid() const { return server_->pid(); }

  // A function's answer, a string; throws for an error of Redis. Each is called as the role that
  // calls it in Depot: redis() too, which does all else as the operator.
  std::string call(const std::string& function, const std::vector<std::string>& arguments);
  Value redis(const std::vector<std::string>& arguments);
  std::vector<std::string> place(const std::vector<protocol::PlaceOrder>& orders,
                                 const Options& options = {});
  std::vector<std::string> place_bodies(const std::vector<std::string>& bodies,
                                        const Options& options = {});

  void add_customer(const std::string& name, bool with_card = true);
  std::string hello(const std::string& maker, std::int64_t epoch = -1, std::int64_t number = -1);
  std::string offer(const std::string& maker, std::int64_t epoch, std::int64_t number,
                    const std::vector<protocol::OfferRow>& rows, const std::string& cycle = kCycle);
  std::string change_cart(const std::string& function, const protocol::CartChange& change);
  std::string cart(const protocol::Caller& customer);
  std::string orders(const protocol::Caller& customer, int limit,
                     std::optional<std::int64_t> before);
  std::string with_id(const std::string& function, const protocol::Caller& customer,
                      const std::string& order);

  // price, wanted, offered, cut, sold, refused
  std::vector<std::int64_t> stock(const std::string& offer);
  std::vector<protocol::LedgerEntry> ledger(const std::string& maker);
  const Config& config() const { return config_; }
  std::string folder() const { return folder_ / "redis"; }

 private:
  depot::test::TempDir folder_;
  Config config_;
  Log log_;
  std::unique_ptr<RedisServer> server_;
  std::map<RedisRole, BlockingRedis> redis_;
};

std::string body_of(const protocol::PlaceOrder& order);

// An order with its fingerprint made; `key` names it.
protocol::PlaceOrder order(const std::string& customer, const std::string& key,
                           std::vector<protocol::OrderLine> lines,
                           protocol::OrderMode mode = protocol::OrderMode::all_or_nothing);
protocol::PlaceOrder cart_order(const std::string& customer, const std::string& key,
                                std::int64_t version,
                                protocol::OrderMode mode = protocol::OrderMode::all_or_nothing);

// Answers as text, without the time: "P <fingerprint> ... ", for comparing and for messages.
std::string text_of(const std::string& answer);
std::string text_of(const protocol::OrderRow& row);
std::string text_of(const protocol::Refusal& refusal);
std::string text_of(const protocol::LedgerEntry& entry);
std::string text_of(const protocol::OrderView& view);
std::string text_of(const protocol::Cart& cart);
// "X unknown_offer m:x,m:y"
std::string problem_text(protocol::Problem problem, const std::vector<std::string>& offers = {});

}  // namespace depot::store::test
