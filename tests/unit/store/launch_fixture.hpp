// A private server that is started, ended, damaged and started again.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/fatal.hpp"
#include "store/launch.hpp"
#include "tests/unit/store/shop.hpp"

namespace depot::store::test {

namespace fs = std::filesystem;

class LaunchTest : public testing::Test {
 protected:
  Shop shop_{"always"};

  fs::path aof() const {
    for (const auto& file : fs::directory_iterator(shop_.folder() + "/appendonlydir")) {
      if (file.path().string().ends_with(".incr.aof")) return file.path();
    }
    return {};
  }
  std::string bytes() const {
    std::ifstream in(aof(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& content) const {
    std::ofstream(aof(), std::ios::binary | std::ios::trunc) << content;
  }
  std::string why_not() {
    try {
      shop_.start();
    } catch (const StartupError& error) {
      EXPECT_EQ(error.exit_code(), kExitUnavailable);
      return error.what();
    }
    return "it started";
  }
  std::size_t torn_tails() const {
    std::size_t count = 0;
    for (const auto& file : fs::directory_iterator(shop_.folder())) {
      if (file.path().filename().string().starts_with("torn-tail-")) ++count;
    }
    return count;
  }
  std::string buy(const std::string& key, std::int64_t units) {
    std::vector<protocol::OrderLine> lines;
    for (const char* offer : {"m:x", "m:y", "n:z"}) {
      lines.push_back({.offer = offer, .quantity = units, .seen_price = {}});
    }
    return shop_.place({order("anna", key, lines)})[0];
  }
  // offered = available + sold + cut, each ledger's chain, and sold is what the orders say.
  void check_books(std::int64_t sold) {
    for (const char* offer : {"m:x", "m:y", "n:z"}) {
      EXPECT_EQ(shop_.stock(offer), (std::vector<std::int64_t>{100, 50, 50, 0, sold, 0})) << offer;
    }
    for (const char* maker : {"m", "n"}) {
      const auto entries = shop_.ledger(maker);
      std::map<std::string, std::int64_t> available;
      for (const auto& entry : entries) {
        for (const auto& row : entry.rows) {
          if (entry.kind == protocol::LedgerKind::sold) {
            EXPECT_EQ(row.available_after, available[row.sku] - row.quantity);
          }
          available[row.sku] = row.available_after;
        }
      }
      for (const auto& [sku, left] : available) EXPECT_EQ(left, 50 - sold) << sku;
    }
  }
};

}  // namespace depot::store::test
