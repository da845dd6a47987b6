// What may fail while running is returned, not thrown: Result<T> holds a value or an Error.
//
// Threads: values; no shared state.
// Errors:  few codes, told apart by what the caller does next, not by where they came from.
// Source:  docs/ARCHITECTURE.md, "Outcomes": every reply is done, no, or unknown.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace depot {

enum class ErrorCode {
  bad_input,     // What was given is wrong; the message says what and where. Do not repeat it.
  not_found,     // It is not there.
  refused,       // A limit or a rule said no, for now or for good.
  not_executed,  // Nothing happened. Say it again when the other side is well.
  unknown,       // It may have happened. Say it again with the same key or request id.
  closed,        // The peer is gone, or we are stopping.
};

struct Error {
  ErrorCode code = ErrorCode::unknown;
  std::string message;  // One line for a person: what, where, what to do.
};

template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace depot
