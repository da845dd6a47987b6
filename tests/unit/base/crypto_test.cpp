#include "base/crypto.hpp"

#include <gtest/gtest.h>

namespace depot {
namespace {

constexpr PasswordCost kCheap{.passes = 1, .memory_bytes = 8'192};

TEST(CryptoTest, HashesAsNistSays) {
  EXPECT_EQ(to_hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(CryptoTest, HashesAsB2sumSays) {
  EXPECT_EQ(to_hex(blake2b("abc", 16)), "cf4ab791c62b8d2b2109c90275287816");
}

TEST(CryptoTest, EncodesAsRfc4648Says) {
  EXPECT_EQ(to_base64url("\xfb\xff\xbf"), "-_-_");
  EXPECT_EQ(to_base64url("fooba"), "Zm9vYmE");
  EXPECT_EQ(to_base64url(""), "");
  EXPECT_EQ(to_hex(""), "");
  EXPECT_EQ(from_hex("00fF"), std::string("\0\xff", 2));
  EXPECT_EQ(from_hex(""), "");
  for (const char* bad : {"0", "0g", "00f", " 00", "00 "}) EXPECT_EQ(from_hex(bad), std::nullopt);
}

TEST(CryptoTest, VerifiesOnlyTheRightPassword) {
  crypto_start();
  const std::string hash = hash_password("correct horse", kCheap);
  EXPECT_TRUE(hash.starts_with("$argon2id$"));
  EXPECT_NE(hash, hash_password("correct horse", kCheap));  // The salt is another.
  EXPECT_TRUE(verify_password(hash, "correct horse"));
  EXPECT_FALSE(verify_password(hash, "correct horsf"));
}

TEST(CryptoTest, VerifiesNothingAgainstBadHashes) {
  crypto_start();
  for (const std::string& hash :
       {std::string(), std::string("$argon2id$"), std::string(500, 'x')}) {
    EXPECT_FALSE(verify_password(hash, "secret"));
  }
}

TEST(CryptoTest, SaysWhenThereIsNoMemoryForHashing) {
  crypto_start();
  EXPECT_EQ(hash_password("secret", {.passes = 1, .memory_bytes = std::size_t{1} << 50}), "");
}

}  // namespace
}  // namespace depot
