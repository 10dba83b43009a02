#include "braid/model/vision/vision_shard.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(VisionShard, PartsAreEqualAndInOrder) {
  const VisionShard shard{.num_parts = 4, .own = {.begin = 1, .end = 3}};
  EXPECT_EQ(shard.num_own(), 2);
  EXPECT_FALSE(shard.is_whole());
  EXPECT_EQ(shard.range_of(64, 3).begin, 48);
  EXPECT_EQ(shard.range_of(64, 3).end, 64);
  EXPECT_EQ(shard.own_range(64).begin, 16);
  EXPECT_EQ(shard.own_range(64).end, 48);
  EXPECT_EQ(shard.own_size(64), 32);
  EXPECT_TRUE(VisionShard().is_whole());
  EXPECT_TRUE((VisionShard{.num_parts = 4, .own = {.begin = 0, .end = 4}}).is_whole());
}

TEST(VisionShard, ATowerIsSplitWhereHeadsAndInnerSizeDivide) {
  VisionConfig config;
  config.hidden = 96;
  config.num_heads = 4;
  config.ffn = 84;
  EXPECT_EQ(num_vision_parts(config, 1), 1);
  EXPECT_EQ(num_vision_parts(config, 2), 2);
  EXPECT_EQ(num_vision_parts(config, 3), 1) << "4 heads";
  EXPECT_EQ(num_vision_parts(config, 4), 4);
  EXPECT_EQ(num_vision_parts(config, 8), 1);
  config.ffn = 90;
  EXPECT_EQ(num_vision_parts(config, 4), 1) << "an inner size of 90";
}

}  // namespace
}  // namespace braid
