// Log lines for an operator: one for each step with prompts, one for every 40 steps that only decode.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "braid/base/log.h"
#include "braid/wire/group_load.h"
#include "braid/wire/group_outputs.h"

namespace braid {

class StepLog {
 public:
  // For one group; `dp_rank` where there are several.
  explicit StepLog(std::shared_ptr<Logger> logger, std::optional<int32_t> dp_rank = {})
      : logger_(std::move(logger)), dp_rank_(dp_rank ? fmt::format("dp_rank: {}, ", *dp_rank) : "") {}

  // Call after a step. `num_queued`: requests waiting in front of all schedulers. `num_output_tokens`: the group's,
  // since the start.
  void after_step(const StepShape& step, const SchedulerStats& stats, int64_t num_queued, uint64_t num_output_tokens,
                  double now_s);

 private:
  static constexpr int32_t kDecodeSteps = 40;

  const std::shared_ptr<Logger> logger_;
  const std::string dp_rank_;  // as printed: "dp_rank: 1, ", or empty
  uint64_t last_cached_tokens_ = 0;
  uint64_t last_output_tokens_ = 0;
  double last_decode_line_s_ = 0;
  int32_t num_decode_steps_ = 0;
};

}  // namespace braid
