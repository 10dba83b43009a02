#include "braid/model/layers/layer_loader.h"

#include <cmath>
#include <utility>
#include <variant>

#include "braid/base/check.h"
#include "braid/base/index_range.h"
#include "braid/model/layers/load_gate_up.h"
#include "braid/model/layers/post_norm_layer.h"
#include "braid/model/layers/pre_norm_layer.h"
#include "braid/model/layers/sandwich_norm_layer.h"
#include "braid/model/shared_parts.h"

namespace braid {
namespace {

bool is_column_shard(Shard shard) {
  return shard == Shard::kHeadCols || shard == Shard::kFfnCols || shard == Shard::kExpertCols ||
         shard == Shard::kSharedCols;
}

std::span<const float> part_of_bias(const std::vector<float>& bias, IndexRange part) {
  return std::span(bias).subspan(static_cast<size_t>(part.begin), static_cast<size_t>(part.end - part.begin));
}

// `norms`: in the order of the forward pass.
template <typename FeedForward>
std::unique_ptr<DecoderLayer> make_layer(NormPlacement placement, const std::vector<RmsNorm>& norms,
                                         Attention attention, FeedForward feed_forward) {
  switch (placement) {
    case NormPlacement::kBefore:
      return std::make_unique<PreNormLayer<FeedForward>>(norms[0], std::move(attention), norms[1],
                                                         std::move(feed_forward));
    case NormPlacement::kAfter:
      return std::make_unique<PostNormLayer<FeedForward>>(norms[0], std::move(attention), norms[1],
                                                          std::move(feed_forward));
    case NormPlacement::kAround:
      return std::make_unique<SandwichNormLayer<FeedForward>>(NormPair{norms[0], norms[1]}, std::move(attention),
                                                              NormPair{norms[2], norms[3]}, std::move(feed_forward));
  }
  CHECK(false, "no such placement of norms");
  return nullptr;
}

}  // namespace

Result<LoadedLayer> LayerLoader::load(const LayerTensors& tensors) const {
  if (const MoeTensors* const mixture = std::get_if<MoeTensors>(&tensors.feed_forward)) {
    return build(tensors, moe(*mixture));
  }
  return build(tensors, mlp(std::get<GatedTensors>(tensors.feed_forward)));
}

template <typename FeedForward>
Result<LoadedLayer> LayerLoader::build(const LayerTensors& tensors, Parts<FeedForward> feed_forward) const {
  if (!feed_forward.ok()) return feed_forward.error();
  std::vector<RmsNorm> norms;
  for (const WeightSpec& tensor : tensors.norms) {
    TRY(RmsNorm one, norm(tensor));
    norms.push_back(std::move(one));
  }
  TRY(auto self_attention, attention(tensors.attention));
  LoadedLayer loaded;
  for (size_t i = 0; i < shapes_.size(); ++i) {
    loaded.push_back(
        make_layer(tensors.norm_placement, norms, std::move(self_attention[i]), std::move((*feed_forward)[i])));
  }
  return loaded;
}

Result<RmsNorm> LayerLoader::norm(const WeightSpec& tensor) const {
  TRY(std::vector<float> weight, weights_.vector(tensor.name));
  for (float& value : weight) value += config_.norm_offset;
  return RmsNorm(std::move(weight), config_.norm_eps);
}

std::vector<std::string> LayerLoader::part_names(std::span<const WeightSpec> tensors) const {
  std::vector<std::string> names;
  for (const WeightSpec& tensor : tensors) {
    const size_t num_parts = row_parts_of(tensor.shard, config_, shapes_.front()).size();
    names.insert(names.end(), num_parts, tensor.name);
  }
  return names;
}

std::vector<MatrixCut> LayerLoader::cuts_of(std::span<const WeightSpec> tensors) const {
  std::vector<MatrixCut> cuts;
  for (const LocalShape& shape : shapes_) {
    MatrixCut& cut = cuts.emplace_back();
    cut.domain = shape.domain;
    for (const WeightSpec& tensor : tensors) {
      const std::vector<IndexRange> rows = row_parts_of(tensor.shard, config_, shape);
      cut.rows.insert(cut.rows.end(), rows.begin(), rows.end());
      if (is_column_shard(tensor.shard)) cut.cols = part_of(tensor.shard, config_, shape);
    }
  }
  return cuts;
}

LayerLoader::Parts<SharedStack> LayerLoader::stack(std::span<const LinearTensors> tensors) const {
  std::vector<WeightSpec> specs;
  for (const LinearTensors& one : tensors) specs.push_back(one.weight);
  const SharedParts<MatrixCut> parts(cuts_of(specs));
  TRY(auto packed, weights_.stacks(part_names(specs), parts.distinct, dtype_, MatrixUse::kLayer));
  std::vector<StackedMatrix> stacks;
  for (std::vector<PackedMatrix>& one : packed) stacks.emplace_back(std::move(one));
  return parts.deal(std::move(stacks));
}

LayerLoader::Parts<SharedMatrix> LayerLoader::matrix(const WeightSpec& tensor, DType dtype, MatrixUse use) const {
  const SharedParts<MatrixCut> parts(cuts_of({&tensor, 1}));
  TRY(std::vector<PackedMatrix> packed, weights_.matrices(part_names({&tensor, 1}), parts.distinct, dtype, use));
  return parts.deal(std::move(packed));
}

LayerLoader::Parts<SharedGateUp> LayerLoader::gate_ups(const GatedTensors& tensors) const {
  const LinearTensors& gate = tensors.gate_up.front();
  const LinearTensors& up = tensors.gate_up.back();
  std::vector<MatrixCut> cuts;
  for (const LocalShape& shape : shapes_) {
    std::vector<IndexRange> rows = row_parts_of(gate.weight.shard, config_, shape);
    if (rows.size() == 1) rows.push_back(rows.front());
    cuts.push_back({.rows = std::move(rows), .domain = shape.domain});
  }
  const SharedParts<MatrixCut> parts(cuts);
  std::vector<GateUpWeights> made(parts.distinct.size());
  std::vector<GateUpWeights*> to;
  for (GateUpWeights& one : made) to.push_back(&one);
  const GateUpUses uses = gate_up_uses(weights_, {&gate.weight.name, 1}, {&up.weight.name, 1}, MatrixUse::kLayer);
  TRY_STATUS(add_gate_up(weights_, gate.weight.name, up.weight.name, parts.distinct, dtype_, uses, to));
  if (gate.bias) {
    TRY(const std::vector<float> gate_bias, weights_.vector(gate.bias->name));
    TRY(const std::vector<float> up_bias, weights_.vector(up.bias->name));
    for (size_t i = 0; i < made.size(); ++i) {
      const std::vector<IndexRange>& rows = parts.distinct[i].rows;
      made[i].add_biases(part_of_bias(gate_bias, rows[0]), part_of_bias(up_bias, rows[1]));
    }
  }
  return parts.deal(std::move(made));
}

LayerLoader::Parts<std::vector<float>> LayerLoader::vector(const WeightSpec& tensor) const {
  TRY(const std::vector<float> whole, weights_.vector(tensor.name));
  std::vector<std::vector<float>> vectors;
  for (const LocalShape& shape : shapes_) {
    const IndexRange part = part_of(tensor.shard, config_, shape);
    const bool is_all = tensor.shard == Shard::kReplicated;
    vectors.emplace_back(whole.begin() + (is_all ? 0 : part.begin), is_all ? whole.end() : whole.begin() + part.end);
  }
  return vectors;
}

LayerLoader::Parts<Attention> LayerLoader::attention(const AttentionTensors& tensors) const {
  std::vector<AttentionWeights> weights(shapes_.size());
  TRY(const auto packed_qkv, stack(tensors.qkv));
  TRY(const auto output, layer_matrix(tensors.output.weight));
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].qkv = packed_qkv[i];
    weights[i].output = output[i];
  }
  for (const LinearTensors& projection : tensors.qkv) {
    if (!projection.bias) continue;
    TRY(const auto bias, vector(*projection.bias));
    for (size_t i = 0; i < weights.size(); ++i) {
      weights[i].qkv_bias.insert(weights[i].qkv_bias.end(), bias[i].begin(), bias[i].end());
    }
  }
  if (tensors.output.bias) {
    TRY(const auto output_bias, vector(*tensors.output.bias));
    for (size_t i = 0; i < weights.size(); ++i) {
      if (shapes_[i].adds_attention_bias) weights[i].output_bias = output_bias[i];
    }
  }
  if (tensors.sinks) {
    TRY(auto sinks, vector(*tensors.sinks));
    for (size_t i = 0; i < weights.size(); ++i) weights[i].sinks = std::move(sinks[i]);
  }
  TRY_STATUS(load_qk_norms(tensors, weights));
  TRY_STATUS(load_kv_scales(tensors, weights));
  const float usual_scale = 1.0F / std::sqrt(static_cast<float>(config_.head_dim));
  const bool has_rope = config_.has_rope.empty() || config_.has_rope[static_cast<size_t>(layer_)];
  const KvGroups kv_groups(config_.layer_windows, config_.num_layers);
  const int32_t kv_group = kv_groups.of_layer[static_cast<size_t>(layer_)];
  std::vector<Attention> parts;
  for (size_t i = 0; i < weights.size(); ++i) {
    parts.emplace_back(AttentionShape{.layer = layer_,
                                      .num_heads = shapes_[i].num_heads(),
                                      .num_kv_heads = shapes_[i].num_kv_heads(),
                                      .head_dim = config_.head_dim,
                                      .norm_eps = config_.norm_eps,
                                      .kv_group = kv_group,
                                      .window = kv_groups.windows[static_cast<size_t>(kv_group)],
                                      .scale = config_.attention_scale > 0 ? config_.attention_scale : usual_scale,
                                      .soft_cap = config_.attention_soft_cap,
                                      .num_all_heads = config_.num_heads,
                                      .num_all_kv_heads = config_.num_kv_heads,
                                      .counts_kv_heads = shapes_[i].counts_kv_heads},
                       std::move(weights[i]), has_rope ? rope_table_ : nullptr);
  }
  return parts;
}

