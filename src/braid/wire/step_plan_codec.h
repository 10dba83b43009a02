// StepPlans as bytes (FlatBuffers, step_plan.fbs). A group's publisher sends them to its subscribers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/wire/step_plan.h"

namespace braid {

// The layers with the same attention window.
struct KvGroupLimits {
  int32_t window = 0;  // 0: they see all positions
  int32_t num_pages = 0;
};

// The limits of a plan; both ends know them from the start.
struct StepPlanLimits {
  int64_t max_bytes = int64_t{1} << 28;
  int32_t max_sequences = 0;
  int64_t max_step_tokens = 0;  // new tokens of all sequences
  int64_t context_len = 0;
  int32_t vocab_size = 0;
  int32_t page_size = 0;
  std::vector<KvGroupLimits> kv_groups = {};
  int32_t num_groups = 1;  // DP groups of all worlds
  int32_t max_moves = 0;   // leaving, and as many arriving
};

std::vector<std::byte> encode(const StepPlan& plan);

// Returns the plan, or an error that names the first thing that is wrong with the bytes. Nothing is read before it is
// verified. A returned plan can be executed without further checks.
Result<StepPlan> decode_step_plan(std::span<const std::byte> bytes, const StepPlanLimits& limits);

}  // namespace braid
