#include "braid/model/layers/decoder.h"

#include <algorithm>

#include "braid/base/check.h"
#include "braid/base/index_range.h"

namespace braid {

namespace {

// A part of the step: its rows of the residual stream, and its place in the feed-forward blocks' sums.
struct StepPart {
  Step& step;
  int32_t number = 0;
  Residual x;
  int64_t first_delta = 0;

  void select() const {
    step.exchange.select_part(number);
    step.workspace.first_delta = first_delta;
  }
};

}  // namespace

// The rank's own rows of the part; `ids` are those of the group.
void Decoder::embed(Step& step, std::span<const TokenId> ids, Rows rows) const {
  const IndexRange own = step.exchange.own_rows(static_cast<int64_t>(ids.size()));
  (*weights_.embedding)(step.ops, ids.subspan(static_cast<size_t>(own.begin), static_cast<size_t>(rows.rows)), rows);
  if (weights_.embedding_multiplier == 1.0F) return;
  step.ops.parallel_for(rows.rows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* values = rows.row<float>(row);
      for (int64_t i = 0; i < rows.cols; ++i) values[i] *= weights_.embedding_multiplier;
    }
  });
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
    embed(step, ids.subspan(static_cast<size_t>(of_group.begin), static_cast<size_t>(part_rows)), rows);
    parts.push_back({.step = step,
                     .number = number,
                     .x = Residual(step.ops, rows, weights_.residual_multiplier),
                     .first_delta = num_sums});
    num_rows += rows.rows;
    num_sums += step.exchange.gathered_rows();
  }
  const DecoderLayer* before = nullptr;
  for (const auto& layer : weights_.layers) {
    for (const StepPart& part : parts) {
      part.select();
      if (before != nullptr) before->add_sums(part.step, part.x);
      layer->attend(part.step, part.x);
    }
    for (const StepPart& part : parts) {
      part.select();
      layer->feed_forward(part.step);
    }
    before = layer.get();
  }
  for (const StepPart& part : parts) {
    part.select();
    if (before != nullptr) before->add_sums(part.step, part.x);
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
