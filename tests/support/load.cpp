#include "tests/support/load.hpp"

#include <algorithm>

namespace depot::test {

Load::Load(std::vector<int> ports, std::string offer, int customers, bool strict,
           std::chrono::milliseconds pause, const std::string& histories)
    : offer_(std::move(offer)), strict_(strict), pause_(pause) {
  for (int i = 0; i < customers; ++i) {
    customers_.emplace_back(ports.at(static_cast<std::size_t>(i) % ports.size()));
    histories_.emplace_back(histories.empty() ? ""
                                              : histories + "/" + std::to_string(i) + ".jsonl");
  }
  for (std::size_t i = 0; i < customers_.size(); ++i) {
    threads_.emplace_back([this, i] { buy_until_stopped(customers_[i], histories_[i]); });
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
  for (bench::History& history : histories_) history.close();
}

void Load::buy_until_stopped(Customer& customer, bench::History& history) {
  const Lines lines = {{offer_, 1}};
  const protocol::PlaceOrder asked = asked_for(lines);
  while (!stopped_) {
    const std::string key = unique("load");
    std::string why;
    const auto begin = steady_now();
    const auto note = [&](int status, const bench::Receipt* receipt,
                          std::span<const bench::ToldStock> told) {
      history.add(bench::Attempt{.client = customer.id(),
                                 .key = key,
                                 .asked = asked,
                                 .invoked = begin,
                                 .done = steady_now(),
                                 .status = status,
                                 .receipt = receipt,
                                 .told = told});
    };
    try {
      const HttpReply reply = strict_ ? customer.buy(lines, key) : customer.buy_surely(lines, key);
      if (reply.status == 201) {
        const bench::Receipt receipt = bench::receipt_of(reply.json());
        note(201, &receipt, {});
      } else {
        note(reply.status, nullptr, bench::shortages(reply.body));
      }
      if (reply.status == 201) {
        ++placed_;
        std::unique_lock lock(mutex_);
        took_.push_back(steady_now() - begin);
        stop_.wait_for(lock, pause_, [this] { return stopped_.load(); });
        continue;
      }
      why = std::to_string(reply.status) + " " + reply.body;
    } catch (const std::exception& error) {
      note(0, nullptr, {});
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
