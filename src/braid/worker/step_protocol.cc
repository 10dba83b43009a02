#include "braid/worker/step_protocol.h"

#include <algorithm>

#include "braid/base/check.h"

namespace braid {

int64_t num_logit_rows(const StepPlan& plan) {
  int64_t total = 0;
  for (const SequencePlan& sequence : plan.sequences) {
    total += static_cast<int64_t>(sequence.scoring.tokens.size()) + (sequence.samples ? 1 : 0);
  }
  return total;
}

bool may_begin_prefills(std::span<const StepHeader> headers, int32_t max_held_steps) {
  int32_t num_busy = 0;
  int32_t num_holding = 0;
  for (const StepHeader& header : headers) {
    if (header.prefill_goes_on || header.held_steps >= max_held_steps) return true;
    num_busy += header.num_tokens > 0 ? 1 : 0;
    num_holding += header.held_steps > 0 ? 1 : 0;
  }
  return num_busy <= 1 || num_holding == num_busy;
}

StepDecision decide_step(std::span<const StepHeader> headers) {
  CHECK(!headers.empty());
  const StepHeader& first = headers.front();
  const auto all_have = [&](auto member) {
    return std::ranges::all_of(headers, [&](const StepHeader& header) { return header.*member == first.*member; });
  };
  const bool is_one_round = all_have(&StepHeader::round);
  StepDecision decision;
  for (size_t rank = 0; rank < headers.size(); ++rank) {
    if (headers[rank].has_failed || !is_one_round) decision.failed_ranks.push_back(static_cast<int32_t>(rank));
  }
  if (!decision.failed_ranks.empty() || std::ranges::any_of(headers, &StepHeader::must_stop)) {
    decision.kind = StepDecision::Kind::kEnd;
  } else if (std::ranges::any_of(
                 headers, [](const StepHeader& header) { return header.num_tokens > 0 || header.moves_pages; })) {
    decision.kind = StepDecision::Kind::kExecute;
  } else if (all_have(&StepHeader::work_count) && std::ranges::none_of(headers, [](const StepHeader& header) {
               return header.image_bytes != 0 || header.has_image_news;
             })) {
    decision.kind = StepDecision::Kind::kPark;
    decision.work_count = first.work_count;
  }
  return decision;
}

}  // namespace braid
