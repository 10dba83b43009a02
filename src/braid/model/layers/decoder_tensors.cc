#include "braid/model/layers/decoder_tensors.h"

#include <fmt/format.h>

#include <initializer_list>
#include <string_view>
#include <utility>

namespace braid {
namespace {

// One size of a tensor, and the configuration's name for it.
struct Size {
  int64_t value;
  std::string name;
};

struct Sizes {
  explicit Sizes(const ModelConfig& config)
      : hidden{config.hidden, "hidden_size"},
        vocab{config.vocab_size, "vocab_size"},
        heads{config.num_heads, "num_attention_heads"},
        head_dim{config.head_dim, "head_dim"},
        q{int64_t{config.num_heads} * config.head_dim, "num_attention_heads * head_dim"},
        kv{int64_t{config.num_kv_heads} * config.head_dim, "num_key_value_heads * head_dim"},
        qkv{q.value + 2 * kv.value, "(num_attention_heads + 2 * num_key_value_heads) * head_dim"},
        ffn{config.ffn, "intermediate_size"},
        gate_up{int64_t{2} * config.ffn, "2 * intermediate_size"},
        experts{config.moe.num_experts, "number of experts"},
        expert_ffn{config.moe.expert_ffn, "size of an expert"},
        shared_ffn{config.moe.shared_ffn, "size of the shared expert"} {}

