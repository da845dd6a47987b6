#include "control/audit_reader.hpp"

#include <algorithm>
#include <charconv>

#include "base/fatal.hpp"

namespace depot::control::audit {
namespace {

[[noreturn]] void unavailable(const std::string& what) {
  throw StartupError("audit: Redis: " + what, kExitUnavailable);
}

redisContext* connect(const std::string& url) {
  const timeval timeout{5, 0};
  if (url.starts_with("unix://")) {
    return redisConnectUnixWithTimeout(url.c_str() + 7, timeout);
  }
  const std::size_t colon = url.rfind(':');
  if (!url.starts_with("redis://") || colon < 8) unavailable("cannot read the address " + url);
  return redisConnectWithTimeout(url.substr(8, colon - 8).c_str(), std::atoi(&url[colon + 1]),
                                 timeout);
}

}  // namespace

std::string_view text_of(const redisReply* reply) {
  return reply->str == nullptr ? std::string_view() : std::string_view(reply->str, reply->len);
}

const redisReply* item_of(const redisReply* reply, std::size_t index) {
  if (index >= reply->elements) unavailable("an answer of another form than its command's");
  return reply->element[index];
}

Redis::Redis(const RedisLogin& login) : context_(connect(login.url), redisFree) {
  if (context_ == nullptr) unavailable("out of memory");
  if (context_->err != 0) unavailable(login.url + ": " + context_->errstr);
  // Redis may be busy with a batch or an AOF rewrite; a minute of silence is another matter.
  redisSetTimeout(context_.get(), timeval{60, 0});
  if (!login.user.empty()) command({"AUTH", login.user, read_secret(login.secret_file)});
}

Reply Redis::receive() {
  void* reply = nullptr;
  if (redisGetReply(context_.get(), &reply) != REDIS_OK) unavailable(context_->errstr);
  Reply owned(static_cast<redisReply*>(reply), freeReplyObject);
  if (owned->type == REDIS_REPLY_ERROR) unavailable(std::string(text_of(owned.get())));
  return owned;
}

void Redis::send(const std::vector<std::string>& arguments) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string& argument : arguments) {
    texts.push_back(argument.data());
    sizes.push_back(argument.size());
  }
  redisAppendCommandArgv(context_.get(), static_cast<int>(texts.size()), texts.data(),
                         sizes.data());
  // A failure is redisGetReply's to say.
  for (int done = 0; done == 0 && redisBufferWrite(context_.get(), &done) == REDIS_OK;) {
  }
}

Reply Redis::command(const std::vector<std::string>& arguments) {
  send(arguments);
  return receive();
}

Reply Redis::together(const std::vector<std::vector<std::string>>& commands) {
  send({"MULTI"});
  for (const auto& one : commands) send(one);
  send({"EXEC"});
  for (std::size_t i = 0; i <= commands.size(); ++i) receive();  // OK, and a QUEUED for each
  Reply reply = receive();
  if (reply->elements != commands.size()) unavailable("EXEC answered something else");
  return reply;
}

void Redis::scan(const std::string& hash,
                 const std::function<void(std::string_view, std::string_view)>& each) {
  const auto ask = [&](const std::string& cursor) {
    hash.empty() ? send({"SCAN", cursor, "COUNT", "1000"})
                 : send({"HSCAN", hash, cursor, "COUNT", "1000"});
  };
  ask("0");
  for (bool more = true; more;) {
    const Reply page = receive();
    const std::string cursor(text_of(item_of(page.get(), 0)));
    more = cursor != "0";
    if (more) ask(cursor);
    const redisReply* items = item_of(page.get(), 1);
    for (std::size_t i = 0; i < items->elements; i += hash.empty() ? 1 : 2) {
      each(text_of(items->element[i]), hash.empty() ? "" : text_of(item_of(items, i + 1)));
    }
  }
}

std::uint64_t Walk::take(std::size_t bytes) {
  if (!ok_ || rest_.size() < bytes) {
    ok_ = false;
    return 0;
  }
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    value = value << 8 | static_cast<unsigned char>(rest_[i]);
  }
  rest_.remove_prefix(bytes);
  return value;
}

std::string_view Walk::cut(std::uint64_t size) {
  if (!ok_ || rest_.size() < size) {
    ok_ = false;
    return {};
  }
  const std::string_view out = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return out;
}

std::int64_t Walk::number() {
  const auto tag = static_cast<unsigned>(take(1));
  if (tag <= 0x7f) return tag;
  if (tag >= 0xe0) return static_cast<std::int64_t>(tag) - 0x100;
  if (tag >= 0xcc && tag <= 0xcf) return static_cast<std::int64_t>(take(1U << (tag - 0xcc)));
  if (tag == 0xd0) return static_cast<std::int8_t>(take(1));
  if (tag == 0xd1) return static_cast<std::int16_t>(take(2));
  if (tag == 0xd2) return static_cast<std::int32_t>(take(4));
  if (tag == 0xd3) return static_cast<std::int64_t>(take(8));
  ok_ = false;
  return 0;
}

