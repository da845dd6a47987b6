#include "manufacturer/asks.hpp"

#include <utility>

namespace depot::manufacturer {

constexpr Duration kAskAgain = std::chrono::seconds(1);

bool Asks::ask(std::string body, Done done) {
  if (under_way_.size() >= kAsksMax) return false;
  under_way_[++newest_] = {.body = std::move(body), .done = std::move(done), .answer = {}};
  return true;
}

void Asks::on_tick(
    TimePoint now,
    const std::function<void(const messaging::SyncHeader&, std::string_view)>& send) {
  for (auto& [ticket, ask] : under_way_) {
    if (now < ask.due) continue;
    ask.due = now + kAskAgain;
    send({.type = messaging::SyncType::ask, .from = ticket}, ask.body);
  }
}

void Asks::on_answer(std::size_t hub, const messaging::SyncHeader& header, std::string_view piece) {
  const auto found = under_way_.find(header.from);
  if (found == under_way_.end()) return;
  Ask& ask = found->second;
  if (header.flags == 0) {
    ask.answer.clear();
    ask.pieces = 0;
    ask.hub = hub;
  }
  const bool follows = hub == ask.hub && header.flags == ask.pieces && header.flags < header.to;
  if (!follows || ask.answer.size() + piece.size() > kAnswerBytesMax) return;
  ask.answer += piece;
  if (++ask.pieces < header.to) return;
  const Ask done = std::move(ask);
  under_way_.erase(found);  // First: what is done with the answer may ask more.
  done.done(done.answer);
}

}  // namespace depot::manufacturer
