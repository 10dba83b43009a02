#include "braid/model/layers/layer_loader.h"

#include <fmt/format.h>

#include <cmath>
#include <initializer_list>
#include <utility>

#include "braid/base/index_range.h"
#include "braid/model/shared_parts.h"

namespace braid {
namespace {

int64_t q_rows(const ModelConfig& config) {
  return int64_t{config.num_heads} * config.head_dim;
}
int64_t kv_rows(const ModelConfig& config) {
  return int64_t{config.num_kv_heads} * config.head_dim;
}

bool is_column_shard(Shard shard) {
  return shard == Shard::kHeadCols || shard == Shard::kFfnCols || shard == Shard::kExpertCols ||
         shard == Shard::kSharedCols;
}

void add_norms(WeightTable& table, const ModelConfig& config, const std::string& layer,
               std::initializer_list<const char*> names) {
  for (const char* const name : names) {
    table.push_back({.name = layer + name + ".weight", .shape = {config.hidden}, .sizes = "hidden_size"});
  }
}

}  // namespace

void add_decoder_weights(WeightTable& table, const ModelConfig& config) {
  table.push_back({.name = "model.embed_tokens.weight",
                   .shape = {config.vocab_size, config.hidden},
                   .shard = Shard::kVocab,
                   .sizes = "vocab_size, hidden_size"});
  table.push_back({.name = "model.norm.weight", .shape = {config.hidden}, .sizes = "hidden_size"});
  if (!config.tie_embeddings) {
    table.push_back({.name = "lm_head.weight",
                     .shape = {config.vocab_size, config.hidden},
                     .shard = Shard::kVocab,
                     .sizes = "vocab_size, hidden_size"});
  }
}

void add_norm_weights(WeightTable& table, const ModelConfig& config, const std::string& layer) {
  add_norms(table, config, layer, {"input_layernorm", "post_attention_layernorm"});
}

void add_post_norm_weights(WeightTable& table, const ModelConfig& config, const std::string& layer) {
  add_norms(table, config, layer, {"post_attention_layernorm", "post_feedforward_layernorm"});
}

void add_sandwich_norm_weights(WeightTable& table, const ModelConfig& config, const std::string& layer) {
  add_norms(table, config, layer,
            {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"});
}

void add_attention_weights(WeightTable& table, const ModelConfig& config, const std::string& layer,
                           const AttentionOptions& options) {
  const std::string prefix = layer + "self_attn.";
  const std::string q_sizes = "num_attention_heads * head_dim";
  const std::string kv_sizes = "num_key_value_heads * head_dim";
  struct Projection {
    std::string name;
    int64_t rows;
    Shard shard;
    std::string sizes;
  };
  std::vector<Projection> projections = {{"q_proj", q_rows(config), Shard::kHeadRows, q_sizes},
                                         {"k_proj", kv_rows(config), Shard::kKvHeadRows, kv_sizes},
                                         {"v_proj", kv_rows(config), Shard::kKvHeadRows, kv_sizes}};
  if (options.has_fused_qkv) {
    projections = {{"qkv_proj", q_rows(config) + 2 * kv_rows(config), Shard::kQkvRows,
                    "(num_attention_heads + 2 * num_key_value_heads) * head_dim"}};
  }
  for (const Projection& p : projections) {
    table.push_back({.name = prefix + p.name + ".weight",
                     .shape = {p.rows, config.hidden},
                     .shard = p.shard,
                     .sizes = p.sizes + ", hidden_size"});
    if (config.qkv_bias) {
      table.push_back({.name = prefix + p.name + ".bias", .shape = {p.rows}, .shard = p.shard, .sizes = p.sizes});
    }
  }
  table.push_back({.name = prefix + "o_proj.weight",
                   .shape = {config.hidden, q_rows(config)},
                   .shard = Shard::kHeadCols,
                   .sizes = "hidden_size, " + q_sizes});
  if (config.output_bias) {
    table.push_back({.name = prefix + "o_proj.bias", .shape = {config.hidden}, .sizes = "hidden_size"});
  }
  if (options.has_sinks) {
    table.push_back({.name = prefix + "sinks",
                     .shape = {config.num_heads},
                     .shard = Shard::kHeads,
                     .sizes = "num_attention_heads"});
  }
  if (options.has_head_norms) {
    for (const char* name : {"q_norm.weight", "k_norm.weight"}) {
      table.push_back({.name = prefix + name, .shape = {config.head_dim}, .sizes = "head_dim"});
    }
  }
  if (options.has_whole_norms) {
    table.push_back({.name = prefix + "q_norm.weight", .shape = {q_rows(config)}, .sizes = q_sizes});
    table.push_back({.name = prefix + "k_norm.weight", .shape = {kv_rows(config)}, .sizes = kv_sizes});
  }
}

void add_mlp_weights(WeightTable& table, const ModelConfig& config, const std::string& layer,
                     const MlpOptions& options) {
  if (options.has_fused_gate_up) {
    table.push_back({.name = layer + "mlp.gate_up_proj.weight",
                     .shape = {int64_t{2} * config.ffn, config.hidden},
                     .shard = Shard::kGateUpRows,
                     .sizes = "2 * intermediate_size, hidden_size"});
  }
  for (const char* name : {"gate_proj", "up_proj"}) {
    if (options.has_fused_gate_up) break;
    table.push_back({.name = layer + "mlp." + name + ".weight",
                     .shape = {config.ffn, config.hidden},
                     .shard = Shard::kFfnRows,
                     .sizes = "intermediate_size, hidden_size"});
    if (config.mlp_bias) {
      table.push_back({.name = layer + "mlp." + name + ".bias",
                       .shape = {config.ffn},
                       .shard = Shard::kFfnRows,
                       .sizes = "intermediate_size"});
    }
  }
  table.push_back({.name = layer + "mlp.down_proj.weight",
                   .shape = {config.hidden, config.ffn},
                   .shard = Shard::kFfnCols,
                   .sizes = "hidden_size, intermediate_size"});
  if (config.mlp_bias) {
    table.push_back({.name = layer + "mlp.down_proj.bias", .shape = {config.hidden}, .sizes = "hidden_size"});
  }
}

void add_moe_weights(WeightTable& table, const ModelConfig& config, const std::string& layer, const MoeNames& names) {
  const MoeConfig& moe = config.moe;
  const std::string expert = layer + names.experts + ".{expert}.";
  table.push_back({.name = layer + names.router + ".weight",
                   .shape = {moe.num_experts, config.hidden},
                   .sizes = "number of experts, hidden_size"});
  for (const std::string& name : {names.gate, names.up}) {
    table.push_back({.name = expert + name + ".weight",
                     .shape = {moe.expert_ffn, config.hidden},
                     .shard = Shard::kExpertRows,
                     .sizes = "size of an expert, hidden_size"});
    if (names.has_biases) {
      table.push_back({.name = expert + name + ".bias",
                       .shape = {moe.expert_ffn},
                       .shard = Shard::kExpertRows,
                       .sizes = "size of an expert"});
    }
  }
  table.push_back({.name = expert + names.down + ".weight",
                   .shape = {config.hidden, moe.expert_ffn},
                   .shard = Shard::kExpertCols,
                   .sizes = "hidden_size, size of an expert"});
  if (names.has_biases) {
    table.push_back({.name = layer + names.router + ".bias", .shape = {moe.num_experts}, .sizes = "number of experts"});
    table.push_back({.name = expert + names.down + ".bias",
                     .shape = {config.hidden},
                     .shard = Shard::kExpertWhole,
                     .sizes = "hidden_size"});
  }
  if (!names.router_correction.empty()) {
    table.push_back(
        {.name = layer + names.router_correction, .shape = {moe.num_experts}, .sizes = "number of experts"});
  }
  if (names.shared.empty()) return;
  if (!names.shared_gate.empty()) {
    table.push_back(
        {.name = layer + names.shared_gate + ".weight", .shape = {1, config.hidden}, .sizes = "1, hidden_size"});
  }
  for (const std::string& name : {names.gate, names.up}) {
    table.push_back({.name = layer + names.shared + "." + name + ".weight",
                     .shape = {moe.shared_ffn, config.hidden},
                     .shard = Shard::kSharedRows,
                     .sizes = "size of the shared expert, hidden_size"});
  }
  table.push_back({.name = layer + names.shared + "." + names.down + ".weight",
                   .shape = {config.hidden, moe.shared_ffn},
                   .shard = Shard::kSharedCols,
                   .sizes = "hidden_size, size of the shared expert"});
}

std::string layer_prefix(int32_t layer) {
  return fmt::format("model.layers.{}.", layer);
}

LayerLoader::Parts<RmsNorm> LayerLoader::norm(const std::string& name) const {
  TRY(std::vector<float> weight, weights_.vector(full_name(name + ".weight")));
  for (float& value : weight) value += config_.norm_offset;
  return std::vector<RmsNorm>(shapes_.size(), RmsNorm(std::move(weight), config_.norm_eps));
}

LayerLoader::Parts<SharedMatrix> LayerLoader::matrices(std::span<const ShardedName> names, DType dtype) const {
  std::vector<std::string> full_names;
  for (const ShardedName& name : names) {
    const size_t num_parts = row_parts_of(name.shard, config_, shapes_.front()).size();
    full_names.insert(full_names.end(), num_parts, full_name(name.name));
  }
  std::vector<MatrixCut> cuts;
  for (const LocalShape& shape : shapes_) {
    MatrixCut& cut = cuts.emplace_back();
    cut.domain = shape.domain;
    for (const ShardedName& name : names) {
      const std::vector<IndexRange> rows = row_parts_of(name.shard, config_, shape);
      cut.rows.insert(cut.rows.end(), rows.begin(), rows.end());
      if (is_column_shard(name.shard)) cut.cols = part_of(name.shard, config_, shape);
    }
  }
  const SharedParts<MatrixCut> parts(cuts);
  TRY(std::vector<PackedMatrix> packed, weights_.matrices(full_names, parts.distinct, dtype));
  return parts.deal(std::move(packed));
}

LayerLoader::Parts<SharedMatrix> LayerLoader::gate_ups(const std::string& gate, const std::string& up,
                                                       Shard shard) const {
  std::vector<MatrixCut> cuts;
  for (const LocalShape& shape : shapes_) {
    std::vector<IndexRange> rows = row_parts_of(shard, config_, shape);
    if (rows.size() == 1) rows.push_back(rows.front());
    cuts.push_back({.rows = std::move(rows), .domain = shape.domain});
  }
  const SharedParts<MatrixCut> parts(cuts);
  TRY(std::vector<PackedMatrix> packed, weights_.gate_ups(full_name(gate), full_name(up), parts.distinct, dtype_));
  return parts.deal(std::move(packed));
}

LayerLoader::Parts<std::vector<float>> LayerLoader::vector(const ShardedName& name) const {
  TRY(const std::vector<float> whole, weights_.vector(full_name(name.name)));
  std::vector<std::vector<float>> vectors;
  for (const LocalShape& shape : shapes_) {
    const IndexRange part = part_of(name.shard, config_, shape);
    const bool is_all = name.shard == Shard::kReplicated;
    vectors.emplace_back(whole.begin() + (is_all ? 0 : part.begin), is_all ? whole.end() : whole.begin() + part.end);
  }
  return vectors;
}

LayerLoader::Parts<Attention> LayerLoader::attention(const AttentionOptions& options) const {
  std::vector<AttentionWeights> weights(shapes_.size());
  std::vector<ShardedName> qkv = {{"self_attn.q_proj.weight", Shard::kHeadRows},
                                  {"self_attn.k_proj.weight", Shard::kKvHeadRows},
                                  {"self_attn.v_proj.weight", Shard::kKvHeadRows}};
  if (options.has_fused_qkv) qkv = {{"self_attn.qkv_proj.weight", Shard::kQkvRows}};
  TRY(const auto packed_qkv, matrices(qkv, dtype_));
  TRY(const auto output, matrix({"self_attn.o_proj.weight", Shard::kHeadCols}, dtype_));
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].qkv = packed_qkv[i];
    weights[i].output = output[i];
  }
  if (config_.qkv_bias) {
    for (const ShardedName& name : {ShardedName{"self_attn.q_proj.bias", Shard::kHeadRows},
                                    ShardedName{"self_attn.k_proj.bias", Shard::kKvHeadRows},
                                    ShardedName{"self_attn.v_proj.bias", Shard::kKvHeadRows}}) {
      TRY(const auto bias, vector(name));
      for (size_t i = 0; i < weights.size(); ++i) {
        weights[i].qkv_bias.insert(weights[i].qkv_bias.end(), bias[i].begin(), bias[i].end());
      }
    }
  }
  if (config_.output_bias) {
    TRY(const auto output_bias, vector({"self_attn.o_proj.bias"}));
    for (size_t i = 0; i < weights.size(); ++i) {
      if (shapes_[i].adds_attention_bias) weights[i].output_bias = output_bias[i];
    }
  }
  if (options.has_sinks) {
    TRY(auto sinks, vector({"self_attn.sinks", Shard::kHeads}));
    for (size_t i = 0; i < weights.size(); ++i) weights[i].sinks = std::move(sinks[i]);
  }
  TRY_STATUS(load_qk_norms(options, weights));
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

Status LayerLoader::load_qk_norms(const AttentionOptions& options, std::vector<AttentionWeights>& weights) const {
  if (!options.has_head_norms && !options.has_whole_norms) return {};
  const bool is_whole = options.has_whole_norms;
  TRY(auto q_norm, vector({"self_attn.q_norm.weight", is_whole ? Shard::kHeadRows : Shard::kReplicated}));
  TRY(auto k_norm, vector({"self_attn.k_norm.weight", is_whole ? Shard::kKvHeadRows : Shard::kReplicated}));
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].norm = is_whole ? QkNorm::kAllHeads : QkNorm::kHead;
    weights[i].q_norm = std::move(q_norm[i]);
    weights[i].k_norm = std::move(k_norm[i]);
    for (float& weight : weights[i].q_norm) weight += config_.norm_offset;
    for (float& weight : weights[i].k_norm) weight += config_.norm_offset;
  }
  return {};
}

