// Ranks fill the nodes in order, and a world's ranks on a node are one process or several.
#include "braid/node/process_places.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

using Worlds = std::vector<std::vector<ProcessPlace>>;

Worlds places(const ParallelLayout& layout, const std::vector<int32_t>& ranks_on_node, int32_t ranks_per_process = 0) {
  auto placed = place_processes(layout, ranks_on_node, ranks_per_process);
  EXPECT_TRUE(placed.ok()) << placed.error().message;
  return placed.ok() ? *placed : Worlds();
}

TEST(ProcessPlaces, ANodeHasOneProcessOfAWorld) {
  const ParallelLayout layout{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  EXPECT_EQ(places(layout, {2, 2}), (Worlds{{{0, 2}, {1, 2}}}));
  EXPECT_EQ(places(layout, {3, 1}), (Worlds{{{0, 3}, {1, 1}}}));
  EXPECT_EQ(places(layout, {4}), (Worlds{{{0, 4}}}));
}

TEST(ProcessPlaces, OrAsManyAsAreAskedFor) {
  const ParallelLayout layout{.tp_size = 4};
  EXPECT_EQ(places(layout, {3, 1}, 1), (Worlds{{{0, 1}, {0, 1}, {0, 1}, {1, 1}}}));
  EXPECT_EQ(places(layout, {3, 1}, 2), (Worlds{{{0, 2}, {0, 1}, {1, 1}}}));
}

TEST(ProcessPlaces, ReplicasFollowEachOther) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2};
  EXPECT_EQ(places(layout, {2, 2}), (Worlds{{{0, 2}}, {{1, 2}}}));
  EXPECT_EQ(places(layout, {3, 1}), (Worlds{{{0, 2}}, {{0, 1}, {1, 1}}}));
}

TEST(ProcessPlaces, TheRanksOfALostNodeAreSharedOutOverTheOthers) {
  const auto fewer = [](std::vector<int32_t> ranks, const std::vector<bool>& is_in, int32_t attn_tp_size) {
    return ranks_on_fewer_nodes(ranks, is_in, attn_tp_size);
  };
  using Ranks = std::vector<int32_t>;
  EXPECT_EQ(fewer({2, 2}, {true, false}, 2), (Ranks{4, 0}));
  EXPECT_EQ(fewer({2, 2, 2}, {true, false, true}, 1), (Ranks{3, 0, 3}));
  EXPECT_EQ(fewer({2, 2, 2}, {true, false, true}, 2), (Ranks{4, 0, 2})) << "a group stays on one node";
  EXPECT_EQ(fewer({4, 2, 2}, {true, false, true}, 2), (Ranks{6, 0, 2})) << "1.5 and 1 times as full, not 1 and 2";
  EXPECT_EQ(fewer({1, 1, 1, 1}, {true, true, false, true}, 2), (Ranks{2, 1, 0, 1}));
  EXPECT_EQ(fewer({1, 1, 1, 1}, {true, false, false, true}, 2), (Ranks{2, 0, 0, 2}));
  EXPECT_EQ(fewer({3, 0, 1}, {true, true, false}, 1), (Ranks{4, 0, 0})) << "node 1 had none before";
  EXPECT_EQ(fewer({3, 1}, {true, true}, 2), (Ranks{3, 1}));
}

TEST(ProcessPlaces, RanksMustAddUpToTheLayouts) {
  const auto placed = place_processes({.tp_size = 4}, std::vector<int32_t>{2, 1}, 0);
  ASSERT_FALSE(placed.ok());
  EXPECT_EQ(placed.error().message, "the nodes have 2 + 1 ranks, which is 3: the model needs 4");
}

TEST(ProcessPlaces, CountsAreReadAndWritten) {
  EXPECT_EQ(*parse_counts("--ranks-on-node", "3,1"), (std::vector<int32_t>{3, 1}));
  for (const char* bad : {"", ",", "3,", "0", "3,x", "-1", "3 1", "4097", "99999999999"}) {
    const auto counts = parse_counts("--ranks-on-node", bad);
    ASSERT_FALSE(counts.ok()) << bad;
    EXPECT_EQ(counts.error().message,
              "--ranks-on-node " + std::string(bad) + ": must be numbers from 1 to 4096, such as 3,1");
  }
  EXPECT_EQ(counts_text(std::vector<ProcessPlace>{{0, 3}, {1, 1}}), "3,1");
}

TEST(ProcessPlaces, TheNodeThatTakesOverHasNode0sRanks) {
  const std::vector<int32_t> ranks{3, 1, 2};
  EXPECT_EQ(ranks_with_front(ranks, 0), ranks);
  EXPECT_EQ(ranks_with_front(ranks, 2), (std::vector<int32_t>{5, 1, 0}));
  const auto places = place_processes({.tp_size = 6}, ranks_with_front(ranks, 1), 0).value();
  EXPECT_EQ(places,
            (std::vector<std::vector<ProcessPlace>>{{{.node = 0, .num_ranks = 4}, {.node = 2, .num_ranks = 2}}}));
}

TEST(ProcessPlaces, ANodeKeepsTheMemoryOfItsOwnRanks) {
  const Worlds worlds{{{0, 2}, {1, 1}}, {{1, 1}, {1, 2}}};
  EXPECT_EQ(kept_memory_names(worlds, 0), (std::vector<std::string>{"0-0", "weights-0-0", "0-1", "weights-0-1"}));
  EXPECT_EQ(kept_memory_names(worlds, 1), (std::vector<std::string>{"0-2", "weights-0-2", "1-0", "weights-1-0", "1-1",
                                                                    "weights-1-1", "1-2", "weights-1-2"}));
}

}  // namespace
}  // namespace braid
