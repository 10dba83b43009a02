#include "braid/model/layers/decoder.h"

#include <algorithm>

#include "braid/base/check.h"
#include "braid/base/index_range.h"

namespace braid {

Rows Decoder::forward(Step& step, std::span<const TokenId> ids) const {
  const IndexRange own = step.exchange.own_rows(static_cast<int64_t>(ids.size()));
  const Rows rows = step.workspace.residual.first(own.end - own.begin);
  (*weights_.embedding)(step.ops, ids.subspan(static_cast<size_t>(own.begin), static_cast<size_t>(rows.rows)), rows);
  if (weights_.embedding_multiplier != 1.0F) {
    step.ops.parallel_for(rows.rows, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        float* values = rows.row<float>(row);
        for (int64_t i = 0; i < rows.cols; ++i) values[i] *= weights_.embedding_multiplier;
      }
    });
  }
  const Residual x(step.ops, rows, weights_.residual_multiplier);
  for (const auto& layer : weights_.layers) layer->forward(step, x);
  return rows;
}

// The chosen rows, normed, from all ranks that share the head.
ConstRows Decoder::gather_head_input(Step& step, ConstRows hidden, std::span<const int32_t> rows) const {
  CHECK(std::ranges::is_sorted(rows), "rows for logits must ascend");
  const IndexRange own = step.exchange.own_rows(static_cast<int64_t>(step.positions.size()));
  std::vector<int32_t> own_rows;
  for (const int32_t row : rows) {
    if (row >= own.begin && row < own.end) own_rows.push_back(row - static_cast<int32_t>(own.begin));
  }
  const auto num_own = static_cast<int64_t>(own_rows.size());
  const Rows chosen = step.workspace.logit_input.first(num_own);
  step.ops.embed(own_rows, hidden, chosen);  // looks rows up, like an embedding
  const Rows normed = step.workspace.logit_normed.first(num_own);
  weights_.final_norm(step.ops, chosen, normed);
  return step.exchange.gather_logit_rows(normed);
}

ConstRows Decoder::logits(Step& step, ConstRows hidden, std::span<const int32_t> rows) const {
  const ConstRows gathered = gather_head_input(step, hidden, rows);
  const Rows product = step.exchange.logit_slot(step.workspace.logits, gathered.rows);
  step.ops.matmul(gathered, *weights_.head, product);
  if (weights_.logits_soft_cap > 0) step.ops.soft_cap(product, weights_.logits_soft_cap);
  return step.exchange.share_logits(product, static_cast<int64_t>(rows.size()), weights_.vocab_size);
}

bool Decoder::largest_logits(Step& step, ConstRows hidden, std::span<const int32_t> rows,
                             std::span<RowMax> maxima) const {
  // A soft cap can make different values equal, and of equal values the lowest token wins.
  if (weights_.logits_soft_cap > 0 || !step.exchange.has_whole_head()) return false;
  step.ops.matmul_max(gather_head_input(step, hidden, rows), *weights_.head, weights_.vocab_size, maxima);
  return true;
}

void Decoder::list_weights(const DecoderTensors& tensors, std::span<const LayerTensors> layers,
                           WeightList& list) const {
  CHECK(layers.size() == weights_.layers.size());
  weights_.embedding->list_weights(tensors.embedding, list);
  for (size_t layer = 0; layer < layers.size(); ++layer) weights_.layers[layer]->list_weights(layers[layer], list);
  weights_.final_norm.list_weights(tensors.final_norm, list);
  list.add((tensors.head ? *tensors.head : tensors.embedding).name, *weights_.head);
}

}  // namespace braid
