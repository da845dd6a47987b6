#include "tests/support/load.hpp"

#include <algorithm>

namespace depot::test {

Load::Load(std::vector<int> ports, std::string offer, int customers, bool strict,
           std::chrono::milliseconds pause)
    : offer_(std::move(offer)), strict_(strict), pause_(pause) {
  for (int i = 0; i < customers; ++i) {
    customers_.emplace_back(ports.at(static_cast<std::size_t>(i) % ports.size()));
  }
  for (Customer& customer : customers_) {
    threads_.emplace_back([this, &customer] { buy_until_stopped(customer); });
  }
}

Load::~Load() { stop(); }

void Load::stop() {
  {
    std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  stop_.notify_all();
  threads_.clear();  // joins
}

void Load::buy_until_stopped(Customer& customer) {
  while (!stopped_) {
    const std::string key = unique("load");
    std::string why;
    const auto begin = std::chrono::steady_clock::now();
    try {
      const HttpReply reply =
          strict_ ? customer.buy({{offer_, 1}}, key) : customer.buy_surely({{offer_, 1}}, key);
      if (reply.status == 201) {
        ++placed_;
        std::unique_lock lock(mutex_);
        took_.push_back(std::chrono::steady_clock::now() - begin);
        stop_.wait_for(lock, pause_, [this] { return stopped_.load(); });
        continue;
      }
      why = std::to_string(reply.status) + " " + reply.body;
    } catch (const std::exception& error) {
      why = error.what();
    }
    std::lock_guard lock(mutex_);
    if (failures_.size() < 10) failures_.push_back(std::string(key).append(": ").append(why));
  }
}

std::vector<std::string> Load::failures() const {
  std::lock_guard lock(mutex_);
  return failures_;
}

std::vector<std::chrono::steady_clock::duration> Load::took() const {
  std::lock_guard lock(mutex_);
  auto ascending = took_;
  std::ranges::sort(ascending);
  return ascending;
}

int Load::remembered() {
  std::size_t count = 0;
  for (Customer& customer : customers_) count += customer.orders().size();
  return static_cast<int>(count);
}

}  // namespace depot::test
