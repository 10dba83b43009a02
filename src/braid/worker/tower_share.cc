#include "braid/worker/tower_share.h"

#include <fmt/format.h>

namespace braid {
namespace {

// Whether every process has so many consecutive ranks.
bool have_each(const ProcessRanks& ranks, int32_t count) {
  const RankTransport& transport = *ranks.transport;
  for (int32_t rank = 0; rank < ranks.layout.num_ranks(); ++rank) {
    const bool is_first = rank % count == 0;
    const bool is_as_before = rank > 0 && transport.process_of(rank) == transport.process_of(rank - 1);
    if (is_as_before == is_first) return false;
  }
  return true;
}

}  // namespace

TowerShare tower_share(const VisionConfig& config, const ProcessRanks& ranks, std::optional<MmStrategy> strategy) {
  const int32_t group_size = ranks.layout.attn_tp_size();
  const int32_t num_parts = num_vision_parts(config, group_size);
  TowerShare share{.shard = {.num_parts = num_parts, .own = {.begin = 0, .end = num_parts}}};
  if (num_parts < group_size) {
    share.reason = fmt::format("its {} heads and inner size of {} are not divisible by the {} ranks of a group",
                               config.num_heads, config.ffn, group_size);
    return share;
  }
  const int32_t num_own = ranks.num_own();
  if (num_own == ranks.layout.num_ranks()) return share;  // one process
  if (strategy == MmStrategy::kLocal || strategy == MmStrategy::kSharded) {
    share.reason = fmt::format("--mm-broadcast {} makes images in every process", name_of(*strategy));
  } else if (!have_each(ranks, num_own)) {
    share.reason = "the processes have different numbers of ranks";
  } else if (group_size % num_own == 0 && group_size > num_own) {
    share.shard.own.begin = ranks.own.begin % group_size;
    share.shard.own.end = share.shard.own.begin + num_own;
  } else if (num_own % group_size != 0) {
    share.reason = fmt::format("the {} ranks of a process are not of whole groups of {}", num_own, group_size);
  }
  return share;
}

}  // namespace braid