  Size hidden;
  Size vocab;
  Size heads;
  Size head_dim;
  Size q;
  Size kv;
  Size qkv;
  Size ffn;
  Size gate_up;
  Size experts;
  Size expert_ffn;
  Size shared_ffn;
};

WeightSpec tensor(std::string name, std::initializer_list<Size> shape, Shard shard = Shard::kReplicated) {
  WeightSpec spec{.name = std::move(name), .shape = {}, .shard = shard};
  for (const Size& size : shape) {
    spec.shape.push_back(size.value);
    spec.sizes += (spec.sizes.empty() ? "" : ", ") + size.name;
  }
  return spec;
}

struct LinearShards {
  Shard weight = Shard::kReplicated;
  Shard bias = Shard::kReplicated;
};

LinearTensors linear(const std::string& name, const Size& outputs, const Size& inputs, const LinearShards& shards,
                     bool has_bias) {
  LinearTensors made{.weight = tensor(name + ".weight", {outputs, inputs}, shards.weight), .bias = {}};
  if (has_bias) made.bias = tensor(name + ".bias", {outputs}, shards.bias);
  return made;
}

AttentionTensors attention_tensors(const AttentionSpec& spec, const ModelConfig& config, const std::string& layer) {
  const Sizes sizes(config);
  const std::string prefix = layer + "self_attn.";
  AttentionTensors made;
  const auto project = [&](const char* name, const Size& rows, Shard shard) {
    made.qkv.push_back(linear(prefix + name, rows, sizes.hidden, {.weight = shard, .bias = shard}, config.qkv_bias));
  };
  if (spec.has_fused_qkv) {
    project("qkv_proj", sizes.qkv, Shard::kQkvRows);
  } else {
    project("q_proj", sizes.q, Shard::kHeadRows);
    project("k_proj", sizes.kv, Shard::kKvHeadRows);
    project("v_proj", sizes.kv, Shard::kKvHeadRows);
  }
  made.output = linear(prefix + "o_proj", sizes.hidden, sizes.q, {.weight = Shard::kHeadCols}, config.output_bias);
  if (spec.has_sinks) made.sinks = tensor(prefix + "sinks", {sizes.heads}, Shard::kHeads);
  made.qk_norm = spec.qk_norm;
  if (spec.qk_norm == QkNorm::kHead) {
    made.q_norm = tensor(prefix + "q_norm.weight", {sizes.head_dim});
    made.k_norm = tensor(prefix + "k_norm.weight", {sizes.head_dim});
  }
  if (spec.qk_norm == QkNorm::kAllHeads) {
    made.q_norm = tensor(prefix + "q_norm.weight", {sizes.q}, Shard::kHeadRows);
    made.k_norm = tensor(prefix + "k_norm.weight", {sizes.kv}, Shard::kKvHeadRows);
  }
  if (config.quantization.has_kv_scales) {
    made.key_scale = tensor(prefix + "k_scale", {{1, "kv_cache_scheme"}});
    made.value_scale = tensor(prefix + "v_scale", {{1, "kv_cache_scheme"}});
  }
  return made;
}

GatedTensors mlp_tensors(const MlpSpec& spec, const ModelConfig& config, const std::string& layer) {
  const Sizes sizes(config);
  const std::string prefix = layer + "mlp.";
  const LinearShards rows{.weight = Shard::kFfnRows, .bias = Shard::kFfnRows};
  GatedTensors made;
  if (spec.has_fused_gate_up) {
    made.gate_up = {
        linear(prefix + "gate_up_proj", sizes.gate_up, sizes.hidden, {.weight = Shard::kGateUpRows}, false)};
  } else {
    made.gate_up = {linear(prefix + "gate_proj", sizes.ffn, sizes.hidden, rows, config.mlp_bias),
                    linear(prefix + "up_proj", sizes.ffn, sizes.hidden, rows, config.mlp_bias)};
  }
  made.down = linear(prefix + "down_proj", sizes.hidden, sizes.ffn, {.weight = Shard::kFfnCols}, config.mlp_bias);
  made.activation = spec.activation;
  return made;
}

// The matrices of an expert or of the shared expert; both use the same names.
GatedTensors expert_tensors(const MoeSpec& spec, const std::string& prefix, const Size& ffn, const Size& hidden,
                            bool is_shared) {
  const Shard rows = is_shared ? Shard::kSharedRows : Shard::kExpertRows;
  const Shard cols = is_shared ? Shard::kSharedCols : Shard::kExpertCols;
  const bool has_biases = spec.has_biases && !is_shared;
  const auto named = [&](std::string_view name) { return prefix + std::string(name); };
  return {.gate_up = {linear(named(spec.gate), ffn, hidden, {.weight = rows, .bias = rows}, has_biases),
                      linear(named(spec.up), ffn, hidden, {.weight = rows, .bias = rows}, has_biases)},
          .down = linear(named(spec.down), hidden, ffn, {.weight = cols, .bias = Shard::kExpertWhole}, has_biases),
          .activation = spec.activation};
}

MoeTensors moe_tensors(const MoeSpec& spec, const ModelConfig& config, const std::string& layer) {
  const Sizes sizes(config);
  const auto named = [&](std::string_view name) { return layer + std::string(name); };
  MoeTensors made;
  made.router = linear(named(spec.router), sizes.experts, sizes.hidden, {}, spec.has_biases);
  made.experts = expert_tensors(spec, named(spec.experts) + ".{expert}.", sizes.expert_ffn, sizes.hidden, false);
  if (!spec.router_correction.empty()) made.router_correction = tensor(named(spec.router_correction), {sizes.experts});
  if (!spec.shared_gate.empty()) {
    made.shared_gate = tensor(named(spec.shared_gate) + ".weight", {{1, "1"}, sizes.hidden});
  }
  if (!spec.shared.empty()) {
    made.shared = expert_tensors(spec, named(spec.shared) + ".", sizes.shared_ffn, sizes.hidden, true);
  }
  return made;
}

std::vector<WeightSpec> norm_tensors(NormPlacement placement, const ModelConfig& config, const std::string& layer) {
  std::vector<const char*> names = {"input_layernorm", "post_attention_layernorm"};
  if (placement == NormPlacement::kAfter) names = {"post_attention_layernorm", "post_feedforward_layernorm"};
  if (placement == NormPlacement::kAround) {
    names = {"input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"};
  }
  const Size hidden = Sizes(config).hidden;
  std::vector<WeightSpec> norms;
  for (const char* const name : names) norms.push_back(tensor(layer + name + ".weight", {hidden}));
  return norms;
}

void append(WeightTable& table, const std::optional<WeightSpec>& spec) {
  if (spec) table.push_back(*spec);
}

void append(WeightTable& table, const LinearTensors& tensors) {
  table.push_back(tensors.weight);
  append(table, tensors.bias);
}

void append(WeightTable& table, const AttentionTensors& tensors) {
  for (const LinearTensors& projection : tensors.qkv) append(table, projection);
  append(table, tensors.output);
  append(table, tensors.sinks);
  append(table, tensors.q_norm);
  append(table, tensors.k_norm);
  append(table, tensors.key_scale);
  append(table, tensors.value_scale);
}

void append(WeightTable& table, const GatedTensors& tensors) {
  for (const LinearTensors& one : tensors.gate_up) append(table, one);
  append(table, tensors.down);
}

void append(WeightTable& table, const MoeTensors& tensors) {
  append(table, tensors.router);
  append(table, tensors.experts);
  append(table, tensors.router_correction);
  append(table, tensors.shared_gate);
  if (tensors.shared) append(table, *tensors.shared);
}

}  // namespace

std::string layer_prefix(int32_t layer) {
  return fmt::format("model.layers.{}.", layer);
}

DecoderTensors decoder_tensors(const ModelConfig& config) {
  const Sizes sizes(config);
  DecoderTensors made{.embedding = tensor("model.embed_tokens.weight", {sizes.vocab, sizes.hidden}, Shard::kVocab),
                      .final_norm = tensor("model.norm.weight", {sizes.hidden}),
                      .head = {}};
  if (!config.tie_embeddings) made.head = tensor("lm_head.weight", {sizes.vocab, sizes.hidden}, Shard::kVocab);
  return made;
}

LayerTensors layer_tensors(const LayerSpec& spec, const ModelConfig& config, int32_t layer) {
  const std::string prefix = layer_prefix(layer);
  LayerTensors made;
  made.norm_placement = spec.norms;
  made.norms = norm_tensors(spec.norms, config, prefix);
  made.attention = attention_tensors(spec.attention, config, prefix);
  if (const MoeSpec* const moe = std::get_if<MoeSpec>(&spec.feed_forward)) {
    made.feed_forward = moe_tensors(*moe, config, prefix);
  } else {
    made.feed_forward = mlp_tensors(std::get<MlpSpec>(spec.feed_forward), config, prefix);
  }
  return made;
}

void append(WeightTable& table, const DecoderTensors& tensors) {
  table.push_back(tensors.embedding);
  table.push_back(tensors.final_norm);
  append(table, tensors.head);
}

void append(WeightTable& table, const LayerTensors& tensors) {
  table.insert(table.end(), tensors.norms.begin(), tensors.norms.end());
  append(table, tensors.attention);
  std::visit([&](const auto& feed_forward) { append(table, feed_forward); }, tensors.feed_forward);
}

std::string weight_names(std::span<const LinearTensors> tensors) {
  std::string names;
  for (const LinearTensors& one : tensors) names += (names.empty() ? "" : ", ") + one.weight.name;
  return names;
}

std::string bias_names(std::span<const LinearTensors> tensors) {
  std::string names;
  for (const LinearTensors& one : tensors) {
    if (one.bias) names += (names.empty() ? "" : ", ") + one.bias->name;
  }
  return names;
}

}  // namespace braid
