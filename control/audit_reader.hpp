// The audit's own eyes: a blocking Redis connection, a msgpack walk, and the rows of docs/STORE.md.
//
// Deliberately a second implementation, independent of store/ and protocol/: a mistake in one of
// them must not hide itself here.
//
// Threads: one.
// Errors:  StartupError (exit 69) where Redis cannot be asked; a malformed row is nullopt.
// Source:  docs/STORE.md; github.com/msgpack/msgpack/blob/master/spec.md
#pragma once

#include <hiredis/hiredis.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/redis_login.hpp"

namespace depot::control::audit {

using Reply = std::unique_ptr<redisReply, void (*)(void*)>;
std::string_view text_of(const redisReply* reply);  // "" for nil
// Of an array; StartupError where Redis answered something else.
const redisReply* item_of(const redisReply* reply, std::size_t index);

class Redis {
 public:
  explicit Redis(const RedisLogin& login);
  Reply command(const std::vector<std::string>& arguments);
  // The same in two steps, so that Redis works meanwhile; answers come in the order sent.
  void send(const std::vector<std::string>& arguments);
  Reply receive();
  // EXEC's reply: an array with the commands' replies, of one moment.
  Reply together(const std::vector<std::vector<std::string>>& commands);
  // Calls `each` with field and value of a hash, or, for "", with every key and ""; some may come
  // twice.
  void scan(const std::string& hash,
            const std::function<void(std::string_view, std::string_view)>& each);

 private:
  std::unique_ptr<redisContext, void (*)(redisContext*)> context_;
};

// Reads values one behind the other; after the first mismatch it is !ok() and returns zeros.
class Walk {
 public:
  explicit Walk(std::string_view bytes) : rest_(bytes) {}
  std::int64_t number();
  std::string_view text();
  std::size_t list();
  bool at_end() const { return ok_ && rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
  std::uint64_t take(std::size_t bytes);  // big-endian
  std::string_view cut(std::uint64_t size);
};

// An order or customer id as it is written: 16 characters.
using Id = std::array<char, 16>;
std::optional<Id> to_id(std::string_view text);
inline std::string_view view(const Id& id) { return {id.data(), id.size()}; }

struct Position {
  std::int64_t epoch = 0, number = 0;
  auto operator<=>(const Position&) const = default;
  std::string text() const { return std::to_string(epoch) + "-" + std::to_string(number); }
};
std::optional<Position> to_position(std::string_view stream_id);  // "3-17"
std::optional<Position> read_position(std::string_view row);      // a heads or accepted row

enum class Kind { epoch = 0, offer = 1, sold = 2, cancelled = 3, state = 4, cycle = 5 };

struct EntryRow {
  std::string_view order, sku;
  std::int64_t quantity = 0, price = 0;  // quantity: `wanted` of an offer, status
  std::int64_t offered = 0, cut = 0, available = 0;
};
struct Entry {  // views into the bytes given
  Kind kind = Kind::epoch;
  std::string_view cycle;
  std::vector<EntryRow> rows;
  Position previous;  // of kind epoch
};
std::optional<Entry> read_entry(std::string_view bytes);

struct RowPart {
  std::string_view manufacturer;
  Position sold_at;
};
struct RowLine {
  std::size_t part = 0;
  std::string_view sku;
  std::int64_t quantity = 0, price = 0;
};
struct RowFault {  // of a part-filled order: a line of which less was sold, or nothing
  std::string_view offer;
  std::int64_t requested = 0;
};
struct OrderRow {  // views into the bytes given
  std::string_view fingerprint, customer, cycle;
  std::int64_t mode = 0;
  std::vector<RowPart> parts;
  std::vector<RowLine> lines;
  std::vector<RowFault> refused;
};
std::optional<OrderRow> read_order(std::string_view bytes);

// One line's share of a part's digest; a part's digest is the sum over its lines, whatever their
// order, so that a sale and an order row compare in 8 bytes.
std::uint64_t line_digest(std::string_view cycle, std::string_view sku, std::int64_t quantity,
                          std::int64_t price);

}  // namespace depot::control::audit
