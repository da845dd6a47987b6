#include "tests/simulator/store_client.hpp"

#include <utility>

namespace depot::simulator {

void StoreClient::command(Run run, Failed failed, std::function<void()> written) {
  if (!connected()) return failed(ErrorCode::not_executed);
  pending_.push_back({std::move(run), std::move(failed), std::move(written)});
}

void StoreClient::flush() {
  while (connected() && wants_write() && written_ < kSocketCommands) {
    const std::uint32_t connection = dealer_.connection();
    if (pending_[written_].written) pending_[written_].written();
    dealer_.send([this, connection, run = pending_[written_].run] {
      run([this, connection](const Reply& reply) {
        net_.send(connection, true, [this, connection, reply] { on_reply(connection, reply); });
      });
    });
    ++written_;
  }
}

void StoreClient::on_reply(std::uint32_t connection, const Reply& reply) {
  if (connection != dealer_.connection()) return;
  pending_.pop_front();
  --written_;
  progress_ = TimePoint{};
  reply();
}

void StoreClient::tick(TimePoint now) {
  dealer_.tick(now);
  if (pending_.empty() || progress_ == TimePoint{}) progress_ = now;
  if (now - progress_ > kReplyTimeout) disconnect();
}

void StoreClient::disconnect() {
  dealer_.reopen();
  fail_all();
}

void StoreClient::on_closed(std::uint32_t connection) {
  if (dealer_.on_closed(connection)) fail_all();
}

void StoreClient::fail_all() {
  const std::size_t written = std::exchange(written_, 0);
  const std::deque<Pending> lost = std::exchange(pending_, {});
  for (std::size_t i = 0; i < lost.size(); ++i) {
    lost[i].failed(i < written ? ErrorCode::unknown : ErrorCode::not_executed);
  }
}

void StoreClient::forget() {
  dealer_.reopen();
  pending_.clear();
  written_ = 0;
}

}  // namespace depot::simulator
