// One customer of the load engine: its account, its session, its card.
//
// Threads: belongs to the thread that runs the caller.
// Errors:  what the last answer was, with the step and the e-mail; refused: not with that password,
//          or there is no such account.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>

#include "base/result.hpp"
#include "bench/caller.hpp"
#include "bench/engine.hpp"

namespace depot::bench {

// Signs up, or logs in who has signed up before, and attaches a test card.
boost::asio::awaitable<Result<Shopper>> sign_up(Caller& caller, std::string email);

// Logs in who has signed up before.
boost::asio::awaitable<Result<Shopper>> log_in(Caller& caller, std::string email);

}  // namespace depot::bench
