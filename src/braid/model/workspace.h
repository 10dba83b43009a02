// A rank's activations: allocated once for the largest step, shared by all layers, committed on first use. Tested by
// workspace_test.cc and sharded_model_test.cc.
#pragma once

#include <cstdint>

#include "braid/config/model_config.h"
#include "braid/model/local_shape.h"
#include "braid/tensor/buffer.h"

namespace braid {

// Rows of the largest step.
struct StepLimits {
  int64_t group_tokens = 0;      // of one group
  int64_t all_tokens = 0;        // of all groups of the world together, padded (max_gathered_rows)
  int64_t group_logit_rows = 0;  // of one group: the rows of one product for logits
};

// Of what products read: kFloat32 or kBFloat16.
struct RowTypes {
  // Not explicit: one dtype is that of all.
  constexpr RowTypes(DType all) : rows(all), exchanged(all) {}
  constexpr RowTypes(DType of_rows, DType of_exchanged) : rows(of_rows), exchanged(of_exchanged) {}

  DType rows;
  DType exchanged;  // of rows that travel between ranks: the exchange's
};

struct Workspace {
  Workspace(const ModelConfig& config, const LocalShape& shape, const RowTypes& types, const StepLimits& limits);

  int64_t bytes() const;

  // Rows of a slice of a step whose gates and ups are apart: enough to reuse the weights that it reads.
  static constexpr int64_t kGateUpRows = 512;

  // [rows, hidden] float32: what attention adds to the residual stream. With several ranks it is not `delta`, because
  // other ranks may still read `delta` when this rank begins its next layer.
  Rows attention_delta(int64_t rows) const { return (is_alone_ ? delta : attention_partial).first(rows); }

  // [rows, heads * head_dim] row type: what attention makes of `queries`, in their place where it is float32 too.
  Rows attended_of(Rows queries) const { return attended.max_rows() == 0 ? queries : attended.first(queries.rows); }

  // [rows, hidden] float32: this rank's partial sums of a feed-forward block.
  Rows ffn_delta(int64_t rows) const { return delta.first(first_delta + rows).slice_rows(first_delta, rows); }

  int64_t first_delta = 0;      // rows of `delta` that another part of the step has, whose sums are on their way
  int64_t touched_experts = 0;  // experts with rows in this step so far, summed over the layers

  RowsBuffer residual;    // [tokens, hidden] float32
  RowsBuffer qk_squares;  // [group's tokens, 2] float32: sums of squares of q and of k, for a norm over all heads
  RowsBuffer attention_partial;  // [group's tokens, hidden] float32; not for a single rank
  RowsBuffer normed_delta;       // [group's tokens, hidden] float32: `delta` after its norm
  RowsBuffer router_input;       // [tokens, hidden] float32, mixtures only
  RowsBuffer router_logits;      // [tokens, experts] float32
  RowsBuffer shared_gates;       // [tokens, 1] float32, mixtures with a shared expert only
  RowsBuffer logit_input;        // [logit rows, hidden] float32: the residual rows for logits
  RowsBuffer logit_normed;       // [logit rows, hidden] row type; with several ranks the exchange's

  // What a block reads, and what it adds to the residual stream. Its first products read the one, its last writes the
  // other, so both have the same memory.
  RowsBuffer normed;  // [tokens, hidden] row type; with several ranks in the exchange's memory
  RowsBuffer delta;   // [tokens, hidden] float32

  // The first two are read and written within a layer's attention, the logits behind the last layer, the others within
  // a feed-forward block. So all three have the same memory.
  RowsBuffer qkv;             // [group's tokens, (heads + 2 kv_heads) * head_dim] float32
  RowsBuffer attended;        // [group's tokens, heads * head_dim] row type; none where that is float32 (attended_of)
  RowsBuffer logits;          // [logit rows, vocab] float32; with several ranks in the exchange's memory
  RowsBuffer ffn_hidden;      // [tokens, ffn] row type
  RowsBuffer gate_up_sums;    // [2 x kGateUpRows or fewer, widest ffn] float32: gates and ups that are apart
  RowsBuffer expert_hidden;   // [tokens * top_k, expert_ffn] row type
  RowsBuffer shared_hidden;   // [tokens, shared_ffn] row type
  RowsBuffer expert_outputs;  // [tokens * top_k, hidden] float32, then the shared expert's [tokens, hidden]

 private:
  bool is_alone_;
  int64_t shared_bytes_ = 0;  // of the memory that several buffers have
};

}  // namespace braid
