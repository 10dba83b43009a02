#include "braid/model/layers/decoder.h"

#include <algorithm>

#include "braid/base/check.h"
#include "braid/model/layers/image_rows.h"

namespace braid {

namespace {

// A part of the step: its rows of the residual stream, and its place in the feed-forward blocks' sums.
struct StepPart {
  Step& step;
  int32_t number = 0;
  IndexRange own;  // of the part's rows of the group
  Rows rows;       // the residual stream's
  float residual_multiplier = 1.0F;
  int64_t first_delta = 0;

  Residual x() const { return {step.ops, rows, residual_multiplier}; }
  void select() const {
    step.exchange.select_part(number);
    step.workspace.first_delta = first_delta;
  }
  // After the feed-forward block of layer `index`.
  void finish_layer(const DecoderLayer& layer, size_t index) const {
    layer.add_sums(step, x());
    add_deepstack(step, index, own, rows);
  }
};

}  // namespace

// The rank's own rows of the part; `ids` are those of the group.
void Decoder::embed(Step& step, std::span<const TokenId> ids, const IndexRange& own, Rows rows) const {
  (*weights_.embedding)(step.ops, ids.subspan(static_cast<size_t>(own.begin), static_cast<size_t>(rows.rows)), rows);
  if (weights_.embedding_multiplier != 1.0F) {
    step.ops.parallel_for(rows.rows, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        float* values = rows.row<float>(row);
        for (int64_t i = 0; i < rows.cols; ++i) values[i] *= weights_.embedding_multiplier;
      }
    });
  }
  put_image_embeddings(step, own, rows);  // as they are: the multiplier is for tokens
}

// With one part nothing comes between the calls of a layer. With two, each one's rows travel while the other one is
// computed: attention of the second hides the gather of the first, and so on round.
Rows Decoder::forward(std::span<Step> steps, std::span<const TokenId> ids) const {
  const Workspace& workspace = steps.front().workspace;
  std::vector<StepPart> parts;
  int64_t num_rows = 0;
  int64_t num_sums = 0;
  for (Step& step : steps) {
    const auto number = static_cast<int32_t>(parts.size());
    step.exchange.select_part(number);
    const IndexRange of_group = step.exchange.part_rows(number, static_cast<int64_t>(ids.size()));
    const int64_t part_rows = of_group.end - of_group.begin;
    const IndexRange own = step.exchange.own_rows(part_rows);
    const Rows rows =
        workspace.residual.first(num_rows + own.end - own.begin).slice_rows(num_rows, own.end - own.begin);
    embed(step, ids.subspan(static_cast<size_t>(of_group.begin), static_cast<size_t>(part_rows)), own, rows);
    parts.push_back({.step = step,
                     .number = number,
                     .own = own,
                     .rows = rows,
                     .residual_multiplier = weights_.residual_multiplier,
                     .first_delta = num_sums});
    num_rows += rows.rows;
    num_sums += step.exchange.gathered_rows();
  }
  const auto& layers = weights_.layers;
  for (size_t index = 0; index < layers.size(); ++index) {
    for (const StepPart& part : parts) {
      part.select();
      if (index > 0) part.finish_layer(*layers[index - 1], index - 1);
      layers[index]->attend(part.step, part.x());
    }
    for (const StepPart& part : parts) {
      part.select();
      layers[index]->feed_forward(part.step);
    }
  }
  for (const StepPart& part : parts) {
    part.select();
    if (!layers.empty()) part.finish_layer(*layers.back(), layers.size() - 1);
  }
  return workspace.residual.first(num_rows);
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
