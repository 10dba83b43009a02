// What the log says of the ranks of a process when they are loaded.
//
// Tested by rank_set_test.cc.
#pragma once

#include <cstdint>
#include <string>

#include "braid/base/log.h"
#include "braid/config/model_config.h"
#include "braid/kv/pool_size.h"
#include "braid/model/load_model.h"
#include "braid/worker/process_ranks.h"
#include "braid/worker/tower_share.h"

namespace braid {

// The layout, the DP groups and where the ranks run. Nothing for a single rank.
void log_ranks(const ProcessRanks& ranks, const ModelConfig& config, Logger& logger);

// Of how many parts the vision tower is and how much of it is here. Nothing if there is none (null) or one rank.
void log_tower(const TowerShare& share, const VisionTower* tower, const ProcessRanks& ranks, Logger& logger);

struct LoadedSizes {
  DType dtype = DType::kBFloat16;
  KvShape kv_shape;  // of one rank
  PoolSize pool;     // of one rank
  int64_t exchange_bytes = 0;
  int64_t move_bytes = 0;  // for copies of moving sequences; 0: none moves
  int64_t max_moving_tokens = 0;
  int64_t step_tokens = 0;       // the most in one step of a group
  int32_t running_requests = 0;  // the most of a group
  std::string kernels;           // what computes: "cpu/avx512_bf16"
  std::string attention;
};
// Weights, exchange buffers and KV pools.
void log_loaded(const ProcessRanks& ranks, const ModelConfig& config, const LoadedModel& loaded,
                const LoadedSizes& sizes, Logger& logger);

}  // namespace braid
