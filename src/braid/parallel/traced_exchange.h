// An exchange that records what its rank does: its own calls, the phases between them, which follow from a layer's
// order of calls, and how long each call waited (recorded as if all waiting came first). So models need no
// instrumentation. It counts its seconds also while nothing is recorded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "braid/base/index_range.h"
#include "braid/base/step_trace.h"
#include "braid/parallel/token_exchange.h"

namespace braid {

class TracedExchange final : public TokenExchange {
 public:
  // `inner` and `trace` must outlive it.
  TracedExchange(TokenExchange& inner, StepTrace& trace, int32_t rank) : inner_(inner), trace_(trace), rank_(rank) {}

  // Called around each step's forward pass and logits. The time from the last call to end_step() counts as sampling, or
  // as the head if that chooses tokens itself.
  void begin_step(uint64_t step);
  void end_step();

  std::optional<DpPaddingMode> prepare_step(int64_t step, std::span<const int32_t> group_tokens,
                                            bool in_halves) override {
    return inner_.prepare_step(step, group_tokens, in_halves);
  }
  int32_t num_parts() const override { return inner_.num_parts(); }
  IndexRange part_rows(int32_t part, int64_t group_rows) const override { return inner_.part_rows(part, group_rows); }
  void select_part(int32_t part) override;
  IndexRange own_rows(int64_t group_rows) const override { return inner_.own_rows(group_rows); }
  Rows own_slot(const RowsBuffer& fallback, int64_t rows) override { return inner_.own_slot(fallback, rows); }
  ConstRows group_gather(ConstRows own) override;
  ConstRows group_scatter(ConstRows partial_sums) override;
  void group_sum(Rows parts) override;
  int64_t gathered_rows() const override { return inner_.gathered_rows(); }
  void begin_gather(ConstRows own) override;
  ConstRows finish_gather() override;
  void begin_scatter(ConstRows partial_sums) override;
  ConstRows finish_scatter() override;
  ConstRows gather_logit_rows(ConstRows own) override;
  Rows logit_slot(const RowsBuffer& fallback, int64_t rows) override { return inner_.logit_slot(fallback, rows); }
  ConstRows share_logits(ConstRows product, int64_t group_rows, int64_t vocab_size) override;
  bool has_whole_head() const override { return inner_.has_whole_head(); }

  // Of all steps so far, in seconds: in calls, and in feed-forward layers, which all ranks share out evenly.
  double exchanged_s() const { return exchanged_s_; }
  double even_work_s() const { return even_work_s_; }
  // In calls that groups make together, and in what they share out between those, also the head.
  double shared_s() const { return shared_s_; }

 private:
  template <typename Call>
  ConstRows traced(TracePhase own, TracePhase next, const Call& call);
  // The same, of all groups together.
  template <typename Call>
  ConstRows shared(TracePhase own, TracePhase next, const Call& call);
  void end_phase(TracePhase next, double waited_s = 0);

  TokenExchange& inner_;
  StepTrace& trace_;
  const int32_t rank_;
  uint64_t step_ = 0;
  TracePhase phase_ = TracePhase::kAttention;
  size_t part_ = 0;
  std::array<TracePhase, 2> phases_{};  // of each part, while another one is selected
  double since_s_ = 0;                  // 0: tracing was off
  double exchanged_s_ = 0;
  double even_work_s_ = 0;
  double shared_s_ = 0;
  double last_call_s_ = 0;  // when the last call returned
};

}  // namespace braid
