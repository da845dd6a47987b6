// The operator's page, /ops: what runs here, what it does, and how it did lately.
//
// It only reads. It is whole without a script; with one it keeps itself current. Nothing on it
// comes from elsewhere, and every value is escaped.
//
// Threads: any.
// Errors:  none.
// Source:  docs/OPERATIONS.md, "The operator's page".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "control/ops_sampler.hpp"
#include "http/server.hpp"

namespace depot::control {

std::string ops_page(const OpsState& state, WallTime now);

// The answer to a GET of /, /ops or one of its assets; nullopt for any other path.
std::optional<http::Response> ops_response(std::string_view path,
                                           const std::function<OpsState()>& state);

}  // namespace depot::control
