#include "tests/unit/audit/shop.hpp"

#include <filesystem>
#include <stdexcept>
#include <thread>

#include "base/fatal.hpp"

namespace depot::control::audit {

std::string id(std::string text) {
  text.resize(16, '-');
  return text;
}

std::string pack_integer(std::int64_t value) {  // int 64, the widest form: the walk must take any
  std::string out(1, '\xd3');
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

std::string pack(std::string_view value) {
  return std::string{'\xd9', static_cast<char>(value.size())} + std::string(value);
}

std::string pack_array(const std::vector<std::string>& packed) {
  std::string out{'\xdc', static_cast<char>(packed.size() >> 8),
                  static_cast<char>(packed.size() & 0xff)};
  for (const std::string& one : packed) out += one;
  return out;
}

Shop::Shop() {
  std::string name = "/tmp/dt-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
  folder_ = name;
  const std::string socket = folder_ + "/redis.sock";
  server_ = Process::start({.arguments = {"redis-server", "--port", "0", "--unixsocket", socket,
                                          "--dir", folder_, "--save", "", "--appendonly", "no"},
                            .environment = {},
                            .output_path = folder_ + "/redis.log"});
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!redis_) {
    try {
      redis_.emplace(RedisLogin{"unix://" + socket});
    } catch (const StartupError&) {
      if (std::chrono::steady_clock::now() > deadline) throw;
      std::this_thread::yield();
    }
  }
}

Shop::~Shop() {
  server_.reset();
  std::filesystem::remove_all(folder_);
}

AuditResult Shop::audit(const std::string& histories, const std::string& agents) const {
  return run(RedisLogin{"unix://" + folder_ + "/redis.sock"},
             {.histories = histories, .agents = agents});
}

void Shop::append(const std::string& maker, std::int64_t kind,
                  const std::vector<std::string>& fields) {
  if (!next_.contains(maker)) {
    next_[maker] = 0;
    append(maker, 0, {pack(0), pack(0)});
  }
  const std::string stream_id = "1-" + std::to_string(next_[maker]);
  const std::string entry =
      pack_array({pack(kind), pack(1'700'000'000'000), pack(kCycle), pack_array(fields)});
  redis({"XADD", "ledger:{s0}:" + maker, stream_id, "e", entry});
  redis({"HSET", "heads:{s0}", maker, packed(std::int64_t{1}, next_[maker])});
  ++next_[maker];
}

void Shop::write_stock(const std::string& offer) {
  std::string row;
  for (const std::int64_t counter : stock_[offer].counters) row += pack(counter);
  redis({"HSET", std::string("stock:{s0}:") + kCycle, offer, row});
}

void Shop::Stock::restate() {
  const std::int64_t target = std::max(counters[1], counters[4]);
  const std::int64_t net = counters[2] - counters[3];
  counters[target > net ? 2 : 3] += std::abs(target - net);
}

void Shop::bend(const std::string& offer, std::size_t counter, std::int64_t by) {
  stock_[offer].counters[counter] += by;
  write_stock(offer);
}

void Shop::offer(const std::string& maker, const std::string& sku, std::int64_t price,
                 std::int64_t wanted) {
  Stock& stock = stock_[maker + ":" + sku];
  stock.counters[0] = price;
  stock.counters[1] = wanted;
  stock.restate();
  write_stock(maker + ":" + sku);
  append(maker, 1,
         {pack(sku), pack(wanted), pack(price), pack(stock.counters[2]), pack(stock.counters[3]),
          pack(stock.available())});
}

void Shop::sell(const std::string& order, const std::string& customer,
                const std::vector<Line>& lines, const Wish& wish) {
  redis({"MULTI"});  // As a function's effects are: together.
  Order& kept = orders_[order] = {customer, lines, wish, {}};
  std::map<std::string, std::vector<std::string>> entries;
  for (const Line& line : lines) {
    Stock& stock = stock_[line.maker + ":" + line.sku];
    stock.counters[4] += line.quantity;
    write_stock(line.maker + ":" + line.sku);
    for (const std::string& field : {pack(id(order)), pack(line.sku), pack(line.quantity),
                                     pack(stock.counters[0]), pack(stock.available())}) {
      entries[line.maker].push_back(field);
    }
  }
  for (const auto& [maker, fields] : entries) {
    kept.parts.push_back({maker, next_[maker]});
    append(maker, 2, fields);
  }
  redis({"SET", "order:{s0}:" + id(order), order_row(order, 0, 0)});
  redis({"APPEND", "orders:{s0}:" + id(customer), id(order)});
  redis({"EXEC"});
}

std::string Shop::order_row(const std::string& order, std::int64_t price_change,
                            std::int64_t number_change) const {
  const Order& kept = orders_.at(order);
  std::vector<std::string> parts, lines, refused;
  for (const Part& part : kept.parts) {
    for (const std::string& field :
         {pack(part.maker), pack(1), pack(part.number + number_change)}) {
      parts.push_back(field);
    }
  }
  for (const Line& line : kept.lines) {
    std::int64_t part = 0;
    while (kept.parts[static_cast<std::size_t>(part)].maker != line.maker) ++part;
    const std::int64_t price = stock_.at(line.maker + ":" + line.sku).counters[0];
    for (const std::string& field :
         {pack(part), pack(line.sku), pack(line.quantity), pack(price + price_change)}) {
      lines.push_back(field);
    }
  }
  for (const Line& line : kept.wish.refused) {
    for (const std::string& field :
         {pack(line.maker + ":" + line.sku), pack(line.quantity), pack(0), pack(5)}) {
      refused.push_back(field);
    }
  }
  return pack_array({pack(kept.wish.fingerprint), pack(id(kept.customer)), pack(1'700'000'000'000),
                     pack(kCycle), pack(refused.empty() ? 0 : 1), pack_array(parts),
                     pack_array(lines), pack_array(refused)});
}

void Shop::cancel(const std::string& order) {
  redis({"MULTI"});
  const Order& kept = orders_.at(order);
  std::vector<std::string> statuses;
  for (const Part& part : kept.parts) {
    std::vector<std::string> fields;
    for (const Line& line : kept.lines) {
      if (line.maker != part.maker) continue;
      Stock& stock = stock_[line.maker + ":" + line.sku];
      stock.counters[4] -= line.quantity;
      stock.restate();
      write_stock(line.maker + ":" + line.sku);
      for (const std::string& field :
           {pack(id(order)), pack(line.sku), pack(line.quantity), pack(stock.counters[0]),
            pack(stock.counters[2]), pack(stock.counters[3]), pack(stock.available())}) {
        fields.push_back(field);
      }
    }
    append(part.maker, 3, fields);
    statuses.push_back(pack(4));
  }
  redis({"SET", "orderstate:{s0}:" + id(order), pack_array(statuses)});
  redis({"EXEC"});
}

void Shop::refuse(const std::string& order) {
  redis({"HSET", "refused:{s0}:20000", id(order), kFingerprint + packed(std::int64_t{9})});
}

}  // namespace depot::control::audit
