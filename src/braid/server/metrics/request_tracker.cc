#include "braid/server/metrics/request_tracker.h"

#include <algorithm>

namespace braid::metrics {

RequestTracker::RequestTracker(int32_t num_choices, double start_s)
    : start_s_(start_s), choices_(static_cast<size_t>(num_choices)), num_open_(num_choices), end_s_(start_s) {}

void RequestTracker::add(const Delta& delta, double now_s) {
  Choice& choice = choices_.at(static_cast<size_t>(delta.index));
  if (!delta.tokens.empty()) {
    if (choice.num_tokens == 0) choice.first_s = now_s;
    choice.last_s = now_s;
    choice.num_tokens += static_cast<int64_t>(delta.tokens.size());
    if (!record_.first_token_s) record_.first_token_s = now_s - start_s_;
  }
  if (delta.queue_s) record_.queue_s = std::min(record_.queue_s.value_or(*delta.queue_s), *delta.queue_s);
  if (delta.finish == FinishReason::kNone) return;
  record_.prompt_tokens = delta.usage.prompt_tokens;
  record_.cached_tokens = std::max<int64_t>(record_.cached_tokens, delta.usage.cached_tokens);
  record_.output_tokens += delta.usage.output_tokens;
  if (delta.finish == FinishReason::kAbort) record_.was_aborted = true;
  --num_open_;
  end_s_ = now_s;
}

RequestRecord RequestTracker::record() const {
  RequestRecord record = record_;
  record.end_to_end_s = end_s_ - start_s_;
  double seconds = 0;
  int64_t num_gaps = 0;
  for (const Choice& choice : choices_) {
    if (choice.num_tokens < 2) continue;
    seconds += choice.last_s - choice.first_s;
    num_gaps += choice.num_tokens - 1;
  }
  if (num_gaps > 0) record.inter_token_s = seconds / static_cast<double>(num_gaps);
  return record;
}

}  // namespace braid::metrics
