#include "braid/model/layers/layer_loader.h"

#include <fmt/format.h>

#include <array>
#include <utility>

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
  return shard == Shard::kHeadCols || shard == Shard::kFfnCols || shard == Shard::kExpertCols;
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
  for (const char* name : {"input_layernorm.weight", "post_attention_layernorm.weight"}) {
    table.push_back({.name = layer + name, .shape = {config.hidden}, .sizes = "hidden_size"});
  }
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
  for (const Projection& p : {Projection{"q_proj", q_rows(config), Shard::kHeadRows, q_sizes},
                              Projection{"k_proj", kv_rows(config), Shard::kKvHeadRows, kv_sizes},
                              Projection{"v_proj", kv_rows(config), Shard::kKvHeadRows, kv_sizes}}) {
    table.push_back({.name = prefix + p.name + ".weight",
                     .shape = {p.rows, config.hidden},
                     .shard = p.shard,
                     .sizes = p.sizes + ", hidden_size"});
    if (config.attention_bias) {
      table.push_back({.name = prefix + p.name + ".bias", .shape = {p.rows}, .shard = p.shard, .sizes = p.sizes});
    }
  }
  table.push_back({.name = prefix + "o_proj.weight",
                   .shape = {config.hidden, q_rows(config)},
                   .shard = Shard::kHeadCols,
                   .sizes = "hidden_size, " + q_sizes});
  if (config.attention_bias) {
    table.push_back({.name = prefix + "o_proj.bias", .shape = {config.hidden}, .sizes = "hidden_size"});
  }
  if (options.has_head_norms) {
    for (const char* name : {"q_norm.weight", "k_norm.weight"}) {
      table.push_back({.name = prefix + name, .shape = {config.head_dim}, .sizes = "head_dim"});
    }
  }
}

void add_mlp_weights(WeightTable& table, const ModelConfig& config, const std::string& layer) {
  for (const char* name : {"gate_proj", "up_proj"}) {
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
  }
  table.push_back({.name = expert + names.down + ".weight",
                   .shape = {config.hidden, moe.expert_ffn},
                   .shard = Shard::kExpertCols,
                   .sizes = "hidden_size, size of an expert"});
}

std::string layer_prefix(int32_t layer) {
  return fmt::format("model.layers.{}.", layer);
}

LayerLoader::Parts<RmsNorm> LayerLoader::norm(const std::string& name) const {
  TRY(std::vector<float> weight, weights_.vector(full_name(name + ".weight")));
  return std::vector<RmsNorm>(shapes_.size(), RmsNorm(std::move(weight), config_.norm_eps));
}

LayerLoader::Parts<SharedMatrix> LayerLoader::matrices(std::span<const ShardedName> names, DType dtype) const {
  std::vector<std::string> full_names;
  for (const ShardedName& name : names) full_names.push_back(full_name(name.name));
  std::vector<MatrixCut> cuts;
  for (const LocalShape& shape : shapes_) {
    MatrixCut& cut = cuts.emplace_back();
    cut.domain = shape.domain;
    for (const ShardedName& name : names) {
      const Span1d part = part_of(name.shard, config_, shape);
      cut.rows.push_back(is_column_shard(name.shard) ? kWhole : part);
      if (is_column_shard(name.shard)) cut.cols = part;
    }
  }
  const SharedParts<MatrixCut> parts(cuts);
  TRY(std::vector<PackedMatrix> packed, weights_.matrices(full_names, parts.distinct, dtype));
  return parts.deal(std::move(packed));
}

LayerLoader::Parts<SharedMatrix> LayerLoader::gate_ups(const std::string& gate, const std::string& up) const {
  std::vector<MatrixCut> cuts;
  for (const LocalShape& shape : shapes_) {
    cuts.push_back({.rows = {part_of(Shard::kFfnRows, config_, shape)}, .domain = shape.domain});
  }
  const SharedParts<MatrixCut> parts(cuts);
  TRY(std::vector<PackedMatrix> packed, weights_.gate_ups(full_name(gate), full_name(up), parts.distinct, dtype_));
  return parts.deal(std::move(packed));
}

LayerLoader::Parts<std::vector<float>> LayerLoader::vector(const ShardedName& name) const {
  TRY(const std::vector<float> whole, weights_.vector(full_name(name.name)));
  std::vector<std::vector<float>> vectors;
  for (const LocalShape& shape : shapes_) {
    const Span1d part = part_of(name.shard, config_, shape);
    const bool is_all = name.shard == Shard::kReplicated;
    vectors.emplace_back(whole.begin() + (is_all ? 0 : part.begin), is_all ? whole.end() : whole.begin() + part.end);
  }
  return vectors;
}

