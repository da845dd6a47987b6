// What the audit decides from sorted books: orders against sales, and clients' histories against
// both.
//
// Threads: one.
#pragma once

#include <string>
#include <vector>

#include "control/audit_books.hpp"

namespace depot::control::audit {

// L5 to L8 for every order that any record names; the ids of those that look wrong, sorted. `redis`
// is asked only to explain. REQUIRES: books.sort().
std::vector<Id> judge_orders(const Books& books, Redis& redis, AuditResult& result);

// H1 to H3 from the *.jsonl files in `folder`. REQUIRES: books.sort().
void judge_histories(const std::string& folder, const Books& books, AuditResult& result);

}  // namespace depot::control::audit
