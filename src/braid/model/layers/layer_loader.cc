#include "braid/model/layers/layer_loader.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace braid {
namespace {

int64_t q_rows(const ModelConfig& config) {
  return int64_t{config.num_heads} * config.head_dim;
}
int64_t kv_rows(const ModelConfig& config) {
  return int64_t{config.num_kv_heads} * config.head_dim;
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
                     .shard = Shard::kExpert,
                     .sizes = "size of an expert, hidden_size"});
  }
  table.push_back({.name = expert + names.down + ".weight",
                   .shape = {config.hidden, moe.expert_ffn},
                   .shard = Shard::kExpert,
                   .sizes = "hidden_size, size of an expert"});
}

std::string layer_prefix(int32_t layer) {
  return fmt::format("model.layers.{}.", layer);
}

Result<RmsNorm> LayerLoader::norm(const std::string& name) const {
  TRY(std::vector<float> weight, weights_.vector(full_name(name + ".weight")));
  return RmsNorm(std::move(weight), config_.norm_eps);
}

Result<std::vector<float>> LayerLoader::bias(const std::string& name, bool is_there) const {
  if (!is_there) return std::vector<float>{};
  return weights_.vector(full_name(name + ".bias"));
}

Result<Attention> LayerLoader::attention(const AttentionOptions& options) const {
  const std::string prefix = full_name("self_attn.");
  AttentionWeights weights;
  const std::array qkv = {prefix + "q_proj.weight", prefix + "k_proj.weight", prefix + "v_proj.weight"};
  TRY(weights.qkv, weights_.matrix(qkv, dtype_));
  TRY(weights.output, weights_.matrix(prefix + "o_proj.weight", dtype_));
  for (const char* name : {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"}) {
    TRY(const std::vector<float> part, bias(name, config_.attention_bias));
    weights.qkv_bias.insert(weights.qkv_bias.end(), part.begin(), part.end());
  }
  TRY(weights.output_bias, bias("self_attn.o_proj", config_.attention_bias));
  if (options.has_head_norms) {
    TRY(weights.q_norm, weights_.vector(prefix + "q_norm.weight"));
    TRY(weights.k_norm, weights_.vector(prefix + "k_norm.weight"));
  }
  return Attention(config_, layer_, std::move(weights), rope_table_);
}

Result<Mlp> LayerLoader::mlp() const {
  MlpWeights weights;
  TRY(weights.gate_up, weights_.gate_up(full_name("mlp.gate_proj.weight"), full_name("mlp.up_proj.weight"), dtype_));
  TRY(weights.down, weights_.matrix(full_name("mlp.down_proj.weight"), dtype_));
  if (config_.mlp_bias) {
    TRY(const std::vector<float> gate, bias("mlp.gate_proj", true));
    TRY(const std::vector<float> up, bias("mlp.up_proj", true));
    weights.gate_up_bias = interleave_gate_up(gate, up);
    TRY(weights.down_bias, bias("mlp.down_proj", true));
  }
  return Mlp(std::move(weights));
}

Result<Moe> LayerLoader::moe(const MoeNames& names) const {
  MoeWeights weights;
  TRY(weights.router, weights_.matrix(full_name(names.router + ".weight"), DType::kFloat32));
  for (int32_t expert = 0; expert < config_.moe.num_experts; ++expert) {
    const std::string prefix = full_name(fmt::format("{}.{}.", names.experts, expert));
    TRY(PackedMatrix gate_up, weights_.gate_up(prefix + names.gate + ".weight", prefix + names.up + ".weight", dtype_));
    TRY(PackedMatrix down, weights_.matrix(prefix + names.down + ".weight", dtype_));
    weights.gate_up.push_back(std::move(gate_up));
    weights.down.push_back(std::move(down));
  }
  return Moe(config_.moe, std::move(weights));
}

}  // namespace braid
