#include "control/audit_request.hpp"

#include <algorithm>

#include "base/crypto.hpp"

namespace depot::control::audit {
namespace {

__extension__ using Wide = __int128;
constexpr char kNil = '\xc0';

void put_number(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out += static_cast<char>(value >> shift & 0xff);
  }
}

// msgpack in its shortest form. REQUIRES: value >= 0.
void put(std::string& out, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  if (bits < 0x80) return put_number(out, bits, 1);
  const int power = bits <= 0xff ? 0 : bits <= 0xffff ? 1 : bits <= 0xffffffff ? 2 : 3;
  out += static_cast<char>(0xcc + power);
  put_number(out, bits, 1 << power);
}

void put(std::string& out, std::string_view text) {
  if (text.size() < 32) {
    put_number(out, 0xa0 | text.size(), 1);
  } else {
    out += '\xd9';  // An offer's id has at most 129.
    put_number(out, text.size(), 1);
  }
  out += text;
}

void put_list(std::string& out, std::size_t count) {
  if (count < 16) return put_number(out, 0x90 | count, 1);
  out += '\xdc';
  put_number(out, count, 2);
}

std::string offer_of(const OrderRow& row, const RowLine& line) {
  return std::string(row.parts[line.part].manufacturer) + ":" + std::string(line.sku);
}

}  // namespace

std::optional<Request> request_of(const OrderRow& row) {
  Request request{.mode = row.mode};
  for (const RowLine& line : row.lines) {
    request.lines.push_back({offer_of(row, line), line.quantity, line.price});
  }
  std::ranges::sort(request.lines, {}, &RequestLine::offer);
  const std::size_t sold = request.lines.size();
  for (const RowFault& fault : row.refused) {
    const auto end = request.lines.begin() + static_cast<std::ptrdiff_t>(sold);
    const auto at = std::lower_bound(
        request.lines.begin(), end, fault.offer,
        [](const RequestLine& line, std::string_view offer) { return line.offer < offer; });
    if (at == end || at->offer != fault.offer) {
      request.lines.push_back({std::string(fault.offer), fault.requested, {}});
      continue;
    }
    if (at->quantity >= fault.requested) return std::nullopt;
    at->quantity = fault.requested;
  }
  std::ranges::sort(request.lines, {}, &RequestLine::offer);
  const bool twice =
      std::ranges::adjacent_find(request.lines, {}, &RequestLine::offer) != request.lines.end();
  if (twice || (row.mode == 0 && !row.refused.empty())) return std::nullopt;
  return request;
}

Id fingerprint_of(const Request& request) {
  std::string bytes;
  put(bytes, request.mode);
  if (request.cart_version) {
    put(bytes, *request.cart_version);
    bytes += kNil;
  } else {
    bytes += kNil;
    put_list(bytes, 3 * request.lines.size());
    for (const RequestLine& line : request.lines) {
      put(bytes, line.offer);
      put(bytes, line.quantity);
      line.price ? put(bytes, *line.price) : bytes.push_back(kNil);
    }
  }
  return *to_id(blake2b(bytes, std::tuple_size_v<Id>));
}

std::uint64_t digest_of(const Request& request) {
  std::uint64_t digest = line_digest("mode", "", request.mode, 0);
  for (const RequestLine& line : request.lines) {
    digest += line_digest("asked", line.offer, line.quantity, 0);
  }
  return std::max<std::uint64_t>(digest, 1);
}

std::uint64_t receipt_digest(std::span<const RequestLine> bought, std::int64_t total) {
  std::uint64_t digest = line_digest("total", "", total, 0);
  for (const RequestLine& line : bought) {
    digest += line_digest("bought", line.offer, line.quantity, line.price.value_or(-1));
  }
  return digest;
}

std::uint64_t receipt_digest(const OrderRow& row) {
  std::vector<RequestLine> bought;
  Wide total = 0;
  for (const RowLine& line : row.lines) {
    bought.push_back({offer_of(row, line), line.quantity, line.price});
    total += Wide(line.quantity) * line.price;
  }
  return receipt_digest(bought, static_cast<std::int64_t>(total));
}

}  // namespace depot::control::audit
