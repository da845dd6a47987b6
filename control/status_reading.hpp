// Reading a status document (cluster_status.hpp): members that may not be there, and what is wrong.
//
// Threads: any.
// Errors:  none; what is missing is null, "", 0, nullopt or an empty list.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace depot::control {

const boost::json::value& at(const boost::json::value& object, const char* key);
const boost::json::value& at(const boost::json::value&& object, const char* key) = delete;
std::string text_at(const boost::json::value& object, const char* key);
std::int64_t number_at(const boost::json::value& object, const char* key);
std::optional<double> real_at(const boost::json::value& object, const char* key);
const boost::json::array& list_at(const boost::json::value& object, const char* key);
const boost::json::array& list_at(const boost::json::value&& object, const char* key) = delete;

// What `depot status --check` and /ops say is wrong, a sentence each, with what to do.
std::vector<std::string> problems_of(const boost::json::value& status);

}  // namespace depot::control
