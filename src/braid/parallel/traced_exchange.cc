#include "braid/parallel/traced_exchange.h"

#include <algorithm>

#include "braid/base/clock.h"

namespace braid {

void TracedExchange::end_phase(TracePhase next, double waited_s) {
  const double now_s = trace_.is_on() ? monotonic_seconds() : 0;
  if (since_s_ > 0 && now_s > 0) {
    const double begin_s = std::min(since_s_ + waited_s, now_s);
    if (waited_s > 0) {
      trace_.add(rank_, {.phase = TracePhase::kWait, .step = step_, .begin_s = since_s_, .end_s = begin_s});
    }
    trace_.add(rank_, {.phase = phase_, .step = step_, .begin_s = begin_s, .end_s = now_s});
  }
  phase_ = next;
  since_s_ = now_s;
}

void TracedExchange::begin_step(uint64_t step) {
  step_ = step;
  since_s_ = 0;
  part_ = 0;
  phases_.fill(TracePhase::kAttention);
  end_phase(TracePhase::kAttention);
}

void TracedExchange::end_step() {
  end_phase(TracePhase::kAttention);
  since_s_ = 0;
}

template <typename Call>
ConstRows TracedExchange::traced(TracePhase own, TracePhase next, const Call& call) {
  if (phase_ == TracePhase::kFfn) even_work_s_ += monotonic_seconds() - last_call_s_;
  if (phase_ != own) end_phase(own);  // else the call's other half went before
  const double waited_before_s = inner_.waited_s();
  const double begin_s = monotonic_seconds();
  const ConstRows rows = call();
  const double end_s = monotonic_seconds();
  exchanged_s_ += end_s - begin_s;
  last_call_s_ = end_s;
  if (next != own) end_phase(next, inner_.waited_s() - waited_before_s);
  return rows;
}

template <typename Call>
ConstRows TracedExchange::shared(TracePhase own, TracePhase next, const Call& call) {
  const bool is_even = phase_ == TracePhase::kFfn || phase_ == TracePhase::kHead;
  const double begin_s = is_even ? last_call_s_ : monotonic_seconds();
  const ConstRows rows = traced(own, next, call);
  shared_s_ += last_call_s_ - begin_s;
  return rows;
}

ConstRows TracedExchange::group_gather(ConstRows own) {
  return traced(TracePhase::kGather, TracePhase::kAttention, [&] { return inner_.group_gather(own); });
}

ConstRows TracedExchange::group_scatter(ConstRows partial_sums) {
  return traced(TracePhase::kScatter, TracePhase::kAttention, [&] { return inner_.group_scatter(partial_sums); });
}

void TracedExchange::group_sum(Rows parts) {
  traced(TracePhase::kScatter, TracePhase::kAttention, [&]() -> ConstRows {
    inner_.group_sum(parts);
    return parts;
  });
}

// A call that has begun goes on when its part is selected again; what is computed meanwhile is another part's.
void TracedExchange::select_part(int32_t part) {
  inner_.select_part(part);
  if (static_cast<size_t>(part) == part_) return;
  phases_[part_] = phase_;
  part_ = static_cast<size_t>(part);
  end_phase(phases_[part_]);
}

void TracedExchange::begin_gather(ConstRows own) {
  shared(TracePhase::kGather, TracePhase::kGather, [&]() -> ConstRows {
    inner_.begin_gather(own);
    return {};
  });
}

ConstRows TracedExchange::finish_gather() {
  return shared(TracePhase::kGather, TracePhase::kFfn, [&] { return inner_.finish_gather(); });
}

void TracedExchange::begin_scatter(ConstRows partial_sums) {
  shared(TracePhase::kScatter, TracePhase::kScatter, [&]() -> ConstRows {
    inner_.begin_scatter(partial_sums);
    return {};
  });
}

ConstRows TracedExchange::finish_scatter() {
  return shared(TracePhase::kScatter, TracePhase::kAttention, [&] { return inner_.finish_scatter(); });
}

ConstRows TracedExchange::gather_logit_rows(ConstRows own) {
  const auto call = [&] { return inner_.gather_logit_rows(own); };
  if (has_whole_head()) return traced(TracePhase::kGather, TracePhase::kHead, call);
  return shared(TracePhase::kGather, TracePhase::kHead, call);
}

ConstRows TracedExchange::share_logits(ConstRows product, int64_t group_rows, int64_t vocab_size) {
  const auto call = [&] { return inner_.share_logits(product, group_rows, vocab_size); };
  if (has_whole_head()) return traced(TracePhase::kScatter, TracePhase::kSample, call);
  return shared(TracePhase::kScatter, TracePhase::kSample, call);
}

}  // namespace braid
