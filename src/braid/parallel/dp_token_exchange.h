// The exchange of a rank in a world of several ranks. If ranks share memory, gathering copies nothing: each rank writes
// its own rows into one buffer, and after a barrier all see them. Otherwise the padding mode's collectives copy the
// rows.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/parallel/dp_attention.h"
#include "braid/parallel/exchange_costs.h"
#include "braid/parallel/logit_exchange.h"
#include "braid/parallel/rounded_scatter.h"
#include "braid/parallel/token_exchange.h"
#include "braid/tensor/buffer.h"

namespace braid {

// Since the exchange was made.
struct ExchangeTimes {
  double wait_s = 0;  // until the slowest rank arrived
  double move_s = 0;  // copies and sums (for collectives that copy, waiting included)
};

// One for all ranks if they share memory, otherwise one for each rank.
struct ExchangeBuffers {
  explicit ExchangeBuffers(const DpAttentionConfig& config);

  RowsBuffer rows;    // [max_rows(), hidden]
  RowsBuffer logits;  // [all_logit_rows(), all parts of the head]
};

class DpTokenExchange final : public TokenExchange {
 public:
  // Made by initialize_dp_attention.
  DpTokenExchange(const DpAttentionConfig& config, Ops& ops, WorldCommunicator world, GroupCommunicator group,
                  std::shared_ptr<const ExchangeBuffers> buffers);

  // Called after the headers were exchanged and before the step's first layer. No group has more than max_group_tokens.
  void begin_step(const DpAttentionMetadata& metadata);

  // The same with the mode that choose_padding() picks.
  std::optional<DpPaddingMode> prepare_step(int64_t step, std::span<const int32_t> group_tokens) override;

  // The mode for these numbers of tokens, as the user asked. The same on all ranks.
  DpPaddingMode choose_padding(std::span<const int32_t> group_tokens) const;

  // This step's layout. The rank's own rows are rows [in_group, in_group + rows) of its group.
  const RowLayout& layout() const { return layout_; }
  const RowLayout::Shard& own_shard() const { return layout_.shards[static_cast<size_t>(config_.place.tp_rank)]; }

  const ExchangeTimes& times() const { return times_; }
  const DpAttentionConfig& config() const { return config_; }
  const std::optional<ExchangeCosts>& costs() const { return costs_; }
  void set_costs(ExchangeCosts costs) { costs_ = std::move(costs); }

  IndexRange own_rows(int64_t group_rows) const override;
  Rows own_slot(const RowsBuffer& fallback, int64_t rows) override;
  ConstRows group_gather(ConstRows own) override;
  ConstRows group_scatter(ConstRows partial_sums) override;
  void group_sum(Rows parts) override;
  ConstRows gather(ConstRows own) override;
  ConstRows scatter(ConstRows partial_sums) override;
  ConstRows gather_logit_rows(ConstRows own) override;
  Rows logit_slot(const RowsBuffer& fallback, int64_t rows) override;
  ConstRows share_logits(ConstRows product, int64_t group_rows, int64_t vocab_size) override;
  bool has_whole_head() const override;
  double waited_s() const override { return times_.wait_s; }
  ExchangeCounts take_counts() override { return std::exchange(counts_of_step_, {}); }

 private:
  Rows all_rows() const { return buffers_->rows.first(layout_.total_rows); }
  Rows slot() const { return all_rows().slice_rows(own_shard().first, own_shard().rows); }
  double& waiting_s() { return world_.shares_memory() ? times_.wait_s : times_.move_s; }
  void place_own(ConstRows own);
  void count_group(int64_t unit);
  void count_bytes();
  ConstRows sum_of_peers(int64_t first_row, std::span<const void*> partial_sums);

  DpAttentionConfig config_;
  Ops& ops_;
  WorldCommunicator world_;
  GroupCommunicator group_;
  std::optional<ExchangeCosts> costs_;
  std::shared_ptr<const ExchangeBuffers> buffers_;
  LogitExchange logits_;
  RowsBuffer own_sums_;
  std::optional<RoundedScatter> rounded_;  // if sums travel rounded
  RowLayout layout_;
  DpPaddingMode mode_ = DpPaddingMode::kExact;
  std::vector<const void*> world_sums_;
  std::vector<const void*> group_sums_;
  std::vector<int64_t> counts_;        // of the group's ranks
  std::vector<int64_t> world_counts_;  // rows of each rank, where sums travel rounded
  ExchangeTimes times_;
  ExchangeCounts bytes_of_layer_;  // what one exchange of this step moves, among all ranks and within the group
  ExchangeCounts bytes_of_group_;
  ExchangeCounts counts_of_step_;
};

}  // namespace braid