Status LayerLoader::load_qk_norms(const AttentionTensors& tensors, std::vector<AttentionWeights>& weights) const {
  if (tensors.qk_norm == QkNorm::kNone) return {};
  TRY(auto q_norm, vector(*tensors.q_norm));
  TRY(auto k_norm, vector(*tensors.k_norm));
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].norm = tensors.qk_norm;
    weights[i].q_norm = std::move(q_norm[i]);
    weights[i].k_norm = std::move(k_norm[i]);
    for (float& weight : weights[i].q_norm) weight += config_.norm_offset;
    for (float& weight : weights[i].k_norm) weight += config_.norm_offset;
  }
  return {};
}

Status LayerLoader::load_kv_scales(const AttentionTensors& tensors, std::vector<AttentionWeights>& weights) const {
  if (!tensors.key_scale) return {};
  for (const auto& [tensor, scale] : {std::pair(&*tensors.key_scale, &AttentionWeights::key_scale),
                                      std::pair(&*tensors.value_scale, &AttentionWeights::value_scale)}) {
    TRY(const std::vector<float> value, weights_.vector(tensor->name));
    for (AttentionWeights& own : weights) own.*scale = value;
  }
  return {};
}

LayerLoader::Parts<Mlp> LayerLoader::mlp(const GatedTensors& tensors) const {
  std::vector<MlpWeights> weights(shapes_.size());
  TRY(const auto gate_up, gate_ups(tensors));
  TRY(const auto down, layer_matrix(tensors.down.weight));
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].gate_up = gate_up[i];
    weights[i].down = down[i];
    weights[i].activation = tensors.activation;
  }
  if (tensors.down.bias) {
    TRY(const auto down_bias, vector(*tensors.down.bias));
    for (size_t i = 0; i < weights.size(); ++i) {
      if (shapes_[i].adds_ffn_bias) weights[i].down_bias = down_bias[i];
    }
  }
  std::vector<Mlp> parts;
  for (MlpWeights& own : weights) parts.emplace_back(std::move(own));
  return parts;
}

