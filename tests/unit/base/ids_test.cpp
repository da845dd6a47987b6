#include "base/ids.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace depot {
namespace {

TEST(IdsTest, NamePartsAreShortAndPlain) {
  for (const std::string& good : {std::string("a"), std::string("Az09._-"), std::string(64, 'x')}) {
    EXPECT_TRUE(is_name_part(good)) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string(65, 'x'), std::string("a b"), std::string("a:b"),
        std::string("a/b"), std::string("\xc3\xa9"), std::string("a\0b", 3), std::string("a\n")}) {
    EXPECT_FALSE(is_name_part(bad)) << bad;
  }
}

TEST(IdsTest, OfferIdsHaveTwoNameParts) {
  EXPECT_TRUE(is_offer_id("alder-mill:AM-101"));
  for (const char* bad : {"", ":", "a:", ":b", "ab", "a:b:c", "a b:c", "a:b "}) {
    EXPECT_FALSE(is_offer_id(bad)) << bad;
  }
  EXPECT_EQ(manufacturer_of("alder-mill:AM-101"), "alder-mill");
  EXPECT_EQ(sku_of("alder-mill:AM-101"), "AM-101");
  EXPECT_EQ(make_offer_id("m", "s"), "m:s");
}

TEST(IdsTest, OrderIdsDeriveFromCustomerAndKey) {
  // The first 12 bytes of BLAKE2b-128("order1" "AAAAAAAAAAAAAAAA" 0 "k"), by b2sum -l 128.
  EXPECT_EQ(order_id_for("AAAAAAAAAAAAAAAA", "k"), "z6oj0It1x380sR8K");
  EXPECT_NE(order_id_for("AAAAAAAAAAAAAAAA", "k"), order_id_for("AAAAAAAAAAAAAAAB", "k"));
  EXPECT_NE(order_id_for("AAAAAAAAAAAAAAAA", "k"), order_id_for("AAAAAAAAAAAAAAAA", "l"));
}

TEST(IdsTest, MadeIdsAreWellFormedAndDiffer) {
  EXPECT_TRUE(is_id(make_customer_id()));
  EXPECT_NE(make_customer_id(), make_customer_id());
  EXPECT_NE(make_request_id(), make_request_id());
  EXPECT_EQ(
      to_text(RequestId{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0, 0, 0, 0, 0, 0, 0, 0xff}),
      "01234567-89ab-cdef-0000-0000000000ff");
  EXPECT_TRUE(is_id(order_id_for("c", "k")));
  for (const char* bad :
       {"", "AAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAA."}) {
    EXPECT_FALSE(is_id(bad)) << bad;
  }
}

TEST(IdsTest, TokensReadBackAndHashTheirSecretOnly) {
  const Token token{make_customer_id(), make_token_secret()};
  const auto read = parse_token(token.text());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->customer, token.customer);
  EXPECT_EQ(read->secret, token.secret);
  EXPECT_EQ(read->hash(), token.hash());
  EXPECT_EQ(token.hash().size(), 16u);
  EXPECT_EQ((Token{"another-customer", token.secret}).hash(), token.hash());
}

TEST(IdsTest, ManufacturersTokensReadBackAndAreNobodyElses) {
  const std::string secret = make_token_secret();
  for (const std::string& id : {std::string("a"), std::string("A.b_c-9"), std::string(64, 'm')}) {
    const ManufacturerToken token{id, secret};
    const auto read = parse_manufacturer_token(token.text());
    ASSERT_TRUE(read) << id;
    EXPECT_EQ(read->manufacturer, id);
    EXPECT_EQ(read->secret, secret);
    EXPECT_EQ(read->hash(), (Token{"customer", secret}).hash());
    EXPECT_FALSE(parse_token(token.text()));
    for (std::size_t size = 0; size < token.text().size(); ++size) {
      EXPECT_FALSE(parse_manufacturer_token(token.text().substr(0, size)));
    }
  }
  EXPECT_FALSE(parse_manufacturer_token(Token{make_customer_id(), secret}.text()));
  for (const std::string& id : {std::string(), std::string("a~b"), std::string(65, 'm')}) {
    EXPECT_FALSE(parse_manufacturer_token(ManufacturerToken{id, secret}.text())) << id;
  }
  EXPECT_FALSE(parse_manufacturer_token("a~" + secret + "A"));
  EXPECT_FALSE(parse_manufacturer_token("a~" + secret.substr(1) + "="));
}

RC_GTEST_PROP(IdsTest, TokensChangedAnywhereAreRefusedOrAnother, ()) {
  const Token token{make_customer_id(), make_token_secret()};
  std::string text = token.text();
  const auto at = *rc::gen::inRange<std::size_t>(0, text.size());
  const auto with = *rc::gen::arbitrary<char>();
  RC_PRE(text[at] != with);
  text[at] = with;
  const auto read = parse_token(text);
  RC_ASSERT((!read || read->text() == text));  // Bare, its || would not short-circuit.
  RC_ASSERT(!parse_token(text.substr(0, at)));
}

}  // namespace
}  // namespace depot
