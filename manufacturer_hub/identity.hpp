// What the key of a peer lets it be and see (messaging/security.hpp). Where none is asked for, over
// ipc, its name is "" and it may all.
//
// Threads: any.
#pragma once

#include <string_view>

#include "messaging/security.hpp"
#include "protocol/sync.hpp"

namespace depot::manufacturer_hub {

// "tea-co" of the key "manufacturer-tea-co"; "" of another role's.
inline std::string_view manufacturer_of_key(std::string_view user) {
  constexpr std::string_view kRole = "manufacturer-";
  return user.starts_with(kRole) ? user.substr(kRole.size()) : "";
}

// Whether the key is that manufacturer's; a key that names none is nobody's.
inline bool is_key_of(std::string_view user, std::string_view manufacturer) {
  return !manufacturer.empty() && manufacturer_of_key(user) == manufacturer;
}

inline bool may_say_hello(std::string_view user, const protocol::SyncHello& hello) {
  if (user.empty()) return true;
  return hello.manufacturer ? is_key_of(user, hello.id) : messaging::role_of(user) == "gateway";
}

// In the name of that manufacturer.
inline bool may_publish(std::string_view user, std::string_view manufacturer) {
  return user.empty() || is_key_of(user, manufacturer);
}

// A gateway sees all; a manufacturer its own heads and the cycle, and so not how others sell.
inline bool may_subscribe(std::string_view user, std::string_view topic) {
  if (user.empty() || messaging::role_of(user) == "gateway") return true;
  const std::string_view own = manufacturer_of_key(user);
  if (own.empty()) return false;
  constexpr std::string_view kHead = "head/";
  return topic == "cycle/" ||
         (topic.starts_with(kHead) && topic.substr(kHead.size()).starts_with(own) &&
          topic.substr(kHead.size() + own.size()) == "/");
}

}  // namespace depot::manufacturer_hub
