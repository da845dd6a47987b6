// The store function by itself: CPU time of redis-server per single-line purchase, and bytes per
// order, for batches of 64, 16 and 1, with every batch on disk before it is answered.
//
//   store_bench [orders per round] [customers] [always|everysec|no]
//
// 30 manufacturers, 1,000 products, each order by one of the customers for one product, at random
// but the same in every run.

#include <fmt/format.h>
#include <poll.h>

#include <filesystem>
#include <iostream>
#include <random>

#include "base/crypto.hpp"
#include "base/fatal.hpp"
#include "base/process.hpp"
#include "protocol/accounts.hpp"
#include "protocol/msgpack.hpp"
#include "protocol/orders.hpp"
#include "protocol/sync.hpp"
#include "store/blocking.hpp"
#include "store/launch.hpp"
#include "store/redis_client.hpp"

namespace {

using namespace depot;
namespace fs = std::filesystem;

constexpr int kMakers = 30;
constexpr int kProductsPerMaker = 34;  // 1,020 products

std::string padded(std::string_view prefix, std::uint64_t number) {
  return fmt::format("{}{:0{}}", prefix, number, 16 - prefix.size());
}

class Bench {
 public:
  Bench(const Config& config, Log& log, std::size_t customers)
      : server_(config, log),
        redis_(connect(config.redis_login(RedisRole::operate))),
        client_(config.redis_login(RedisRole::worker)),
        customers_(customers) {
    protocol::Writer(options_).array(6).integer(512).integer(0).integer(2'000'000).integer(0);
    protocol::Writer(options_).integer(10'000).integer(0);
    call({"start_cycle_v1", "0", "2026-11", "1", "99999999999999", "10000"});
    for (int maker = 0; maker < kMakers; ++maker) add_maker(fmt::format("maker-{:02}", maker));
    for (std::size_t i = 0; i < customers_; ++i) add_customer(i);
    memory_before_ = used_memory();
  }

  void round(std::size_t batch, std::size_t orders) {
    std::vector<std::vector<std::string>> batches(orders / batch);
    for (auto& bodies : batches) {
      for (std::size_t i = 0; i < batch; ++i) bodies.push_back(next_order());
    }
    run(batches, batches.size() / 10);  // Warm.
    const double before = cpu_seconds(server_.pid());
    const TimePoint start = steady_now();
    const std::size_t placed = run(batches, batches.size());
    const std::chrono::duration<double> wall = steady_now() - start;
    const double cpu = cpu_seconds(server_.pid()) - before;
    const auto count = static_cast<double>(placed);
    fmt::print("{:>6} {:>9} {:>10.2f} {:>12.0f}\n", batch, placed, cpu / count * 1e6,
               count / wall.count());
  }

  // Row, idempotency record, ledger and history.
  double bytes_per_order() {
    return static_cast<double>(used_memory() - memory_before_) / static_cast<double>(order_count_);
  }

 private:
  static store::BlockingRedis connect(const RedisLogin& login) {
    auto redis = store::BlockingRedis::connect(login);
    if (!redis) throw std::runtime_error(redis.error().message);
    return std::move(*redis);
  }

  std::string call(std::vector<std::string> command) {
    command.insert(command.begin(), "FCALL");
    const auto reply = redis_.command(command);
    if (!reply) throw std::runtime_error(reply.error().message);
    if (reply->text.empty() || reply->text[0] != 'O') throw std::runtime_error(command[1]);
    return reply->text;
  }

  void add_maker(const std::string& maker) {
    call({"hello_v1", "0", maker, maker, "1", "-1", "-1", "10000"});
    protocol::OfferRecord offer{.cycle = "2026-11", .rows = {}};
    for (int i = 0; i < kProductsPerMaker; ++i) {
      offer.rows.push_back({.sku = fmt::format("sku-{:05}", i),
                            .name = "Product",
                            .unit_price = 1'299,
                            .offered = 1'000'000'000});
      offers_.push_back(make_offer_id(maker, offer.rows.back().sku));
    }
    std::string record;
    encode(offer, record);
    call({"offer_v1", "0", maker, "1", "1", record, "10000"});
  }

  protocol::Caller caller(std::size_t index) const {
    return {.session = padded("s", index), .customer = padded("c", index)};
  }

  void add_customer(std::size_t index) {
    std::string account, card;
    encode(protocol::CreateAccount{.caller = caller(index),
                                   .email = fmt::format("{}@example.org", index),
                                   .password = "a hash",
                                   .first_name = "First",
                                   .last_name = "Last",
                                   .address = "127.0.0.1",
                                   .counted = false},
           account);
    call({"create_account_v2", "0", account, "86400000", "1209600000", "", "900000", "100",
          "86400000"});
    encode(
        protocol::PutCard{
            .caller = caller(index), .card = {"visa", "4242", 1, 2030}, .token = "token"},
        card);
    call({"put_card_v1", "0", card});
  }

  std::string next_order() {
    protocol::PlaceOrder order{.caller = caller(random_() % customers_),
                               .order_id = padded("o", ++order_count_),
                               .fingerprint = {},
                               .mode = protocol::OrderMode::all_or_nothing,
                               .cart_version = {},
                               .lines = {{.offer = offers_[random_() % offers_.size()],
                                          .quantity = static_cast<std::int64_t>(random_() % 3 + 1),
                                          .seen_price = 1'299}}};
    order.fingerprint = fingerprint_of(order);
    std::string body;
    encode(order, body);
    return body;
  }

  // The first `count` batches not sent yet, two of them under way, as a worker does it.
  std::size_t run(std::vector<std::vector<std::string>>& batches, std::size_t count) {
    std::size_t placed = 0, sent = 0;
    while (sent < count || client_.in_flight() > 0) {
      client_.tick(steady_now());
      for (; client_.connected() && sent < count && client_.in_flight() < 2; ++sent) {
        send(batches[sent], placed);
      }
      client_.flush();
      const auto write = static_cast<short>(client_.wants_write() ? POLLOUT : 0);
      pollfd wait{.fd = client_.fd(), .events = static_cast<short>(POLLIN | write), .revents = 0};
      poll(&wait, 1, 20);
      if ((wait.revents & POLLOUT) != 0) client_.on_writable(steady_now());
      if ((wait.revents & POLLIN) != 0) client_.on_readable(steady_now());
    }
    batches.erase(batches.begin(), batches.begin() + static_cast<std::ptrdiff_t>(count));
    return placed;
  }

  void send(const std::vector<std::string>& bodies, std::size_t& placed) {
    std::vector<std::string_view> command = {"FCALL", "place_orders_v1", "0", options_};
    command.insert(command.end(), bodies.begin(), bodies.end());
    client_.command(command, [&placed](const Result<store::Reply>& reply) {
      if (!reply || !reply->is_array()) throw std::runtime_error("place_orders_v1 failed");
      for (std::size_t i = 0; i < reply->size(); ++i) {
        if ((*reply)[i].text().front() != 'P') throw std::runtime_error("an order was refused");
        ++placed;
      }
    });
  }

  std::int64_t used_memory() {
    const auto info = redis_.command({"INFO", "memory"});
    return std::stoll(info->text.substr(info->text.find("used_memory:") + 12));
  }

  store::RedisServer server_;
  store::BlockingRedis redis_;
  store::RedisClient client_;
  std::size_t customers_;
  std::string options_;
  std::vector<std::string> offers_;
  std::mt19937_64 random_{7};
  std::uint64_t order_count_ = 0;
  std::int64_t memory_before_ = 0;
};

}  // namespace

int main(int argc, char** argv) try {
  const std::size_t orders = argc > 1 ? std::stoul(argv[1]) : 64'000;
  const std::size_t customers = argc > 2 ? std::stoul(argv[2]) : 2'000;
  std::string folder = (fs::temp_directory_path() / "depot-store-bench-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  Config config;
  config.runtime_dir = folder;
  config.redis.dir = folder + "/redis";
  config.redis.fsync = argc > 3 ? argv[3] : "always";
  Log log({.level = LogLevel::error, .json = false}, "store_bench");
  {
    Bench bench(config, log, customers);
    fmt::print("{:>6} {:>9} {:>10} {:>12}\n", "batch", "orders", "CPU us", "orders/s");
    for (const std::size_t batch : {64, 64, 64, 16, 1}) {
      bench.round(batch, batch == 1 ? orders / 16 : orders);
    }
    fmt::print("{:.0f} bytes of Redis' memory per order\n", bench.bytes_per_order());
  }
  fs::remove_all(folder);
  return kExitOk;
} catch (const std::exception& error) {
  return report_fatal("store_bench", error);
}
