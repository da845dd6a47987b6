// RFC 9457 answers: application/problem+json from the closed table of protocol/problem.hpp.
//
// Threads: values.
#pragma once

#include <string>
#include <string_view>

#include "http/server.hpp"
#include "protocol/problem.hpp"

namespace depot::http {

// {"type": "/problems/<name>", "title": ..., "status": ..., "detail": ...<extra>}
// `extra`: further members as JSON text, each with its comma in front (", \"items\": [...]"), or
// "".
Response problem_response(protocol::Problem problem, std::string_view detail,
                          std::string_view extra = "");

// Retry-After in whole seconds, jittered: at least 1, at most 3.
void add_retry_after(Response& response);

// `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string_view text, std::string& out);

}  // namespace depot::http
