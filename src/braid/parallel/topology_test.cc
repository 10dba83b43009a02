#include "braid/parallel/topology.h"

#include <gtest/gtest.h>

#include "tests/support/matches.h"

namespace braid {
namespace {

TEST(Topology, WithoutDpAttentionAllRanksAreOneGroup) {
  for (int32_t rank = 0; rank < 8; ++rank) {
    EXPECT_EQ(compute_dp_attention_world_info(false, rank, 8, 1), (DpWorldInfo{rank, 8, 0}));
    EXPECT_EQ(compute_dp_attention_world_info(false, rank, 8, 3), (DpWorldInfo{rank, 8, 0}));
    EXPECT_EQ(should_run_publisher(false, rank, 8, 1), rank == 0);
    EXPECT_EQ(should_run_publisher(true, rank, 8, 1), rank == 0);
  }
}

TEST(Topology, SixRanksInTwoGroupsPublishAtRanksZeroAndThree) {
  for (int32_t rank = 0; rank < 6; ++rank) {
    EXPECT_EQ(compute_dp_attention_world_info(true, rank, 6, 2), (DpWorldInfo{rank % 3, 3, rank / 3}));
    EXPECT_EQ(should_run_publisher(true, rank, 6, 2), rank == 0 || rank == 3);
  }
}

TEST(Topology, FourRanksInFourGroupsAllPublish) {
  for (int32_t rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(compute_dp_attention_world_info(true, rank, 4, 4), (DpWorldInfo{0, 1, rank}));
    EXPECT_TRUE(should_run_publisher(true, rank, 4, 4));
  }
}

TEST(Topology, ReplicasAreWorldsOfOneGroup) {
  const auto layout = make_layout({.tp_size = 2, .dp_size = 3});
  ASSERT_TRUE(layout.ok());
  EXPECT_EQ(layout->num_worlds(), 3);
  EXPECT_EQ(layout->num_groups(), 3);
  EXPECT_EQ(layout->groups_per_world(), 1);
  EXPECT_EQ(layout->num_ranks(), 6);
  EXPECT_EQ(place_of(*layout, 1), (RankPlace{.tp_rank = 1, .tp_size = 2, .attn_tp_rank = 1, .attn_tp_size = 2}));
  EXPECT_EQ(rank_grid(*layout), "group 0: ranks 0* 1\ngroup 1: ranks 2* 3\ngroup 2: ranks 4* 5");
}

TEST(Topology, APlaceNamesGroupAndPlaceInIt) {
  const auto layout =
      make_layout({.tp_size = 6, .dp_size = 2, .enable_dp_attention = true, .moe_parallel = MoeParallel::kEp});
  ASSERT_TRUE(layout.ok());
  EXPECT_EQ(layout->num_worlds(), 1);
  EXPECT_EQ(layout->num_ranks(), 6);
  EXPECT_EQ(place_of(*layout, 4), (RankPlace{.tp_rank = 4,
                                             .tp_size = 6,
                                             .attn_tp_rank = 1,
                                             .attn_tp_size = 3,
                                             .attn_dp_rank = 1,
                                             .dp_size = 2,
                                             .moe_parallel = MoeParallel::kEp}));
  EXPECT_EQ(rank_grid(*layout), "group 0: ranks 0* 1 2\ngroup 1: ranks 3* 4 5");
}

TEST(Topology, AttnTpSizeIsAnotherWayToSayTheLayout) {
  const auto layout = make_layout({.dp_size = 2, .attn_tp_size = 4});
  ASSERT_TRUE(layout.ok());
  EXPECT_EQ(layout->tp_size, 8);
  EXPECT_EQ(layout->dp_size, 2);
  EXPECT_TRUE(layout->enable_dp_attention);

  const auto from_tp = make_layout({.tp_size = 8, .attn_tp_size = 4});
  ASSERT_TRUE(from_tp.ok());
  EXPECT_EQ(from_tp->dp_size, 2);
  EXPECT_TRUE(from_tp->enable_dp_attention);

  const auto alone = make_layout({.attn_tp_size = 4});
  ASSERT_TRUE(alone.ok());
  EXPECT_EQ(alone->tp_size, 4);
  EXPECT_FALSE(alone->enable_dp_attention);

  EXPECT_TRUE(make_layout({.tp_size = 8, .dp_size = 2, .attn_tp_size = 4}).ok());
  const auto unequal = make_layout({.tp_size = 6, .dp_size = 2, .attn_tp_size = 4});
  ASSERT_FALSE(unequal.ok());
  EXPECT_EQ(unequal.error().message,
            "--tp-size 6 is not --attn-tp-size 4 x --dp-size 2, which is 8: leave one of them out");
  EXPECT_FALSE(make_layout({.tp_size = 6, .attn_tp_size = 4}).ok());
}

TEST(Topology, SizesThatDoNotDivideNameTheNearestThatDo) {
  const auto layout = make_layout({.tp_size = 8, .dp_size = 3, .enable_dp_attention = true});
  ASSERT_FALSE(layout.ok());
  EXPECT_EQ(layout.error().message,
            "--tp-size 8 is not divisible by --dp-size 3: use --dp-size 1, 2, 4 or 8, or --tp-size 6 or 9");
  const auto fewer = make_layout({.tp_size = 2, .dp_size = 4, .enable_dp_attention = true});
  ASSERT_FALSE(fewer.ok());
  EXPECT_EQ(fewer.error().message, "--tp-size 2 is not divisible by --dp-size 4: use --dp-size 1 or 2, or --tp-size 4");
}

TEST(Topology, SizesOutOfRangeAreRefused) {
  for (const int32_t size : {0, -1, 5000}) {
    EXPECT_FALSE(make_layout({.tp_size = size}).ok());
    EXPECT_FALSE(make_layout({.dp_size = size}).ok());
    EXPECT_FALSE(make_layout({.attn_tp_size = size}).ok());
  }
  EXPECT_FALSE(make_layout({.tp_size = 4096, .dp_size = 4096}).ok());
  EXPECT_FALSE(make_layout({.dp_size = 4096, .attn_tp_size = 4096}).ok());
}

constexpr LayoutModel kSmolLm2{.num_heads = 9, .num_kv_heads = 3, .ffn = 1536};

TEST(Topology, NineHeadsDivideOverOneThreeOrNineRanks) {
  for (int32_t attn_tp_size = 1; attn_tp_size <= 10; ++attn_tp_size) {
    const LayoutModel heads_alone{.num_heads = 9, .num_kv_heads = 3};
    const bool divides = attn_tp_size == 1 || attn_tp_size == 3 || attn_tp_size == 9;
    EXPECT_EQ(check_layout({.tp_size = attn_tp_size}, heads_alone).ok(), divides) << attn_tp_size;
  }
  const Status refused = check_layout({.tp_size = 2}, kSmolLm2);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "9 attention heads with 3 KV heads are not divisible over the 2 ranks of a group (attn_tp_size): "
            "attn_tp_size 1, 3 or 9 divides them; --tp-size 1 or 3 works");
  EXPECT_TRUE(check_layout({.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}, kSmolLm2).ok());
  EXPECT_TRUE(check_layout({.tp_size = 6, .dp_size = 2, .enable_dp_attention = true}, kSmolLm2).ok());
  EXPECT_TRUE(check_layout({.tp_size = 4, .dp_size = 4, .enable_dp_attention = true}, kSmolLm2).ok());
  const Status groups_of_two = check_layout({.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}, kSmolLm2);
  ASSERT_FALSE(groups_of_two.ok());
  EXPECT_TRUE(matches(groups_of_two.error().message, ".*divisible.*with --dp-size 2, --tp-size 2 or 6 works"));
}

TEST(Topology, KvHeadsAreReplicatedOnlyInWholeSets) {
  const LayoutModel model{.num_heads = 24, .num_kv_heads = 4};
  EXPECT_TRUE(check_layout({.tp_size = 8}, model).ok());
  EXPECT_FALSE(check_layout({.tp_size = 6}, model).ok());  // 4 KV heads over 6 ranks: some would hold more than others
  EXPECT_EQ(kv_heads_per_rank(4, 8), 1);
  EXPECT_EQ(kv_head_replicas(4, 8), 2);
  EXPECT_EQ(kv_heads_per_rank(4, 2), 2);
  EXPECT_EQ(kv_head_replicas(4, 2), 1);
  EXPECT_TRUE(matches(kv_replication_note({.tp_size = 8}, model), "4 KV heads on 8 ranks.*2 times the memory.*"));
  EXPECT_EQ(kv_replication_note({.tp_size = 4}, model), "");
}

TEST(Topology, FeedForwardAndExpertsMustDivideOverAllRanks) {
  const LayoutModel dense{.num_heads = 12, .num_kv_heads = 12, .ffn = 1024};
  const Status refused = check_layout({.tp_size = 3}, dense);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "the feed-forward size, 1024, is not divisible by --tp-size 3: --tp-size 1, 2 or 4 works");

  const LayoutModel mixture{.num_heads = 12, .num_kv_heads = 12, .num_experts = 6, .expert_ffn = 128};
  const auto layout = [](MoeParallel parallel, int32_t tp_size) {
    return ParallelLayout{.tp_size = tp_size, .moe_parallel = parallel};
  };
  EXPECT_TRUE(check_layout(layout(MoeParallel::kEp, 6), mixture).ok());
  EXPECT_FALSE(check_layout(layout(MoeParallel::kTp, 6), mixture).ok());
  EXPECT_TRUE(check_layout(layout(MoeParallel::kTp, 4), mixture).ok());
  const Status experts = check_layout(layout(MoeParallel::kEp, 4), mixture);
  ASSERT_FALSE(experts.ok());
  EXPECT_TRUE(matches(experts.error().message, "the number of experts, 6, is not divisible by --tp-size 4:.*"));
}

}  // namespace
}  // namespace braid
