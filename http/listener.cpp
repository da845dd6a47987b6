#include "http/listener.hpp"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <charconv>
#include <cstring>

#include "base/fatal.hpp"
#include "http/address.hpp"

namespace depot::http {
namespace {

namespace net = boost::asio;
using boost::system::error_code;
using Endpoint = net::generic::stream_protocol::endpoint;

constexpr int kBacklog = 4'096;

Endpoint unix_endpoint(net::io_context& io, const std::string& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un::sun_path)) {
    throw StartupError("unix:" + path + ": a socket's path has 1 to 107 bytes", kExitConfig);
  }
  const net::local::stream_protocol::endpoint endpoint(path);
  error_code error;
  net::local::stream_protocol::socket probe(io);
  probe.connect(endpoint, error);
  if (!error) throw StartupError("unix:" + path + ": another process serves it", kExitUnavailable);
  if (error == net::error::connection_refused) ::unlink(path.c_str());
  return endpoint;
}

Endpoint tcp_endpoint(const std::string& listen) {
  const auto [host, digits] = split_address(listen);
  std::uint16_t port = 0;
  const auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  error_code error;
  const auto address = net::ip::make_address(host == "localhost" ? "127.0.0.1" : host, error);
  if (error || bad != std::errc{} || end != digits.data() + digits.size()) {
    throw StartupError(listen + ": expected ADDRESS:PORT, [IPV6]:PORT or unix:/PATH", kExitConfig);
  }
  return net::ip::tcp::endpoint(address, port);
}

net::ip::tcp::endpoint to_tcp(const Endpoint& endpoint) {
  net::ip::tcp::endpoint tcp;
  tcp.resize(endpoint.size());
  std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
  return tcp;
}

void reuse_port(Acceptor& acceptor) {
  const int on = 1;
  if (::setsockopt(acceptor.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) {
    throw boost::system::system_error(errno, boost::system::system_category());
  }
}

}  // namespace

std::pair<std::string, std::string> split_address(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return {host, colon == address.npos ? "" : address.substr(colon + 1)};
}

Acceptor open_listener(net::io_context& io, const std::string& listen, PortUse use) {
  const bool is_unix = listen.starts_with("unix:");
  const Endpoint endpoint = is_unix ? unix_endpoint(io, listen.substr(5)) : tcp_endpoint(listen);
  Acceptor acceptor(io);
  try {
    acceptor.open(endpoint.protocol());
    if (is_unix) {
      ::fchmod(acceptor.native_handle(), 0600);  // Before bind: the file never has another mode.
    } else {
      acceptor.set_option(net::socket_base::reuse_address(true));
    }
    if (use == PortUse::joined) reuse_port(acceptor);
    acceptor.bind(endpoint);
    acceptor.listen(kBacklog);
    // Only now: of two processes that come at one instant, one cannot listen.
    if (use == PortUse::shared) reuse_port(acceptor);
  } catch (const boost::system::system_error& error) {
    throw StartupError("cannot listen on " + listen + ": " + error.code().message(),
                       kExitUnavailable);
  }
  return acceptor;
}

Peer peer_of(const StreamSocket& socket) {
  error_code error;
  const Endpoint endpoint = socket.remote_endpoint(error);
  if (error) return {"unknown", false};
  if (endpoint.protocol().family() == AF_UNIX) return {"unix", true};
  const std::string address = customer_part(to_tcp(endpoint).address());
  return {address, net::ip::make_address(address).is_loopback()};
}

std::uint16_t port_of(const Acceptor& acceptor) {
  const Endpoint endpoint = acceptor.local_endpoint();
  return endpoint.protocol().family() == AF_UNIX ? 0 : to_tcp(endpoint).port();
}

}  // namespace depot::http