std::string_view Walk::text() {
  const auto tag = static_cast<unsigned>(take(1));
  if (tag >= 0xa0 && tag <= 0xbf) return cut(tag & 0x1fU);
  if (tag >= 0xd9 && tag <= 0xdb) return cut(take(1U << (tag - 0xd9)));
  if (tag >= 0xc4 && tag <= 0xc6) return cut(take(1U << (tag - 0xc4)));
  ok_ = false;
  return {};
}

std::size_t Walk::list() {
  const auto tag = static_cast<unsigned>(take(1));
  std::size_t count = 0;
  if (tag >= 0x90 && tag <= 0x9f) {
    count = tag & 0x0fU;
  } else if (tag == 0xdc || tag == 0xdd) {
    count = take(tag == 0xdc ? 2 : 4);
  } else {
    ok_ = false;
  }
  if (count > rest_.size()) ok_ = false;  // Every element has at least one byte.
  return ok_ ? count : 0;
}

std::optional<Id> to_id(std::string_view text) {
  Id id;
  if (text.size() != id.size()) return std::nullopt;
  std::copy(text.begin(), text.end(), id.begin());
  return id;
}

std::optional<Position> to_position(std::string_view stream_id) {
  Position at;
  const char* end = stream_id.data() + stream_id.size();
  const auto epoch = std::from_chars(stream_id.data(), end, at.epoch);
  if (epoch.ec != std::errc() || epoch.ptr == end || *epoch.ptr != '-') return std::nullopt;
  const auto number = std::from_chars(epoch.ptr + 1, end, at.number);
  if (number.ec != std::errc() || number.ptr != end) return std::nullopt;
  return at;
}

std::optional<Position> read_position(std::string_view row) {
  Walk walk(row);
  const Position at{walk.number(), walk.number()};
  return walk.at_end() ? std::optional(at) : std::nullopt;
}

std::optional<Entry> read_entry(std::string_view bytes) {
  Walk walk(bytes);
  Entry entry;
  if (walk.list() != 4) return std::nullopt;
  const std::int64_t kind = walk.number();
  if (kind < 0 || kind > 5) return std::nullopt;
  entry.kind = static_cast<Kind>(kind);
  walk.number();  // The time proves nothing: clocks jump.
  entry.cycle = walk.text();
  static constexpr std::size_t kWidth[] = {2, 6, 5, 7, 2, 4};
  const std::size_t width = kWidth[kind];
  const std::size_t fields = walk.list();
  if (fields % width != 0) return std::nullopt;
  for (std::size_t i = 0; i < fields && walk.ok(); i += width) {
    EntryRow row;
    if (entry.kind == Kind::epoch) {
      entry.previous = {walk.number(), walk.number()};
      continue;
    }
    if (entry.kind == Kind::cycle) {
      walk.text();
      row.quantity = walk.number();
      walk.number(), walk.number();
      entry.rows.push_back(row);
      continue;
    }
    if (entry.kind != Kind::offer) row.order = walk.text();
    if (entry.kind != Kind::state) row.sku = walk.text();
    row.quantity = walk.number();
    if (entry.kind != Kind::state) row.price = walk.number();
    if (entry.kind == Kind::offer || entry.kind == Kind::cancelled) {
      row.offered = walk.number();
      row.cut = walk.number();
    }
    if (entry.kind != Kind::state) row.available = walk.number();
    entry.rows.push_back(row);
  }
  return walk.at_end() ? std::optional(std::move(entry)) : std::nullopt;
}

std::optional<OrderRow> read_order(std::string_view bytes) {
  Walk walk(bytes);
  OrderRow row;
  if (walk.list() != 8) return std::nullopt;
  row.fingerprint = walk.text();
  row.customer = walk.text();
  walk.number();
  row.cycle = walk.text();
  row.mode = walk.number();
  for (std::size_t fields = walk.list(); fields >= 3 && walk.ok(); fields -= 3) {
    row.parts.push_back({walk.text(), {walk.number(), walk.number()}});
  }
  for (std::size_t fields = walk.list(); fields >= 4 && walk.ok(); fields -= 4) {
    const auto part = static_cast<std::size_t>(walk.number());
    if (part >= row.parts.size()) return std::nullopt;
    row.lines.push_back({part, walk.text(), walk.number(), walk.number()});
  }
  for (std::size_t fields = walk.list(); fields >= 4 && walk.ok(); fields -= 4) {
    row.refused.push_back({walk.text(), walk.number()});
    walk.number(), walk.number();
  }
  return walk.at_end() ? std::optional(std::move(row)) : std::nullopt;
}

std::uint64_t line_digest(std::string_view cycle, std::string_view sku, std::int64_t quantity,
                          std::int64_t price) {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a, then splitmix64's finish.
  const auto add = [&hash](std::string_view bytes) {
    for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
    hash = (hash ^ 0xffU) * 0x100000001b3U;
  };
  add(cycle);
  add(sku);
  add(std::to_string(quantity));
  add(std::to_string(price));
  hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9U;
  hash = (hash ^ hash >> 27) * 0x94d049bb133111ebU;
  return hash ^ hash >> 31;
}

}  // namespace depot::control::audit
