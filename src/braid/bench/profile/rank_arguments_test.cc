#include "braid/bench/profile/rank_arguments.h"

#include <gtest/gtest.h>

#include <array>

namespace braid {
namespace {

TEST(RankArguments, FlagsGoWithTheirValues) {
  constexpr std::array<std::string_view, 2> kOwn = {"--seed", "--output"};
  const std::vector<std::string> given = {"--output", "--tp-size", "--tp-size", "2",       "--seed=5", "--model-path",
                                          "a=b",      "--seed",    "7",         "--seeds", "1",        "--output"};
  EXPECT_EQ(without_flags(given, kOwn),
            (std::vector<std::string>{"--tp-size", "2", "--model-path", "a=b", "--seeds", "1"}));
  EXPECT_TRUE(without_flags({}, kOwn).empty());
}

}  // namespace
}  // namespace braid
