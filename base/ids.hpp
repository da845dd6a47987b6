// Ids: what they look like, and how they are made.
//
//   offer id     <manufacturer id>:<sku>, both [A-Za-z0-9._-]{1,64}
//   customer id  16 characters base64url (12 random bytes)
//   order id     16 characters base64url of SHA-256("order1" | customer id | 0 | idempotency key)
//   token        <customer id>.<43 characters base64url (32 random bytes)>; only its hash is stored
//   a manufacturer's token   <manufacturer id>~<43 characters>, likewise; no other id has a "~"
//   request id   16 random bytes, one per HTTP request, kept across the gateway's attempts
//
// An order id derives from both customer and key, so that nobody can probe another's orders and a
// repeat of a request finds the same id without a search.
//
// Threads: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace depot {

inline constexpr std::size_t kNamePartMax = 64;  // manufacturer id, sku
inline constexpr std::size_t kIdSize = 16;       // characters of a customer or order id
inline constexpr std::size_t kTokenSecretSize = 43;

using RequestId = std::array<std::uint8_t, 16>;
using SessionHash = std::string;  // 16 bytes: the first half of SHA-256 of a token's secret

bool is_name_part(std::string_view text);  // [A-Za-z0-9._-]{1,64}
bool is_offer_id(std::string_view text);
bool is_id(std::string_view text);  // 16 characters base64url

// REQUIRES: is_offer_id(offer).
std::string_view manufacturer_of(std::string_view offer);
std::string_view sku_of(std::string_view offer);
std::string make_offer_id(std::string_view manufacturer, std::string_view sku);

std::string make_customer_id();
std::string order_id_for(std::string_view customer, std::string_view idempotency_key);
RequestId make_request_id();
// For logs and headers: hexadecimal in groups as a UUID, so that no run of digits in it is as long
// as a card number.
std::string to_text(const RequestId& id);

// A session token as the customer holds it.
struct Token {
  std::string customer;
  std::string secret;  // base64url, 43 characters
  std::string text() const { return customer + "." + secret; }
  SessionHash hash() const;
};
// A manufacturer's token.
struct ManufacturerToken {
  std::string manufacturer;
  std::string secret;
  std::string text() const { return manufacturer + "~" + secret; }
  SessionHash hash() const;
};
std::string make_token_secret();
// nullopt for anything that is not a well-formed token of the kind.
std::optional<Token> parse_token(std::string_view text);
std::optional<ManufacturerToken> parse_manufacturer_token(std::string_view text);

}  // namespace depot
