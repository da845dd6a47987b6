#include "http/address.hpp"

#include <algorithm>
#include <boost/asio/ip/network_v6.hpp>

namespace depot::http {

namespace ip = boost::asio::ip;

std::string customer_part(const ip::address& address) {
  if (address.is_v4() || address.is_loopback()) return address.to_string();
  const ip::address_v6 v6 = address.to_v6();
  return v6.is_v4_mapped() ? ip::make_address_v4(ip::v4_mapped, v6).to_string()
                           : ip::network_v6(v6, 64).network().to_string();
}

std::optional<std::string> customer_part(std::string_view text) {
  if (text.starts_with('[')) {
    text = text.substr(1, text.find(']') - 1);
  } else if (std::ranges::count(text, ':') == 1) {
    text = text.substr(0, text.find(':'));
  }
  boost::system::error_code error;
  const auto address = ip::make_address(text, error);
  return error ? std::nullopt : std::optional(customer_part(address));
}

bool is_loopback(std::string_view text) {
  boost::system::error_code error;
  const auto address = ip::make_address(text, error);
  return !error && address.is_loopback();
}

}  // namespace depot::http
