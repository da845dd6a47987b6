#include "base/ids.hpp"

#include <algorithm>

#include "base/crypto.hpp"
#include "base/fatal.hpp"

namespace depot {
namespace {

constexpr std::size_t kSessionHashSize = 16;
constexpr std::size_t kIdBytes = 12;    // 16 characters of base64url
constexpr std::size_t kHashBytes = 16;  // that an id is the begin of

constexpr bool is_base64url(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

constexpr bool is_name_character(char c) { return is_base64url(c) || c == '.'; }

SessionHash hash_of_secret(std::string_view secret) { return blake2b(secret, kSessionHashSize); }

bool is_secret(std::string_view text) {
  return text.size() == kTokenSecretSize && std::ranges::all_of(text, is_base64url);
}

template <std::size_t N>
std::string random_base64url() {
  std::array<std::uint8_t, N> bytes;
  random_bytes(bytes);
  return to_base64url({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

}  // namespace

bool is_name_part(std::string_view text) {
  return !text.empty() && text.size() <= kNamePartMax &&
         std::ranges::all_of(text, is_name_character);
}

bool is_offer_id(std::string_view text) {
  const std::size_t colon = text.find(':');
  return colon != std::string_view::npos && is_name_part(text.substr(0, colon)) &&
         is_name_part(text.substr(colon + 1));
}

bool is_id(std::string_view text) {
  return text.size() == kIdSize && std::ranges::all_of(text, is_base64url);
}

std::string_view manufacturer_of(std::string_view offer) {
  return offer.substr(0, offer.find(':'));
}

std::string_view sku_of(std::string_view offer) {
  const std::size_t colon = offer.find(':');
  DEPOT_ASSERT(colon != std::string_view::npos);
  return offer.substr(colon + 1);
}

std::string make_offer_id(std::string_view manufacturer, std::string_view sku) {
  std::string id;
  id.reserve(manufacturer.size() + 1 + sku.size());
  return id.append(manufacturer).append(1, ':').append(sku);
}

std::string make_customer_id() { return random_base64url<kIdBytes>(); }

std::string order_id_for(std::string_view customer, std::string_view idempotency_key) {
  std::string text = "order1";
  text.append(customer).append(1, '\0').append(idempotency_key);
  return to_base64url(std::string_view(blake2b(text, kHashBytes)).substr(0, kIdBytes));
}

RequestId make_request_id() {
  RequestId id;
  random_bytes(id);
  return id;
}

std::string to_text(const RequestId& id) {
  std::string text = to_hex({reinterpret_cast<const char*>(id.data()), id.size()});
  for (const std::size_t hyphen : {8UL, 13UL, 18UL, 23UL}) text.insert(hyphen, 1, '-');
  return text;
}

SessionHash Token::hash() const { return hash_of_secret(secret); }
SessionHash ManufacturerToken::hash() const { return hash_of_secret(secret); }

std::string make_token_secret() { return random_base64url<32>(); }

std::optional<Token> parse_token(std::string_view text) {
  const std::size_t dot = std::min(kIdSize, text.size());
  const std::string_view customer = text.substr(0, dot), rest = text.substr(dot);
  if (!is_id(customer) || !rest.starts_with('.') || !is_secret(rest.substr(1))) return std::nullopt;
  return Token{std::string(customer), std::string(rest.substr(1))};
}

std::optional<ManufacturerToken> parse_manufacturer_token(std::string_view text) {
  const std::size_t tilde = text.find('~');
  if (tilde == std::string_view::npos) return std::nullopt;  // A customer's, of each request.
  const std::string_view manufacturer = text.substr(0, tilde), secret = text.substr(tilde + 1);
  if (!is_name_part(manufacturer) || !is_secret(secret)) return std::nullopt;
  return ManufacturerToken{std::string(manufacturer), std::string(secret)};
}

}  // namespace depot
