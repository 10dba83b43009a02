// The exchange of a rank in a world of several ranks. If ranks share memory, gathering copies nothing: each rank writes
// its own rows into one buffer, and after a barrier all see them. Otherwise the padding mode's collectives copy the
// rows.
#pragma once

#include <array>
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
  std::optional<DpPaddingMode> prepare_step(int64_t step, std::span<const int32_t> group_tokens,
                                            bool in_halves = false) override;

  // The mode for these numbers of tokens, as the user asked. The same on all ranks.
  DpPaddingMode choose_padding(std::span<const int32_t> group_tokens) const;

  // Whether steps may be computed in halves: rows travel between ranks, and each group is one rank. Within a larger
  // group attention waits for rows of its other ranks, which a half would do twice.
  bool may_halve() const { return !world_.shares_memory() && group_.size() == 1 && world_.size() > 1; }

  int32_t num_parts() const override { return num_parts_; }
  IndexRange part_rows(int32_t part, int64_t group_rows) const override;
  void select_part(int32_t part) override { part_ = static_cast<size_t>(part); }

  // The layout of this step, or of its part. The rank's own rows are rows [in_group, in_group + rows) of its group's.
  const RowLayout& layout() const { return parts_[part_].layout; }
  const RowLayout::Shard& own_shard() const { return layout().shards[static_cast<size_t>(config_.place.tp_rank)]; }

  const ExchangeTimes& times() const { return times_; }
  const DpAttentionConfig& config() const { return config_; }
  const std::optional<ExchangeCosts>& costs() const { return costs_; }
  void set_costs(ExchangeCosts costs) { costs_ = std::move(costs); }

  IndexRange own_rows(int64_t group_rows) const override;
  Rows own_slot(const RowsBuffer& fallback, int64_t rows) override;
  ConstRows group_gather(ConstRows own) override;
  ConstRows group_scatter(ConstRows partial_sums) override;
  void group_sum(Rows parts) override;
  int64_t gathered_rows() const override { return layout().total_rows; }
  void begin_gather(ConstRows own) override;
  ConstRows finish_gather() override;
  void begin_scatter(ConstRows partial_sums) override;
  ConstRows finish_scatter() override;
  ConstRows gather_logit_rows(ConstRows own) override;
  Rows logit_slot(const RowsBuffer& fallback, int64_t rows) override;
  ConstRows share_logits(ConstRows product, int64_t group_rows, int64_t vocab_size) override;
  bool has_whole_head() const override;
  double waited_s() const override { return times_.wait_s; }
  ExchangeCounts take_counts() override { return std::exchange(counts_of_step_, {}); }

 private:
  // Each part has its own rows of all buffers, behind those of the part before.
  struct Part {
    RowLayout layout;
    int64_t first_row = 0;  // in the rows of all ranks
    int64_t first_sum = 0;  // in own_sums_
    ConstRows partial_sums;
    ExchangeCounts bytes;  // what one exchange moves among all ranks, by the rank's group
  };

  Part& part() { return parts_[part_]; }
  bool is_split() const { return num_parts_ > 1; }
  RoundedScatter::Before before_part() const {
    return {.rows = parts_[part_].first_row, .own_rows = parts_[part_].first_sum};
  }
  Rows all_rows() const {
    return buffers_->rows.first(parts_[part_].first_row + layout().total_rows)
        .slice_rows(parts_[part_].first_row, layout().total_rows);
  }
  Rows own_sums(int64_t rows) const {
    return own_sums_.first(parts_[part_].first_sum + rows).slice_rows(parts_[part_].first_sum, rows);
  }
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
  std::array<Part, 2> parts_;
  int32_t num_parts_ = 1;
  size_t part_ = 0;
  DpPaddingMode mode_ = DpPaddingMode::kExact;
  std::vector<const void*> world_sums_;
  std::vector<const void*> group_sums_;
  std::vector<int64_t> counts_;  // of the group's ranks
  ExchangeTimes times_;
  ExchangeCounts bytes_of_group_;  // what one exchange of this step moves within the group
  ExchangeCounts counts_of_step_;
};

}  // namespace braid