// One holder of an expert, and its part.
struct LayerLoader::ExpertHolder {
  ExpertWeights* weights;
  IndexRange ffn;
  bool adds_bias;  // to the expert's output, which ranks with parts of the expert sum up
};

std::vector<std::string> LayerLoader::names_of_experts(const LinearTensors& tensors) const {
  std::vector<std::string> names;
  for (int32_t expert = 0; expert < config_.moe.num_experts; ++expert) {
    names.push_back(expert_name(tensors.weight.name, expert));
  }
  return names;
}

// Reads each expert once for all ranks that have a part of it. Experts of other processes are not read.
LayerLoader::Parts<std::shared_ptr<const ExpertWeights>> LayerLoader::experts(const GatedTensors& tensors) const {
  struct Part {
    int64_t first_expert = 0;
    int64_t end_expert = 0;
    MatrixCut ffn;  // the rows of gate and up, the columns of down
    bool adds_bias = true;
    bool operator==(const Part&) const = default;
  };
  std::vector<Part> of_ranks;
  for (const LocalShape& shape : shapes_) {
    of_ranks.push_back({.first_expert = shape.experts.begin,
                        .end_expert = shape.experts.end,
                        .ffn = {.rows = {shape.expert_ffn, shape.expert_ffn}, .domain = shape.domain},
                        .adds_bias = shape.adds_expert_bias});
  }
  const SharedParts<Part> parts(of_ranks);
  std::vector<MatrixCut> all_rows;
  std::vector<MatrixCut> all_cols;
  for (const Part& part : parts.distinct) {
    all_rows.push_back(part.ffn);
    all_cols.push_back({.rows = {kWhole}, .cols = part.ffn.rows.front(), .domain = part.ffn.domain});
  }
  const LinearTensors& gate = tensors.gate_up.front();
  const LinearTensors& up = tensors.gate_up.back();
  // A layer's experts are multiplied together, so all of a kind are kept in one format, or none.
  const GateUpUses gate_up_use =
      gate_up_uses(weights_, names_of_experts(gate), names_of_experts(up), MatrixUse::kExpert);
  const bool is_down_kept = weights_.are_kept(names_of_experts(tensors.down), all_cols, MatrixUse::kExpert);
  std::vector<ExpertWeights> weights(parts.distinct.size());
  for (int32_t expert = 0; expert < config_.moe.num_experts; ++expert) {
    std::vector<ExpertHolder> holders;
    std::vector<MatrixCut> rows;
    std::vector<MatrixCut> cols;
    for (size_t i = 0; i < parts.distinct.size(); ++i) {
      const Part& part = parts.distinct[i];
      if (expert < part.first_expert || expert >= part.end_expert) continue;
      holders.push_back({.weights = &weights[i], .ffn = part.ffn.rows.front(), .adds_bias = part.adds_bias});
      rows.push_back(all_rows[i]);
      cols.push_back(all_cols[i]);
    }
    if (holders.empty()) continue;
    const auto named = [&](const LinearTensors& one) { return expert_name(one.weight.name, expert); };
    std::vector<GateUpWeights*> gate_ups;
    for (const ExpertHolder& holder : holders) gate_ups.push_back(&holder.weights->gate_up);
    TRY_STATUS(add_gate_up(weights_, named(gate), named(up), rows, dtype_, gate_up_use, gate_ups));
    const std::string down_name = named(tensors.down);
    TRY(auto down,
        weights_.matrices({&down_name, 1}, cols, dtype_, is_down_kept ? MatrixUse::kExpert : MatrixUse::kExact));
    for (size_t i = 0; i < holders.size(); ++i) holders[i].weights->down.push_back(std::move(down[i]));
    if (tensors.down.bias) TRY_STATUS(load_expert_biases(tensors, expert, holders));
  }
  return parts.deal(std::move(weights));
}

