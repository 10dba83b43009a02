#include "braid/worker/tower_share.h"

#include <gtest/gtest.h>

#include "braid/parallel/process_transport.h"
#include "tests/support/parallel/memory_port.h"

namespace braid {
namespace {

VisionConfig config_of(int32_t num_heads, int32_t ffn) {
  VisionConfig config;
  config.num_heads = num_heads;
  config.ffn = ffn;
  return config;
}

ProcessRanks ranks_of(const ParallelLayout& layout, const std::vector<int32_t>& ranks_of_each, int32_t process) {
  ProcessRanks ranks{.layout = layout};
  if (ranks_of_each.size() == 1) {
    ranks.transport = std::make_shared<const SharedMemoryTransport>();
  } else {
    const auto ports = testing::memory_ports(static_cast<int32_t>(ranks_of_each.size()));
    ranks.transport =
        std::make_shared<const ProcessTransport>(ports[static_cast<size_t>(process)], RankSpread(ranks_of_each), 10);
  }
  ranks.own = ranks.transport->own_ranks(layout);
  return ranks;
}

std::string text_of(const TowerShare& share) {
  return fmt::format("{} to {} of {}", share.shard.own.begin, share.shard.own.end, share.shard.num_parts);
}

const ParallelLayout kFour{.tp_size = 4};
const ParallelLayout kGroups{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};

TEST(TowerShare, OneProcessHasAllParts) {
  for (const auto& [layout, parts] : {std::pair(kFour, "0 to 4 of 4"), {kGroups, "0 to 2 of 2"}}) {
    const TowerShare share = tower_share(config_of(8, 64), ranks_of(layout, {4}, 0), {});
    EXPECT_EQ(text_of(share), parts);
    EXPECT_FALSE(share.is_split());
    EXPECT_EQ(share.reason, "");
  }
}

TEST(TowerShare, ProcessesOfAGroupShareATower) {
  EXPECT_EQ(text_of(tower_share(config_of(8, 64), ranks_of(kFour, {1, 1, 1, 1}, 2), {})), "2 to 3 of 4");
  EXPECT_EQ(text_of(tower_share(config_of(8, 64), ranks_of(kFour, {2, 2}, 1), {})), "2 to 4 of 4");
  EXPECT_EQ(text_of(tower_share(config_of(8, 64), ranks_of(kGroups, {1, 1, 1, 1}, 2), MmStrategy::kBatch)),
            "0 to 1 of 2");
  EXPECT_EQ(text_of(tower_share(config_of(8, 64), ranks_of(kGroups, {1, 1, 1, 1}, 3), MmStrategy::kPerRequest)),
            "1 to 2 of 2");
}

TEST(TowerShare, AProcessWithWholeGroupsHasAllParts) {
  const TowerShare share = tower_share(config_of(8, 64), ranks_of(kGroups, {2, 2}, 1), {});
  EXPECT_EQ(text_of(share), "0 to 2 of 2");
  EXPECT_EQ(share.reason, "");
}

TEST(TowerShare, OtherwiseEachProcessHasACopyAndTheReason) {
  const auto reason = [](const TowerShare& share) {
    EXPECT_FALSE(share.is_split());
    return share.reason;
  };
  EXPECT_EQ(reason(tower_share(config_of(6, 64), ranks_of(kFour, {1, 1, 1, 1}, 1), {})),
            "its 6 heads and inner size of 64 are not divisible by the 4 ranks of a group");
  EXPECT_EQ(reason(tower_share(config_of(6, 64), ranks_of(kFour, {4}, 0), {})),
            "its 6 heads and inner size of 64 are not divisible by the 4 ranks of a group");
  EXPECT_EQ(reason(tower_share(config_of(8, 64), ranks_of(kFour, {1, 1, 1, 1}, 1), MmStrategy::kSharded)),
            "--mm-broadcast sharded makes images in every process");
  EXPECT_EQ(reason(tower_share(config_of(8, 64), ranks_of(kFour, {3, 1}, 1), {})),
            "the processes have different numbers of ranks");
  EXPECT_EQ(reason(tower_share(config_of(8, 66),
                               ranks_of({.tp_size = 6, .dp_size = 3, .enable_dp_attention = true}, {3, 3}, 1), {})),
            "the 3 ranks of a process are not of whole groups of 2");
}

}  // namespace
}  // namespace braid
