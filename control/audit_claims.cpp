// L10: each order's row holds what its request asked for, as the fingerprint says that was copied
// from the request into the row.
//
// The fingerprint is of the lines, or of the version of a cart, of which nothing says any more what
// was in it; and lines may name the price that was seen or not. So it is compared with all that it
// can be, and nothing is said where not all of that can be tried.
#include <fmt/format.h>

#include <algorithm>

#include "control/audit_books.hpp"
#include "control/audit_request.hpp"

namespace depot::control::audit {
namespace {

constexpr std::size_t kPerCommand = 500;
constexpr std::int64_t kVersionsMax = 1'000'000;  // 100 MB
constexpr std::size_t kPricedLinesMax = 10;       // 2^10 combinations

// What requests that buy a cart have for fingerprints, computed as far as asked for.
class CartRequests {
 public:
  // Whether it is of one of the versions up to this one.
  bool has(const Id& fingerprint, bool in_part, std::int64_t version_max) {
    for (; next_ <= std::min(version_max, kVersionsMax); ++next_) {
      for (const bool part : {false, true}) {
        made_[fingerprint_of({.mode = part, .cart_version = next_})] = {next_, part};
      }
    }
    const auto found = made_.find(fingerprint);
    return found != made_.end() && found->second.in_part == in_part &&
           found->second.version <= version_max;
  }

 private:
  struct Made {
    std::int64_t version = 0;
    bool in_part = false;
  };
  boost::unordered_map<Id, Made, IdHash> made_;
  std::int64_t next_ = 0;
};

// Whether the request has this fingerprint with some prices named; nullopt where not all that it
// may have been can be tried.
std::optional<bool> has_with_prices(const Request& request, const Id& fingerprint) {
  const std::size_t count = request.lines.size();
  if (count > kPricedLinesMax) return std::nullopt;
  for (std::uint32_t named = 0; named < 1U << count; ++named) {
    Request one = request;
    for (std::size_t i = 0; i < count; ++i) {
      if ((named >> i & 1U) == 0) one.lines[i].price.reset();
    }
    if (fingerprint_of(one) == fingerprint) return true;
  }
  const bool all = std::ranges::all_of(
      request.lines, [](const RequestLine& line) { return line.price.has_value(); });
  return all ? std::optional(false) : std::nullopt;  // A price that nothing was sold at is unknown.
}

// Of these customers, how often each cart has changed; none where the account is gone.
boost::unordered_map<Id, std::int64_t, IdHash> read_versions(const std::vector<Id>& customers,
                                                             Redis& redis) {
  boost::unordered_map<Id, std::int64_t, IdHash> versions;
  for (std::size_t at = 0; at < customers.size(); at += kPerCommand) {
    const std::size_t end = std::min(at + kPerCommand, customers.size());
    std::vector<std::string> command = {"MGET"};
    for (std::size_t i = at; i < end; ++i) {
      command.push_back(fmt::format("cart:{{s0}}:{}", view(customers[i])));
    }
    const Reply carts = redis.command(command);
    for (std::size_t i = at; i < end; ++i) {
      const redisReply* cart = item_of(carts.get(), i - at);
      if (cart->type != REDIS_REPLY_STRING) continue;
      Walk walk(text_of(cart));
      walk.list();
      versions[customers[i]] = walk.number();
    }
  }
  if (versions.size() == customers.size()) return versions;
  // Later than the carts, with which an account goes: who is there now never had one before.
  redis.scan("buyer:{s0}", [&](std::string_view customer, std::string_view) {
    const auto id = to_id(customer);
    if (id && std::ranges::binary_search(customers, *id)) versions.try_emplace(*id, -1);
  });
  return versions;
}

std::string lines_text(const Request& request) {
  std::string out;
  for (const RequestLine& line : request.lines) {
    out += fmt::format(" {} x {}", line.quantity, line.offer);
  }
  return out;
}

}  // namespace

void judge_requests(const Books& books, Redis& redis, AuditResult& result) {
  std::vector<std::pair<Id, const Placed*>> open;
  std::vector<Id> customers;
  for (const auto& [id, record] : books.orders) {
    if (!record.placed || record.placed->proof == Proof::by_lines) continue;
    if (record.placed->proof == Proof::impossible) {
      result.add("L10", Harm::other, "order {}: its row is of no request", view(id));
      continue;
    }
    open.emplace_back(id, &*record.placed);
    customers.push_back(record.placed->customer);
  }
  std::ranges::sort(customers);
  customers.erase(std::unique(customers.begin(), customers.end()), customers.end());
  const auto versions = read_versions(customers, redis);
  CartRequests carts;
  for (const auto& [id, placed] : open) {
    const auto version = versions.find(placed->customer);
    if (version == versions.end() || version->second > kVersionsMax) {
      ++result.undecided;
      continue;
    }
    if (carts.has(placed->fingerprint, placed->in_part, version->second)) continue;
    const Reply row = redis.command({"GET", fmt::format("order:{{s0}}:{}", view(id))});
    const auto order = read_order(text_of(row.get()));
    const auto request = order ? request_of(*order) : std::nullopt;
    const auto found = request ? has_with_prices(*request, placed->fingerprint) : std::nullopt;
    result.undecided += !found;
    if (found.value_or(true)) continue;
    result.add("L10", Harm::other, "order {}: asked for something else than{}", view(id),
               lines_text(*request));
  }
}

}  // namespace depot::control::audit