Status LayerLoader::load_expert_biases(const GatedTensors& tensors, int64_t expert,
                                       std::span<const ExpertHolder> holders) const {
  const auto bias_of = [&](const LinearTensors& one) { return weights_.vector(expert_name(one.bias->name, expert)); };
  TRY(const std::vector<float> gate, bias_of(tensors.gate_up.front()));
  TRY(const std::vector<float> up, bias_of(tensors.gate_up.back()));
  TRY(const std::vector<float> down, bias_of(tensors.down));
  for (const ExpertHolder& holder : holders) {
    holder.weights->gate_up.add_biases(part_of_bias(gate, holder.ffn), part_of_bias(up, holder.ffn));
    if (holder.adds_bias) holder.weights->down_biases.push_back(down);
  }
  return {};
}

LayerLoader::Parts<Moe> LayerLoader::moe(const MoeTensors& tensors) const {
  TRY(const auto router, matrix(tensors.router.weight, DType::kFloat32, MatrixUse::kExact));
  TRY(const auto own_experts, experts(tensors.experts));
  std::vector<MoeWeights> weights(shapes_.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].router = router[i];
    weights[i].experts = own_experts[i];
    weights[i].first_expert = static_cast<int32_t>(shapes_[i].experts.begin);
    weights[i].activation = tensors.experts.activation;
  }
  if (tensors.router.bias) {
    TRY(auto bias, vector(*tensors.router.bias));
    for (size_t i = 0; i < weights.size(); ++i) weights[i].router_bias = std::move(bias[i]);
  }
  if (tensors.router_correction) {
    TRY(auto correction, vector(*tensors.router_correction));
    for (size_t i = 0; i < weights.size(); ++i) weights[i].router_correction = std::move(correction[i]);
  }
  if (tensors.shared_gate) {
    TRY(const auto gate, matrix(*tensors.shared_gate, DType::kFloat32, MatrixUse::kExact));
    for (size_t i = 0; i < weights.size(); ++i) weights[i].shared.gate = gate[i];
  }
  if (tensors.shared) {
    TRY(const auto gate_up, gate_ups(*tensors.shared));
    TRY(const auto down, layer_matrix(tensors.shared->down.weight));
    for (size_t i = 0; i < weights.size(); ++i) {
      weights[i].shared.gate_up = gate_up[i];
      weights[i].shared.down = down[i];
    }
  }
  std::vector<Moe> parts;
  for (MoeWeights& own : weights) parts.emplace_back(config_.moe, std::move(own));
  return parts;
}

}  // namespace braid
