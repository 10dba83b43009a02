#include "braid/model/layers/decoder.h"

namespace braid {

Rows Decoder::forward(Step& step, std::span<const TokenId> ids) const {
  const Rows rows = step.workspace.residual.first(static_cast<int64_t>(ids.size()));
  if (weights_.embedding.max_rows() > 0) {
    step.ops.embed(ids, weights_.embedding.first(weights_.embedding.max_rows()), rows);
  } else {
    step.ops.embed(ids, weights_.head, rows);
  }
  const Residual x(step.ops, rows);
  for (const auto& layer : weights_.layers) layer->forward(step, x);
  return rows;
}

Rows Decoder::logits(Ops& ops, Workspace& workspace, ConstRows hidden, std::span<const int32_t> rows) const {
  const auto num_rows = static_cast<int64_t>(rows.size());
  const Rows chosen = workspace.logit_input.first(num_rows);
  ops.embed(rows, hidden, chosen);  // a look-up of rows, as an embedding's
  const Rows normed = workspace.logit_normed.first(num_rows);
  weights_.final_norm(ops, chosen, normed);
  const Rows logits = workspace.logits.first(num_rows);
  ops.matmul(normed, weights_.head, logits);
  return logits;
}

}  // namespace braid
