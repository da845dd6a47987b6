// What the hub asks of Redis, and how it reads the answers.
//
// Threads: any; the views in what is read are good as long as the reply.
// Errors:  Result: refused for a function's verdict, not_executed where it comes by itself later.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "manufacturer_hub/feed.hpp"
#include "manufacturer_hub/hub.hpp"
#include "protocol/msgpack.hpp"
#include "store/redis_client.hpp"

namespace depot::manufacturer_hub {

// The row behind the 'O' of a function's answer, or why there is none.
Result<std::string_view> row_of(const Result<store::Reply>& reply);
using Row = std::function<void(const Result<std::string_view>&)>;
void call(store::RedisClient& redis, std::initializer_list<std::string_view> arguments, Row row);

// Entries of XRANGE, or of the one stream of XREAD.
std::vector<FeedEntry> feed_entries(const store::Reply& entries);
std::vector<LedgerLine> ledger_lines(const store::Reply& entries);

// What `read` makes of a plain array; an error reply is an error.
template <typename Read>
auto read_array(const Result<store::Reply>& reply, Read read) -> Result<decltype(read(*reply))> {
  if (!reply) return tl::unexpected(reply.error());
  if (!reply->is_error()) return read(*reply);
  return fail(store::classify_error(reply->text()), std::string(reply->text()));
}

// What `read` makes of the values in a function's row; it fails where they are not as expected.
template <typename Value, typename Read>
Result<Value> read_row(const Result<std::string_view>& row, Read read) {
  if (!row) return tl::unexpected(row.error());
  protocol::Reader in(*row);
  in.array();
  Value value = read(in);
  if (in.ok()) return value;
  return fail(ErrorCode::unknown, "an answer that cannot be read");
}

}  // namespace depot::manufacturer_hub
