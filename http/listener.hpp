// Sockets as the server opens and accepts them: IPv4, IPv6 and unix behind one type.
//
// Threads: the caller's.
// Errors:  open_listener throws StartupError, naming the address: 78 where it is none, 69 where it
//          cannot be had.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <string>

#include "http/server.hpp"

namespace depot::http {

using StreamSocket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol,
                                                      boost::asio::io_context::executor_type>;
using Acceptor = boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol,
                                                    boost::asio::io_context::executor_type>;

// `listen`: "address:port", "[::1]:port" or "unix:/path". A unix socket has mode 0600; a file that
// a process left behind is removed, one that somebody listens on is not.
Acceptor open_listener(boost::asio::io_context& io, const std::string& listen, PortUse use);

// "[::1]:80" is "::1" and "80"; without a colon there is no port.
std::pair<std::string, std::string> split_address(const std::string& address);

struct Peer {
  std::string address;  // as customer_part() of address.hpp; "unix" for a unix socket
  bool loopback = false;
};
Peer peer_of(const StreamSocket& socket);

std::uint16_t port_of(const Acceptor& acceptor);  // 0 for a unix socket

}  // namespace depot::http
