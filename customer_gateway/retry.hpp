// Decides what becomes of a request after each answer of the back end: only the gateway retries.
//
// 503 promises that nothing happened. Once an attempt may have happened (its worker died, or lost
// Redis with the call under way), refusals no longer say so, and only an answer to the same request
// id or the deadline (504) can end it.
//
// Threads: values; pure.
// Source:  docs/PROTOCOL.md, "Requests"; docs/ARCHITECTURE.md, "Outcomes".
#pragma once

#include <cstdint>
#include <string_view>

#include "base/clock.hpp"
#include "protocol/kinds.hpp"

namespace depot::customer_gateway {

// What one request has been through.
struct Attempts {
  int sent = 0;          // attempts that count
  int losses = 0;        // workers that died with it
  int waits = 0;         // refusals waited out since it became unknown
  bool unknown = false;  // an attempt may have happened
  bool alone = false;    // sent in a batch of its own: it may be what kills workers
};

enum class Next {
  deliver,      // the body is the answer
  resend,       // at once, on any balancer
  elsewhere,    // at once, on another balancer
  wait,         // after back_off(), while there is time (then 504)
  unavailable,  // 503: nothing happened
  timeout,      // 504: not known
  internal,     // 500: it killed workers, or broke the protocol
};

// REQUIRES: `attempts` counts the attempt that `status` answers.
// `definite`: see is_definite(); it says nothing where `status` is not `refused`.
Next next_step(Attempts& attempts, protocol::Status status, bool definite, bool other_balancer,
               int attempts_max);

// Whether a refusal holds for every attempt. One that was not recorded says only what became of its
// own: "unavailable" does not deny what an earlier attempt did, and "no card" not the order that an
// earlier attempt may have placed or may still place.
bool is_definite(protocol::RequestKind kind, std::string_view refusal);

// 20 ms doubling to 320 ms, each taken at 50 to 100 per cent.
Duration back_off(int waits, std::uint64_t random);

}  // namespace depot::customer_gateway
