// Addresses as the customers that they stand for: what limits by address count by.
//
// Threads: any.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace depot::http {

// Of IPv4 all of it, also where it is mapped into IPv6; of IPv6 the network of 64 bits, since that
// is what one customer has. A loopback address as it is.
std::string customer_part(const boost::asio::ip::address& address);

// The same of what proxies write: an address, in brackets or not, with a port or not. nullopt where
// it is none.
std::optional<std::string> customer_part(std::string_view text);

// Whether it is this machine's own.
bool is_loopback(std::string_view text);

}  // namespace depot::http
