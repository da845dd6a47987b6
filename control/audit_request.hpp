// What a request for an order asked for: out of its row, where what was sold and what was refused
// add up to it, and out of a client's history. And the fingerprint that such a request has, by code
// of its own.
//
// Threads: any.
// Errors:  a row that no request can have led to is nullopt.
// Source:  protocol/orders.hpp; docs/PROTOCOL.md, "Bodies".
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/audit_reader.hpp"

namespace depot::control::audit {

struct RequestLine {
  std::string offer;
  std::int64_t quantity = 0;
  std::optional<std::int64_t> price = {};  // the one seen, of a request; the one sold at, of a row
};
struct Request {
  std::int64_t mode = 0;  // 1: as much as is available
  std::optional<std::int64_t> cart_version = {};
  std::vector<RequestLine> lines = {};  // of a row: sorted by offer
};

std::optional<Request> request_of(const OrderRow& row);
Id fingerprint_of(const Request& request);  // REQUIRES: sorted lines where there is no cart_version
// In 8 bytes: mode, offers and quantities, in any order; never 0.
std::uint64_t digest_of(const Request& request);
// Of what a 201 says was bought, or of what a row says it must say.
std::uint64_t receipt_digest(std::span<const RequestLine> bought, std::int64_t total);
std::uint64_t receipt_digest(const OrderRow& row);

}  // namespace depot::control::audit
