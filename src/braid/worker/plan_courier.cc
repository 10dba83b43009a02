#include "braid/worker/plan_courier.h"

#include <algorithm>

#include "braid/worker/token_work.h"

namespace braid {

// Each piece of a move has a page at least.
StepPlanLimits step_plan_limits(const SchedulerConfig& group, int64_t vocab_size, int32_t num_groups) {
  StepPlanLimits limits{.max_sequences = group.max_running_requests,
                        .max_step_tokens = max_step_tokens(group),
                        .context_len = group.context_len,
                        .vocab_size = static_cast<int32_t>(vocab_size),
                        .page_size = group.page_size,
                        .num_groups = num_groups,
                        .max_moves = std::max(kMaxMovesUnderWay, group.max_moved_pages)};
  for (const KvGroupPool& pool : group.kv_groups()) {
    limits.kv_groups.push_back({.window = pool.window, .num_pages = pool.num_pages});
  }
  return limits;
}

Result<int64_t> PlanCourier::send(const StepPlan& plan) const {
  const std::vector<std::byte> bytes = encode(plan);
  for (const int32_t receiver : receivers_) TRY_STATUS(group_.send(bytes, receiver));
  return static_cast<int64_t>(bytes.size());
}

Result<std::shared_ptr<const StepPlan>> PlanCourier::receive(std::span<const StepHeader> headers) const {
  const int64_t num_bytes = headers[static_cast<size_t>(publisher_)].plan_bytes;
  if (num_bytes == 0) return std::shared_ptr<const StepPlan>();
  if (num_bytes < 0 || num_bytes > limits_.max_bytes) {
    return fail("the publisher at rank {} announces a plan of {} bytes, {} are allowed", publisher_, num_bytes,
                limits_.max_bytes);
  }
  std::vector<std::byte> bytes(static_cast<size_t>(num_bytes));
  TRY_STATUS(group_.recv(bytes, 0));
  auto plan = decode_step_plan(bytes, limits_);
  if (!plan.ok()) return fail("the plan of the publisher at rank {}: {}", publisher_, plan.error().message);
  return std::make_shared<const StepPlan>(std::move(plan).value());
}

}  // namespace braid
