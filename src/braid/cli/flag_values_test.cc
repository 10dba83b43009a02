#include "braid/cli/flag_values.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(ParseTokenIds, TakesWholeNumbersBetweenCommasAndNothingElse) {
  EXPECT_EQ(parse_token_ids("--ids", "1,2,3").value(), (std::vector<TokenId>{1, 2, 3}));
  EXPECT_EQ(parse_token_ids("--ids", "7, 8").value(), (std::vector<TokenId>{7, 8}));
  for (const char* wrong : {"", ",", "1,", ",1", "1,,2", "1 2", "x", "1.5", "99999999999"}) {
    EXPECT_FALSE(parse_token_ids("--ids", wrong).ok()) << wrong;
  }
}

TEST(ParseActivationBits, TakesTheKindsOfRowsByName) {
  EXPECT_EQ(parse_activation_bits("auto").value(), std::nullopt);
  EXPECT_EQ(parse_activation_bits("8").value(), ActivationBits::k8);
  EXPECT_EQ(parse_activation_bits("16").value(), ActivationBits::k16);
  EXPECT_EQ(parse_activation_bits("exact").value(), ActivationBits::kExact);
  EXPECT_EQ(parse_activation_bits("32").error().message, "--activation-bits 32: must be auto, 8, 16 or exact");
}

}  // namespace
}  // namespace braid
