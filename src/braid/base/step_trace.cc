#include "braid/base/step_trace.h"

#include <array>
#include <utility>

#include "braid/base/clock.h"

namespace braid {

std::string_view trace_phase_name(TracePhase phase) {
  constexpr std::array<std::string_view, kNumTracePhases + 1> kNames = {"plan",   "header", "attention", "wait",
                                                                        "gather", "ffn",    "scatter",   "head",
                                                                        "sample", "commit", "idle",      "operation"};
  return kNames[static_cast<size_t>(phase)];
}

StepTrace::StepTrace(int32_t num_ranks) {
  for (int32_t rank = 0; rank < num_ranks; ++rank) ranks_.push_back(std::make_unique<Rank>());
}

void StepTrace::start() {
  for (const auto& rank : ranks_) {
    const std::lock_guard lock(rank->mutex);
    rank->spans.clear();
    rank->num_added = 0;
  }
  is_on_ = true;
}

std::vector<std::vector<TraceSpan>> StepTrace::stop() {
  is_on_ = false;
  return take();
}

std::vector<std::vector<TraceSpan>> StepTrace::take() {
  std::vector<std::vector<TraceSpan>> all;
  for (const auto& rank : ranks_) {
    const std::lock_guard lock(rank->mutex);
    all.push_back(std::exchange(rank->spans, {}));
  }
  return all;
}

void StepTrace::add(int32_t rank, const TraceSpan& span) {
  if (!is_on()) return;
  Rank& own = *ranks_[static_cast<size_t>(rank)];
  const std::lock_guard lock(own.mutex);
  if (!is_on() || own.num_added == kMaxSpans) return;
  own.spans.push_back(span);
  ++own.num_added;
}

TraceScope::TraceScope(StepTrace* trace, int32_t rank, TracePhase phase, uint64_t step) {
  if (trace == nullptr || !trace->is_on()) return;
  trace_ = trace;
  rank_ = rank;
  span_ = {.phase = phase, .step = step, .begin_s = monotonic_seconds()};
}

TraceScope::~TraceScope() {
  if (trace_ == nullptr) return;
  span_.end_s = monotonic_seconds();
  trace_->add(rank_, span_);
}

}  // namespace braid
