#include "manufacturer_hub/store_answers.hpp"

#include <charconv>
#include <tuple>

#include "protocol/orders.hpp"

namespace depot::manufacturer_hub {

using store::Reply;

namespace {

// "3-17" -> 3, 17.
std::pair<std::uint64_t, std::uint64_t> stream_id(std::string_view id) {
  std::pair<std::uint64_t, std::uint64_t> parts{};
  const auto epoch = std::from_chars(id.data(), id.data() + id.size(), parts.first);
  if (epoch.ptr != id.data() + id.size()) {
    std::from_chars(epoch.ptr + 1, id.data() + id.size(), parts.second);
  }
  return parts;
}

}  // namespace

Result<std::string_view> row_of(const Result<Reply>& reply) {
  if (!reply) return tl::unexpected(reply.error());
  const std::string_view answer = reply->text();
  if (reply->is_error()) return fail(store::classify_error(answer), std::string(answer));
  if (answer.starts_with('O')) return answer.substr(1);
  const std::optional<protocol::ProblemReply> problem = protocol::decode_problem(answer);
  if (!problem) return fail(ErrorCode::unknown, "an answer that cannot be read");
  // What is not there yet comes by itself; anything else is for good.
  const bool later = problem->problem == protocol::Problem::unavailable;
  const std::string_view why =
      problem->detail.empty() ? row_of(problem->problem).title : std::string_view(problem->detail);
  return fail(later ? ErrorCode::not_executed : ErrorCode::refused, std::string(why));
}

void call(store::RedisClient& redis, std::initializer_list<std::string_view> arguments, Row row) {
  const std::span list(arguments.begin(), arguments.size());
  redis.command(list, [row = std::move(row)](const Result<Reply>& reply) { row(row_of(reply)); });
}

std::vector<FeedEntry> feed_entries(const Reply& entries) {
  std::vector<FeedEntry> feed(entries.size());
  for (std::size_t i = 0; i < feed.size(); ++i) {
    feed[i].number = stream_id(entries[i][0].text()).second;
    const Reply fields = entries[i][1];
    for (std::size_t k = 0; k + 1 < fields.size(); k += 2) {
      feed[i].fields.emplace_back(fields[k].text(), fields[k + 1].text());
    }
  }
  return feed;
}

std::vector<LedgerLine> ledger_lines(const Reply& entries) {
  std::vector<LedgerLine> lines(entries.size());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::tie(lines[i].epoch, lines[i].number) = stream_id(entries[i][0].text());
    lines[i].entry = entries[i][1][1].text();
  }
  return lines;
}

}  // namespace depot::manufacturer_hub
