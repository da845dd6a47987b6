// The users of Depot's Redis: one for each role, with the least that its work takes. The default
// user is off: nobody can log in as it.
//
// Threads: any.
// Errors:  StartupError where a secret cannot be written or read.
// Source:  docs/STORE.md, "Users": what each may do, and why.
#pragma once

#include <string>

#include "base/redis_login.hpp"

namespace depot::store {

// Makes a random secret for each role that has no file in `folder` yet (0700, files 0600).
void make_secrets(const std::string& folder);

// One line for each user, as redis.conf and an ACL file have them, with the hashes of the secrets
// in `folder`; the default user's is the first.
std::string user_lines(const std::string& folder);

}  // namespace depot::store