LayerLoader::Parts<Attention> LayerLoader::attention(const AttentionOptions& options) const {
  std::vector<AttentionWeights> weights(shapes_.size());
  const std::array<ShardedName, 3> qkv = {{{"self_attn.q_proj.weight", Shard::kHeadRows},
                                           {"self_attn.k_proj.weight", Shard::kKvHeadRows},
                                           {"self_attn.v_proj.weight", Shard::kKvHeadRows}}};
  TRY(const auto packed_qkv, matrices(qkv, dtype_));
  TRY(const auto output, matrix({"self_attn.o_proj.weight", Shard::kHeadCols}, dtype_));
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].qkv = packed_qkv[i];
    weights[i].output = output[i];
  }
  if (config_.attention_bias) {
    for (const ShardedName& name : {ShardedName{"self_attn.q_proj.bias", Shard::kHeadRows},
                                    ShardedName{"self_attn.k_proj.bias", Shard::kKvHeadRows},
                                    ShardedName{"self_attn.v_proj.bias", Shard::kKvHeadRows}}) {
      TRY(const auto bias, vector(name));
      for (size_t i = 0; i < weights.size(); ++i) {
        weights[i].qkv_bias.insert(weights[i].qkv_bias.end(), bias[i].begin(), bias[i].end());
      }
    }
    TRY(const auto output_bias, vector({"self_attn.o_proj.bias"}));
    for (size_t i = 0; i < weights.size(); ++i) {
      if (shapes_[i].adds_attention_bias) weights[i].output_bias = output_bias[i];
    }
  }
  if (options.has_head_norms) {
    TRY(const auto q_norm, vector({"self_attn.q_norm.weight"}));
    TRY(const auto k_norm, vector({"self_attn.k_norm.weight"}));
    for (size_t i = 0; i < weights.size(); ++i) {
      weights[i].q_norm = q_norm[i];
      weights[i].k_norm = k_norm[i];
    }
  }
  const KvGroups kv_groups(config_.layer_windows, config_.num_layers);
  const int32_t window = kv_groups.windows[static_cast<size_t>(kv_groups.of_layer[static_cast<size_t>(layer_)])];
  std::vector<Attention> parts;
  for (size_t i = 0; i < weights.size(); ++i) {
    parts.emplace_back(AttentionShape{.layer = layer_,
                                      .num_heads = shapes_[i].num_heads(),
                                      .num_kv_heads = shapes_[i].num_kv_heads(),
                                      .head_dim = config_.head_dim,
                                      .norm_eps = config_.norm_eps,
                                      .kv_group = kv_groups.of_layer[static_cast<size_t>(layer_)],
                                      .window = window},
                       std::move(weights[i]), rope_table_);
  }
  return parts;
}

LayerLoader::Parts<Mlp> LayerLoader::mlp() const {
  std::vector<MlpWeights> weights(shapes_.size());
  TRY(const auto gate_up, gate_ups("mlp.gate_proj.weight", "mlp.up_proj.weight"));
  TRY(const auto down, matrix({"mlp.down_proj.weight", Shard::kFfnCols}, dtype_));
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i].gate_up = gate_up[i];
    weights[i].down = down[i];
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

// Each expert is read once, for all ranks that have a part of it; one that no rank here has is not read.
LayerLoader::Parts<std::shared_ptr<const ExpertWeights>> LayerLoader::experts(const MoeNames& names) const {
  struct Part {
    int64_t first_expert = 0;
    int64_t end_expert = 0;
    MatrixCut ffn;  // rows of gate and up, columns of down
    bool operator==(const Part&) const = default;
  };
  std::vector<Part> of_ranks;
  for (const LocalShape& shape : shapes_) {
    of_ranks.push_back({.first_expert = shape.experts.begin,
                        .end_expert = shape.experts.end,
                        .ffn = {.rows = {shape.expert_ffn}, .domain = shape.domain}});
  }
  const SharedParts<Part> parts(of_ranks);
  std::vector<ExpertWeights> weights(parts.distinct.size());
  for (int32_t expert = 0; expert < config_.moe.num_experts; ++expert) {
    std::vector<size_t> holders;
    std::vector<MatrixCut> rows;
    std::vector<MatrixCut> cols;
    for (size_t i = 0; i < parts.distinct.size(); ++i) {
      const Part& part = parts.distinct[i];
      if (expert < part.first_expert || expert >= part.end_expert) continue;
      holders.push_back(i);
      rows.push_back(part.ffn);
      cols.push_back({.rows = {kWhole}, .cols = part.ffn.rows.front(), .domain = part.ffn.domain});
    }
    if (holders.empty()) continue;
    const std::string prefix = full_name(fmt::format("{}.{}.", names.experts, expert));
    TRY(auto gate_up, weights_.gate_ups(prefix + names.gate + ".weight", prefix + names.up + ".weight", rows, dtype_));
    const std::string down_name = prefix + names.down + ".weight";
    TRY(auto down, weights_.matrices({&down_name, 1}, cols, dtype_));
    for (size_t i = 0; i < holders.size(); ++i) {
      weights[holders[i]].gate_up.push_back(std::move(gate_up[i]));
      weights[holders[i]].down.push_back(std::move(down[i]));
    }
  }
  return parts.deal(std::move(weights));
}

LayerLoader::Parts<Moe> LayerLoader::moe(const MoeNames& names) const {
  TRY(const auto router, matrix({names.router + ".weight"}, DType::kFloat32));
  TRY(const auto own_experts, experts(names));
  std::vector<Moe> parts;
  for (size_t i = 0; i < shapes_.size(); ++i) {
    parts.emplace_back(config_.moe, MoeWeights{.router = router[i],
                                               .experts = own_experts[i],
                                               .first_expert = static_cast<int32_t>(shapes_[i].experts.begin)});
  }
  return parts;
}

}  // namespace braid
