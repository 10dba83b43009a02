// The exchange of data-parallel attention: gathers the groups' token rows for the layers that all ranks share, and
// scatters the sums back to the rows' owners. Tested by dp_token_exchange_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "braid/kernels/ops.h"
#include "braid/parallel/communicator.h"
#include "braid/parallel/exchange_costs.h"
#include "braid/parallel/padding.h"
#include "braid/parallel/topology.h"
#include "braid/tensor/rows.h"

namespace braid {

struct DpAttentionConfig {
  RankPlace place;
  int64_t hidden = 0;                 // columns of a row
  DType dtype = DType::kBFloat16;     // of gathered rows
  DType sum_dtype = DType::kFloat32;  // of partial sums between ranks; bfloat16: they are rounded before they are added
  int64_t max_group_tokens = 0;       // of one group in the largest step
  DpPadding padding;                  // as the user asked
  ExchangeCosts known_costs;   // the same on all ranks; no points: measured where padding is auto and rows are copied
  int64_t vocab_rows = 0;      // columns of each part of the head, padding included
  int64_t max_logit_rows = 0;  // of one group in one product with the head
  int64_t max_bytes = 0;       // limit of exchange_bytes(); 0: none

  int64_t row_bytes() const { return hidden * dtype_bytes(dtype); }
  int64_t sum_row_bytes() const { return hidden * dtype_bytes(sum_dtype); }  // as it travels
  int64_t max_rows() const { return max_gathered_rows(place.dp_size, max_group_tokens, place.attn_tp_size); }
  int64_t max_own_rows() const { return max_rows() / place.tp_size; }
  int64_t all_logit_rows() const {  // of all ranks that share the head
    return max_logit_rows * (place.head_parallel == HeadParallel::kWorld ? place.dp_size : 1);
  }
};

// The bytes of one rank's buffers: its own, and its share of those that the ranks of a process have in common.
int64_t exchange_bytes(const DpAttentionConfig& config, bool shares_memory);

// One step's data, the same on all ranks because it follows from the exchanged headers.
struct DpAttentionMetadata {
  int64_t step = 0;
  std::vector<int32_t> group_tokens;  // 0: an idle group
  DpPaddingMode padding = DpPaddingMode::kExact;
  bool in_halves = false;  // TokenExchange::prepare_step
};

// Of each rank, in `unit`s.
std::vector<int64_t> slot_counts(const RowLayout& layout, int64_t unit);

// Gathers the rows of all ranks into `all` (contiguous, [layout.total_rows, hidden]) by the mode's collective. Bits are
// unchanged, padding rows are zero. `own` may lie in `all` at its place. Any dtype of 2 or 4 bytes, with an even number
// of columns.
Status dp_gather_tokens(const WorldCommunicator& world, const RowLayout& layout, DpPaddingMode mode, ConstRows own,
                        Rows all);

// Scatters each rank's partial sums of all rows (contiguous float32 [layout.total_rows, hidden]) to their owners:
// own[i] is the sum in rank order. `own` is contiguous and as long as the shard's slot.
Status dp_scatter_tokens(const WorldCommunicator& world, const RowLayout& layout, DpPaddingMode mode,
                         ConstRows partial_sums, Rows own);

// Begins the same: world.finish() ends it.
Status dp_begin_scatter_tokens(const WorldCommunicator& world, const RowLayout& layout, ConstRows partial_sums,
                               Rows own);

class DpTokenExchange;

// Called by all ranks of the world at once, before their first step. Allocates the buffers for the largest step. If
// padding is auto and rows are copied, measures the cost of each mode (measure_costs.h).
Result<std::unique_ptr<DpTokenExchange>> initialize_dp_attention(const DpAttentionConfig& config, Ops& ops,
                                                                 WorldCommunicator world, GroupCommunicator group);

}  // namespace braid
