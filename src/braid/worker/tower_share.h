// Which parts of a vision tower this process has, and why. Where a group's ranks are in several processes, these share
// a tower as they share the text model; the ranks of one process have all of it between them. A pure function, the same
// for all processes. Tested by tower_share_test.cc.
#pragma once

#include <optional>
#include <string>

#include "braid/config/vision_config.h"
#include "braid/model/vision/vision_shard.h"
#include "braid/wire/mm_strategy.h"
#include "braid/worker/process_ranks.h"

namespace braid {

struct TowerShare {
  VisionShard shard;
  std::string reason;  // why the process has more than its ranks' parts, or why there are no parts; empty: neither

  // Whether images are encoded together with other processes.
  bool is_split() const { return !shard.is_whole(); }
};

// `strategy`: --mm-broadcast, absent: auto. With one by which every process makes images, each needs the whole tower.
TowerShare tower_share(const VisionConfig& config, const ProcessRanks& ranks, std::optional<MmStrategy> strategy);

}  // namespace braid
