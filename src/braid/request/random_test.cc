#include "braid/request/random.h"

#include <gtest/gtest.h>

#include <set>

namespace braid {
namespace {

// The known answers from Random123, the generator's original distribution.
TEST(Random, PhiloxComputesTheKnownAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (PhiloxBlock{0x6627e8d5U, 0xe169c58dU, 0xbc57ac4cU, 0x9b00dbd8U}));
  EXPECT_EQ(philox4x32({~0U, ~0U, ~0U, ~0U}, {~0U, ~0U}),
            (PhiloxBlock{0x408f276dU, 0x41c83b0eU, 0xa20bc7c6U, 0x6d5451fdU}));
  EXPECT_EQ(philox4x32({0x243f6a88U, 0x85a308d3U, 0x13198a2eU, 0x03707344U}, {0xa4093822U, 0x299f31d0U}),
            (PhiloxBlock{0xd16cfe09U, 0x94fdccebU, 0x5001e420U, 0x24126ea1U}));
}

TEST(Random, DrawUniformLiesInZeroToOneAndIsSpreadEvenly) {
  constexpr int kDraws = 100000;
  int buckets[10] = {};
  for (int i = 0; i < kDraws; ++i) {
    const double drawn = draw_uniform(7, static_cast<uint64_t>(i));
    ASSERT_GE(drawn, 0.0);
    ASSERT_LT(drawn, 1.0);
    ++buckets[static_cast<int>(drawn * 10)];
  }
  for (const int count : buckets) EXPECT_NEAR(count, kDraws / 10, 500);  // 5 standard deviations
}

TEST(Random, ChoiceSeedIsTheRequestsOwnForTheFirstChoiceAndDiffersForOthers) {
  EXPECT_EQ(choice_seed(123, 0), 123U);
  std::set<uint64_t> seeds;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    for (int32_t choice = 0; choice < 50; ++choice) seeds.insert(choice_seed(seed, choice));
  }
  EXPECT_EQ(seeds.size(), 1000U);
}

}  // namespace
}  // namespace braid
