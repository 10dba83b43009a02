// A layer's view of one step: the device, the exchange, the attention batch, and scratch memory for the largest step.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "braid/attention/attention_backend.h"
#include "braid/kernels/ops.h"
#include "braid/model/workspace.h"
#include "braid/parallel/token_exchange.h"
#include "braid/tensor/rows.h"

namespace braid {

// What a vision tower made of an image, as the decoder reads it: a row for each of the image's tokens.
struct ImageFeatureRows {
  ConstRows embeddings;                   // [tokens, hidden] float32
  std::vector<ConstRows> deepstack = {};  // the same shape: added to the residual stream after layer 0, 1, …
};

// The rows of a part that are placeholders of one image, or of a piece of it.
struct ImageRows {
  int64_t first_row = 0;  // of the part's rows of the group
  int64_t num_rows = 0;
  int64_t first_feature = 0;  // the row of `features` for first_row
  const ImageFeatureRows* features = nullptr;
};

// A step may have two parts: then each is a Step of its own, and their rows are the group's rows, one part after the
// other (TokenExchange::part_rows).
struct Step {
  Ops& ops;
  TokenExchange& exchange;
  AttentionBackend& attention_backend;
  Workspace& workspace;
  std::span<const KvLayer> kv_layers;  // one for each layer of the model
  // By kv_group (kv/kv_group.h), with the same sequences in each. Their rows are the group's rows of this part, in
  // order.
  std::span<const std::vector<AttentionSequence>> sequences;
  std::span<const int32_t> positions;            // of these rows
  std::span<const uint8_t> uses_long_rope = {};  // RopePositions::uses_long_rope
  std::span<const int32_t> grid_rows = {};       // RopePositions::rows and cols
  std::span<const int32_t> grid_cols = {};
  std::span<const ImageRows> images = {};  // in these rows
};

// The residual stream: the rank's own rows [tokens, hidden], float32, updated in place.
class Residual {
 public:
  // `multiplier`: of everything that is added.
  Residual(Ops& ops, Rows rows, float multiplier = 1.0F) : ops_(ops), rows_(rows), multiplier_(multiplier) {}
  void operator+=(ConstRows delta) const {
    if (multiplier_ == 1.0F) return ops_.add(delta, rows_);
    ops_.parallel_for(rows_.rows, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        const float* from = delta.row<float>(row);
        float* to = rows_.row<float>(row);
        for (int64_t i = 0; i < rows_.cols; ++i) to[i] += multiplier_ * from[i];
      }
    });
  }
  operator ConstRows() const { return rows_; }  // NOLINT: implicit on purpose

 private:
  Ops& ops_;
  Rows rows_;
  float multiplier_;
};

}  // namespace braid