LayerLoader::Parts<Mlp> LayerLoader::mlp(const MlpOptions& options) const {
  std::vector<MlpWeights> weights(shapes_.size());
  const std::string fused = "mlp.gate_up_proj.weight";
  TRY(const auto gate_up, options.has_fused_gate_up
                              ? gate_ups(fused, fused, Shard::kGateUpRows)
                              : gate_ups("mlp.gate_proj.weight", "mlp.up_proj.weight", Shard::kFfnRows));
  TRY(const auto down, matrix({"mlp.down_proj.weight", Shard::kFfnCols}, dtype_));
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].gate_up = gate_up[i];
    weights[i].down = down[i];
    weights[i].activation = options.activation;
  }
  if (config_.mlp_bias) {
    TRY(const auto gate_bias, vector({"mlp.gate_proj.bias", Shard::kFfnRows}));
    TRY(const auto up_bias, vector({"mlp.up_proj.bias", Shard::kFfnRows}));
    TRY(const auto down_bias, vector({"mlp.down_proj.bias"}));
    for (size_t i = 0; i < weights.size(); ++i) {
      weights[i].gate_up_bias = interleave_gate_up(gate_bias[i], up_bias[i]);
      if (shapes_[i].adds_ffn_bias) weights[i].down_bias = down_bias[i];
    }
  }
  std::vector<Mlp> parts;
  for (MlpWeights& own : weights) parts.emplace_back(std::move(own));
  return parts;
}

