#include "braid/controller/step_log.h"

#include <algorithm>

namespace braid {
namespace {

double token_usage(const SchedulerStats& stats) {
  const int32_t used = stats.num_pages - stats.num_free_pages - stats.num_cached_pages;
  return stats.num_pages == 0 ? 0 : static_cast<double>(used) / stats.num_pages;
}

}  // namespace

void StepLog::after_step(const StepShape& step, const SchedulerStats& stats, int64_t num_queued,
                         uint64_t num_output_tokens, double now_s) {
  const int64_t num_waiting = num_queued + stats.num_waiting;
  if (step.num_prefills > 0) {
    logger_->info(
        "Prefill batch. {}#new-seq: {}, #new-token: {}, #cached-token: {}, token usage: {:.2f}, #running-req: {}, "
        "#queue-req: {}",
        dp_rank_, step.num_prefills, step.num_prompt_tokens, stats.num_cached_tokens - last_cached_tokens_,
        token_usage(stats), stats.num_running, num_waiting);
    last_cached_tokens_ = stats.num_cached_tokens;
  }
  if (step.num_prefills == step.num_sequences) return;
  if (num_decode_steps_ == 0 && last_decode_line_s_ == 0) last_decode_line_s_ = now_s;
  if (++num_decode_steps_ < kDecodeSteps) return;
  const double seconds = std::max(now_s - last_decode_line_s_, 1e-6);
  logger_->info(
      "Decode batch. {}#running-req: {}, #token: {}, token usage: {:.2f}, gen throughput (token/s): {:.2f}, "
      "#queue-req: {}",
      dp_rank_, stats.num_running, step.num_context_tokens, token_usage(stats),
      static_cast<double>(num_output_tokens - last_output_tokens_) / seconds, num_waiting);
  last_output_tokens_ = num_output_tokens;
  last_decode_line_s_ = now_s;
  num_decode_steps_ = 0;
}

}  // namespace braid
