// Hashes, randomness and password hashing; the one home of libsodium.
//
// Threads: any, after crypto_start(). hash_password and verify_password take tens of milliseconds
//          and tens of MiB: never on a loop.
// Source:  OWASP's minimum for Argon2id: 19 MiB, 2 passes (Password Storage Cheat Sheet).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace depot {

// Throws StartupError where there is no source of randomness. A repeat call does nothing.
void crypto_start();

std::string sha256(std::string_view bytes);  // 32 raw bytes
// BLAKE2b of that many bytes, 16 to 64: for what only Depot makes and compares. A third of
// SHA-256's time in libsodium (docs/adr/0007).
std::string blake2b(std::string_view bytes, std::size_t size);
std::string to_hex(std::string_view bytes);
std::optional<std::string> from_hex(std::string_view hex);  // nullopt for anything else
std::string to_base64url(std::string_view bytes);           // no padding
void random_bytes(std::span<std::uint8_t> out);
std::uint64_t random_u64();

struct PasswordCost {
  std::uint64_t passes = 2;
  std::size_t memory_bytes = 19ULL * 1024 * 1024;
};
// Argon2id in the "$argon2id$..." text form, salt included. Empty when memory was not to be had.
std::string hash_password(std::string_view password, const PasswordCost& cost);
bool verify_password(std::string_view hash, std::string_view password);

}  // namespace depot
