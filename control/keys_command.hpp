// `depot keys new|list|revoke`: the CURVE keys of tcp endpoints, in keys_dir. `depot redis-users`.
//
// NAME.key holds both halves, and belongs to the one process that is called NAME; NAME.pub the
// public half, which everybody may have. Who binds an endpoint lets in those whose .pub lies in its
// own keys_dir, and follows the folder: a removed one is out within a second.
//
// Threads: any.
// Errors:  StartupError: exit 1 where there is such a key already, or none; 78 for a bad file.
// Source:  docs/OPERATIONS.md, "Several machines".
#pragma once

#include <string>

#include "base/config.hpp"

namespace depot::control {

struct KeysOptions {
  std::string name;
  bool json = false;
};
inline constexpr const char* kKeyNames =
    "must be gateway-, worker-, balancer- or hub- with a number, or manufacturer- with its id";
bool is_key_name(std::string_view name);

// Writes NAME.key and NAME.pub; the path of the former.
std::string make_key(const Config& config, const std::string& name);

// Each returns the command's exit code.
int run_keys_new(const Config& config, const KeysOptions& options);
int run_keys_list(const Config& config, const KeysOptions& options);
int run_keys_revoke(const Config& config, const KeysOptions& options);

// `depot redis-users`: makes the secrets of an external Redis' users, and prints its ACL lines.
int run_redis_users(const Config& config);

}  // namespace depot::control