// Of one expert: whose it is, and which part of it.
struct LayerLoader::ExpertHolder {
  ExpertWeights* weights;
  IndexRange ffn;
  bool adds_bias;  // of the expert's output, which ranks with parts of it sum up
};

// Each expert is read once, for all ranks that have a part of it; one that no rank here has is not read.
LayerLoader::Parts<std::shared_ptr<const ExpertWeights>> LayerLoader::experts(const MoeNames& names) const {
  struct Part {
    int64_t first_expert = 0;
    int64_t end_expert = 0;
    MatrixCut ffn;  // rows of gate, of up, columns of down
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
  std::vector<ExpertWeights> weights(parts.distinct.size());
  for (int32_t expert = 0; expert < config_.moe.num_experts; ++expert) {
    std::vector<ExpertHolder> holders;
    std::vector<MatrixCut> rows;
    std::vector<MatrixCut> cols;
    for (size_t i = 0; i < parts.distinct.size(); ++i) {
      const Part& part = parts.distinct[i];
      if (expert < part.first_expert || expert >= part.end_expert) continue;
      holders.push_back({.weights = &weights[i], .ffn = part.ffn.rows.front(), .adds_bias = part.adds_bias});
      rows.push_back(part.ffn);
      cols.push_back({.rows = {kWhole}, .cols = part.ffn.rows.front(), .domain = part.ffn.domain});
    }
    if (holders.empty()) continue;
    const std::string prefix = full_name(fmt::format("{}.{}.", names.experts, expert));
    TRY(auto gate_up, weights_.gate_ups(prefix + names.gate + ".weight", prefix + names.up + ".weight", rows, dtype_));
    const std::string down_name = prefix + names.down + ".weight";
    TRY(auto down, weights_.matrices({&down_name, 1}, cols, dtype_));
    for (size_t i = 0; i < holders.size(); ++i) {
      holders[i].weights->gate_up.push_back(std::move(gate_up[i]));
      holders[i].weights->down.push_back(std::move(down[i]));
    }
    if (names.has_biases) TRY_STATUS(load_expert_biases(names, prefix, holders));
  }
  return parts.deal(std::move(weights));
}

Status LayerLoader::load_expert_biases(const MoeNames& names, const std::string& expert,
                                       std::span<const ExpertHolder> holders) const {
  TRY(const std::vector<float> gate, weights_.vector(expert + names.gate + ".bias"));
  TRY(const std::vector<float> up, weights_.vector(expert + names.up + ".bias"));
  TRY(const std::vector<float> down, weights_.vector(expert + names.down + ".bias"));
  for (const ExpertHolder& holder : holders) {
    const auto first = static_cast<size_t>(holder.ffn.begin);
    const auto count = static_cast<size_t>(holder.ffn.end - holder.ffn.begin);
    holder.weights->gate_up_biases.push_back(
        interleave_gate_up(std::span(gate).subspan(first, count), std::span(up).subspan(first, count)));
    if (holder.adds_bias) holder.weights->down_biases.push_back(down);
  }
  return {};
}

LayerLoader::Parts<Moe> LayerLoader::moe(const MoeNames& names, Epilogue::Kind activation) const {
  TRY(const auto router, matrix({names.router + ".weight"}, DType::kFloat32));
  TRY(const auto own_experts, experts(names));
  std::vector<MoeWeights> weights(shapes_.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].router = router[i];
    weights[i].experts = own_experts[i];
    weights[i].first_expert = static_cast<int32_t>(shapes_[i].experts.begin);
    weights[i].activation = activation;
  }
  if (names.has_biases) {
    TRY(auto bias, vector({names.router + ".bias"}));
    for (size_t i = 0; i < weights.size(); ++i) weights[i].router_bias = std::move(bias[i]);
  }
  if (!names.router_correction.empty()) {
    TRY(auto correction, vector({names.router_correction}));
    for (size_t i = 0; i < weights.size(); ++i) weights[i].router_correction = std::move(correction[i]);
  }
  if (!names.shared_gate.empty()) {
    TRY(const auto gate, matrix({names.shared_gate + ".weight"}, DType::kFloat32));
    for (size_t i = 0; i < weights.size(); ++i) weights[i].shared.gate = gate[i];
  }
  if (!names.shared.empty()) {
    const std::string prefix = names.shared + ".";
    TRY(const auto gate_up,
        gate_ups(prefix + names.gate + ".weight", prefix + names.up + ".weight", Shard::kSharedRows));
    TRY(const auto down, matrix({prefix + names.down + ".weight", Shard::kSharedCols}, dtype_));
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
