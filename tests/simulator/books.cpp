#include "tests/simulator/books.hpp"

#include <fmt/format.h>

#include <charconv>
#include <utility>

namespace depot::simulator {

std::string session_of(std::uint64_t http) { return fmt::format("{:016}", http); }

std::uint64_t http_of(std::string_view session) {
  std::uint64_t number = 0;
  std::from_chars(session.data(), session.data() + session.size(), number);
  return number;
}

std::uint64_t Books::ask(std::uint32_t purchase, unsigned gateway, bool reads, TimePoint now) {
  https_.push_back({.purchase = purchase, .gateway = gateway, .sent = now, .reads = reads});
  ++purchases[purchase].open;
  return https_.size();
}

void Books::on_answer(std::uint64_t number, int status) {
  Http& request = http(number);
  if (request.answered) throw Violation(fmt::format("request {} answered twice", number));
  request.answered = true;
  request.refused = status == 503;
  if (request.refused && request.effective) {
    throw Violation(fmt::format("request {} is 503, and it has happened", number));
  }
}

void Books::on_heard(std::uint64_t number, int status, std::string_view body) {
  Http& request = http(number);
  Purchase& purchase = purchases[request.purchase];
  // One that the customer had given up may be answered all the same, and not otherwise.
  if (!std::exchange(request.over, true)) --purchase.open;
  if (status == 503) ++unavailable;
  if (status == 504) ++timeouts;
  if (status == 500) ++failed;
  if (status == 0) ++lost;
  const char letter = body.empty() ? '\0' : body.front();
  if (request.reads) {
    const bool placed = purchase.definite.starts_with('P');
    const bool found = letter == 'O';
    const bool same = found && body.find(purchase.definite.substr(1)) != std::string_view::npos;
    if (found && !(placed && same)) throw Violation("an order that was never acknowledged so");
    if (placed && letter == 'X' && status == 404) throw Violation("an acknowledged order is gone");
    return;
  }
  if (letter != 'P' && letter != 'p' && letter != 'N' && letter != 'n') return;
  std::string answer(body);
  if (letter == 'p') answer.front() = 'P';
  if (letter == 'n') answer.front() = 'N';
  if (purchase.definite.empty()) {
    ++(answer.front() == 'P' ? acknowledged : refusals);
    purchase.definite = answer;
  } else if (purchase.definite != answer) {
    throw Violation(fmt::format("order {} has two different definite answers, {} and {}",
                                purchase.wish.order_id, purchase.definite.front(), answer.front()));
  } else {
    ++repeats;
  }
  if (answer.front() != 'P') return;
  const auto row = protocol::decode_order_row(std::string_view(answer).substr(1));
  if (!row || row->fingerprint != purchase.wish.fingerprint ||
      row->customer != purchase.wish.caller.customer) {
    throw Violation("an order's answer is not what was asked for: " + purchase.wish.order_id);
  }
}

void Books::on_effect(std::uint64_t number, const std::string& order, char letter) {
  Http& request = http(number);
  request.effective = true;
  if (request.refused) {
    throw Violation(fmt::format("request {} was 503, and happens all the same", number));
  }
  if (letter == 'P' && ++placed_[order] > 1) throw Violation("order " + order + " is placed twice");
}

void Books::on_written(std::uint64_t number, bool whole) const {
  if (number == 0) return;
  const Http& request = https_.at(number - 1);
  if (request.answered && whole) {
    throw Violation(fmt::format("request {} is run after it was answered without it", number));
  }
}

}  // namespace depot::simulator
