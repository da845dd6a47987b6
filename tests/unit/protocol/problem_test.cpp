#include "protocol/problem.hpp"

#include <gtest/gtest.h>

#include <set>

#include "protocol/kinds.hpp"

namespace depot::protocol {
namespace {

TEST(ProblemTest, TableIsTheContractsClosedList) {
  std::set<std::string> rows;
  for (const ProblemRow& row : problem_table()) {
    rows.insert(std::string(row.name) + " " + std::to_string(row.http_status));
    EXPECT_EQ(&row_of(row.problem), &row);
    EXPECT_FALSE(row.title.empty());
  }
  EXPECT_EQ(rows, (std::set<std::string>{"malformed 400",
                                         "idempotency_key_missing 400",
                                         "unauthenticated 401",
                                         "card_required 402",
                                         "forbidden 403",
                                         "not_found 404",
                                         "method_not_allowed 405",
                                         "email_taken 409",
                                         "insufficient_stock 409",
                                         "price_changed 409",
                                         "offer_withdrawn 409",
                                         "limit_exceeded 409",
                                         "cart_changed 409",
                                         "cycle_closed 409",
                                         "not_cancellable 409",
                                         "too_large 413",
                                         "unsupported_media_type 415",
                                         "invalid 422",
                                         "unknown_offer 422",
                                         "too_many_lines 422",
                                         "idempotency_key_reused 422",
                                         "rate_limited 429",
                                         "headers_too_large 431",
                                         "internal 500",
                                         "unavailable 503",
                                         "timeout 504"}));
}

TEST(ProblemTest, LineProblemsHaveTheContractsNames) {
  EXPECT_EQ(name_of(LineProblem::none), "");
  EXPECT_EQ(name_of(LineProblem::withdrawn), "withdrawn");
  EXPECT_EQ(name_of(LineProblem::price_changed), "price_changed");
  EXPECT_EQ(name_of(LineProblem::limit), "limit");
  EXPECT_EQ(name_of(LineProblem::sold_out), "sold_out");
  EXPECT_EQ(name_of(LineProblem::short_), "short");
}

TEST(KindsTest, EveryKindAndStatusHasAName) {
  std::set<std::string_view> names;
  for (int kind = kRequestKindMin; kind <= kRequestKindMax; ++kind) {
    names.insert(name_of(static_cast<RequestKind>(kind)));
  }
  EXPECT_EQ(names.size(), static_cast<std::size_t>(kRequestKindMax));
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(name_of(RequestKind::place_order), "place_order");
  EXPECT_EQ(name_of(RequestKind::remove_cart_line), "remove_cart_line");
  EXPECT_EQ(name_of(RequestKind::ready), "ready");
  EXPECT_EQ(name_of(RequestKind::manufacturer_statement), "manufacturer_statement");
  EXPECT_EQ(name_of(static_cast<RequestKind>(kRequestKindMax + 1)), "");
  EXPECT_EQ(name_of(Status::poison), "poison");
  EXPECT_EQ(name_of(Status::worker_lost), "worker_lost");
  EXPECT_EQ(name_of(static_cast<Status>(11)), "");
}

}  // namespace
}  // namespace depot::protocol
