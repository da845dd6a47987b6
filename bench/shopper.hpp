// One of a shop's customers: comes, looks around, fills the cart, buys or leaves, comes again.
//
// Threads: its shop's.
// Errors:  none; a visit that gets no answer is counted as failed, and ends.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <optional>
#include <string>

#include "bench/shop.hpp"

namespace depot::bench {

class Visitor {
 public:
  Visitor(Shop& shop, std::size_t number);
  boost::asio::awaitable<void> come_and_go();  // until the shop closes
  void hurry() { timer_.cancel(); }            // It closes.

 private:
  struct Reply {
    int status = 0;  // 0: none that is of use
    boost::json::value body = {};
  };
  // REQUIRES: no ?: among the arguments that makes a string: g++ 12 moves that bytewise into a
  // coroutine's frame.
  boost::asio::awaitable<Reply> ask(const char* method, std::string target, std::string body = "");
  boost::asio::awaitable<void> visit();
  boost::asio::awaitable<void> sign_in();
  boost::asio::awaitable<void> browse();
  boost::asio::awaitable<void> fill_cart();
  boost::asio::awaitable<void> want(Good good);
  boost::asio::awaitable<bool> add(const Good& good, std::int64_t quantity);
  boost::asio::awaitable<void> change_cart();
  boost::asio::awaitable<void> look_at_cart();
  boost::asio::awaitable<void> mend_cart();
  boost::asio::awaitable<bool> check_out();  // whether that was the end of it
  boost::asio::awaitable<void> cancel();
  boost::asio::awaitable<void> think();

  const Good& draw();  // REQUIRES: there are goods. Valid until the next co_await.
  std::optional<Good> alternative_to(const Good& good) const;
  boost::json::array lines() const;  // of the cart

  Shop& shop_;
  const std::size_t number_;
  Dice dice_;
  Callers caller_;
  boost::asio::steady_timer timer_;
  Shopper shopper_;
  bool signed_in_ = true;
  boost::json::value cart_;  // as it was last answered
  std::string bought_;       // an order that may yet be cancelled
  std::uint64_t purchases_ = 0;
};

}  // namespace depot::bench
