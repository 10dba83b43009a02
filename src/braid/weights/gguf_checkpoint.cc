#include "braid/weights/gguf_checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <span>

#include "braid/config/gguf_config.h"
#include "braid/config/gguf_keys.h"

namespace braid {
namespace {

struct NamePair {
  std::string_view gguf;
  std::string_view hugging_face;
};

constexpr std::array<NamePair, 3> kModelNames = {{
    {"token_embd.weight", "model.embed_tokens.weight"},
    {"output_norm.weight", "model.norm.weight"},
    {"output.weight", "lm_head.weight"},
}};

// Under "blk.N." and "model.layers.N.", before ".weight" or ".bias".
constexpr std::array<NamePair, 13> kLayerNames = {{
    {"attn_norm", "input_layernorm"},
    {"ffn_norm", "post_attention_layernorm"},
    {"post_attention_norm", "post_attention_layernorm"},
    {"post_ffw_norm", "post_feedforward_layernorm"},
    {"attn_q", "self_attn.q_proj"},
    {"attn_k", "self_attn.k_proj"},
    {"attn_v", "self_attn.v_proj"},
    {"attn_output", "self_attn.o_proj"},
    {"attn_q_norm", "self_attn.q_norm"},
    {"attn_k_norm", "self_attn.k_norm"},
    {"ffn_gate", "mlp.gate_proj"},
    {"ffn_up", "mlp.up_proj"},
    {"ffn_down", "mlp.down_proj"},
}};

// Names that differ for one model; they take precedence.
constexpr std::array<NamePair, 2> kPhi3Names = {{
    {"attn_qkv", "self_attn.qkv_proj"},
    {"ffn_up", "mlp.gate_up_proj"},
}};
constexpr std::array<NamePair, 4> kQwen2MoeNames = {{
    {"ffn_gate_inp_shexp", "mlp.shared_expert_gate"},
    {"ffn_gate_shexp", "mlp.shared_expert.gate_proj"},
    {"ffn_up_shexp", "mlp.shared_expert.up_proj"},
    {"ffn_down_shexp", "mlp.shared_expert.down_proj"},
}};
constexpr std::array<NamePair, 3> kGlm4MoeNames = {{
    {"ffn_gate_shexp", "mlp.shared_experts.gate_proj"},
    {"ffn_up_shexp", "mlp.shared_experts.up_proj"},
    {"ffn_down_shexp", "mlp.shared_experts.down_proj"},
}};

constexpr std::array<NamePair, 1> kGptOssNames = {{{"attn_sinks", "self_attn.sinks"}}};
constexpr std::array<NamePair, 1> kGemmaNames = {{
    {"ffn_norm", "pre_feedforward_layernorm"},
}};

std::span<const NamePair> own_layer_names(std::string_view architecture) {
  if (architecture == "Gemma2ForCausalLM" || architecture == "Gemma3ForCausalLM") return kGemmaNames;
  if (architecture == "Phi3ForCausalLM") return kPhi3Names;
  if (architecture == "Qwen2MoeForCausalLM") return kQwen2MoeNames;
  if (architecture == "Glm4MoeForCausalLM") return kGlm4MoeNames;
  if (architecture == "GptOssForCausalLM") return kGptOssNames;
  return {};
}

struct ExpertNames {
  std::string_view router;
  std::string_view experts;
  std::string_view gate;
  std::string_view up;
  std::string_view down;
};

constexpr ExpertNames kMixtralNames = {"block_sparse_moe.gate", "block_sparse_moe.experts", "w1", "w3", "w2"};
constexpr ExpertNames kQwenMoeNames = {"mlp.gate", "mlp.experts", "gate_proj", "up_proj", "down_proj"};
constexpr ExpertNames kGptOssExpertNames = {"mlp.router", "mlp.experts", "gate_proj", "up_proj", "down_proj"};

const ExpertNames& expert_names_of(std::string_view architecture) {
  if (architecture == "MixtralForCausalLM") return kMixtralNames;
  return architecture == "GptOssForCausalLM" ? kGptOssExpertNames : kQwenMoeNames;
}

// The parts of "blk.12.attn_q.weight".
struct LayerTensorName {
  int32_t layer;
  std::string_view part;    // "attn_q"
  std::string_view suffix;  // ".weight"
};

std::optional<LayerTensorName> split_layer_name(std::string_view name) {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  int32_t layer = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), layer);
  if (error != std::errc() || layer < 0 || end == name.data() + name.size() || *end != '.') return std::nullopt;
  name.remove_prefix(static_cast<size_t>(end - name.data()) + 1);
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  return LayerTensorName{layer, name.substr(0, dot), name.substr(dot)};
}

class TensorMapper {
 public:
  TensorMapper(const GgufParts& parts, const ModelConfig& config, bool interleaves_heads)
      : parts_(parts),
        config_(config),
        interleaves_heads_(interleaves_heads),
        expert_names_(expert_names_of(config.architecture)) {}

  Status add(const GgufTensor& source) {
    for (const NamePair& pair : kModelNames) {
      if (pair.gguf == source.name) return insert(std::string(pair.hugging_face), make(source));
    }
    const auto name = split_layer_name(source.name);
    if (!name) return insert(source.name, make(source));
    const std::string prefix = fmt::format("model.layers.{}.", name->layer);
    const std::string suffix(name->suffix);
    // A layer that predicts further tokens. Its number makes it ignored.
    if (name->layer >= config_.num_layers) return insert(prefix + std::string(name->part) + suffix, make(source));

    const std::string router = prefix + std::string(expert_names_.router);
    if (name->part == "ffn_gate_inp") return insert(router + suffix, make(source));
    if (name->part == "exp_probs_b") return insert(router + ".e_score_correction_bias", make(source));
    for (const auto& [part, expert_part] :
         {NamePair{"ffn_gate_exps", expert_names_.gate}, NamePair{"ffn_up_exps", expert_names_.up},
          NamePair{"ffn_down_exps", expert_names_.down}}) {
      if (name->part == part && (name->suffix == ".weight" || name->suffix == ".bias")) {
        return add_experts(source, prefix + std::string(expert_names_.experts), std::string(expert_part) + suffix);
      }
    }
    const std::string_view own_name = layer_name(name->part);
    if (own_name.empty()) return insert(source.name, make(source));
    StoredTensor tensor = make(source);
    if (interleaves_heads_ && (name->part == "attn_q" || name->part == "attn_k")) {
      const int32_t heads = name->part == "attn_q" ? config_.num_heads : config_.num_kv_heads;
      if (source.shape.front() != int64_t{heads} * config_.head_dim) {
        return fail("tensor \"{}\" has {} rows, its metadata says {} heads of {}", source.name, source.shape.front(),
                    heads, config_.head_dim);
      }
      tensor.interleaved_heads = heads;
    }
    // Converters store this matrix of one row as a vector.
    if (name->part == "ffn_gate_inp_shexp" && tensor.shape.size() == 1) tensor.shape.insert(tensor.shape.begin(), 1);
    if (name->part == "attn_sinks") return insert(prefix + std::string(own_name), std::move(tensor));
    return insert(prefix + std::string(own_name) + suffix, std::move(tensor));
  }

  std::map<std::string, StoredTensor, std::less<>> take() { return std::move(tensors_); }

 private:
  // Hugging Face's name for GGUF's `part`; empty: unknown.
  std::string_view layer_name(std::string_view part) const {
    const std::span<const NamePair> own = own_layer_names(config_.architecture);
    for (const std::span<const NamePair> pairs : {own, std::span<const NamePair>(kLayerNames)}) {
      const auto found = std::ranges::find(pairs, part, &NamePair::gguf);
      if (found != pairs.end()) return found->hugging_face;
    }
    return {};
  }

  StoredTensor make(const GgufTensor& source) const {
    StoredTensor tensor;
    tensor.stored_name = source.name;
    tensor.shape = source.shape;
    tensor.type_name = source.type->name;
    tensor.plain = source.type->plain;
    tensor.ggml = source.type;
    tensor.block_elements = source.type->block_elements;
    tensor.block_bytes = source.type->block_bytes;
    tensor.file = parts_.files[static_cast<size_t>(source.part)].get();
    tensor.offset = source.offset;
    tensor.bytes = source.bytes;
    return tensor;
  }

  Status insert(std::string name, StoredTensor tensor) {
    const auto [place, is_new] = tensors_.emplace(std::move(name), std::move(tensor));
    if (!is_new) return fail("two tensors stand for {}: \"{}\" and another", place->first, place->second.stored_name);
    return {};
  }

  // [experts, rows, columns] as one matrix for each expert, or [experts, rows] as one bias.
  Status add_experts(const GgufTensor& source, const std::string& experts, const std::string& part) {
    const int64_t num_experts = config_.moe.num_experts;
    const size_t num_sizes = part.ends_with(".bias") ? 2 : 3;
    if (source.shape.size() != num_sizes || source.shape[0] != num_experts) {
      return fail("tensor \"{}\" has shape [{}], its metadata says {} experts", source.name,
                  fmt::join(source.shape, ", "), num_experts);
    }
    const StoredTensor whole = make(source);
    for (int64_t expert = 0; expert < num_experts; ++expert) {
      StoredTensor tensor = whole;
      tensor.shape.erase(tensor.shape.begin());
      tensor.bytes = whole.bytes / num_experts;
      tensor.offset = whole.offset + expert * tensor.bytes;
      TRY_STATUS(insert(fmt::format("{}.{}.{}", experts, expert, part), std::move(tensor)));
    }
    return {};
  }

  const GgufParts& parts_;
  const ModelConfig& config_;
  const bool interleaves_heads_;
  const ExpertNames expert_names_;
  std::map<std::string, StoredTensor, std::less<>> tensors_;
};

// Reads the divisors of the rope's frequencies (Llama 3's scaling, longrope's), which GGUF files store as a tensor.
Result<std::vector<float>> read_frequency_factors(const StoredTensor& tensor, int32_t rotary_dim) {
  if (tensor.shape != std::vector<int64_t>{rotary_dim / 2} || !tensor.is_usable()) {
    return fail("tensor \"{}\" has shape {} and type {}, must be [{}] of F32", tensor.stored_name, tensor.shape_text(),
                tensor.type_name, rotary_dim / 2);
  }
  std::vector<float> factors(static_cast<size_t>(rotary_dim / 2));
  TRY_STATUS(tensor.read_rows(0, make_rows(factors.data(), 1, rotary_dim / 2)));
  for (const float factor : factors) {
    if (!(factor >= kMinRopeFactor && factor <= kMaxRopeFactor)) {
      return fail("tensor \"{}\" has the value {}, must be between {} and {}", tensor.stored_name, factor,
                  kMinRopeFactor, kMaxRopeFactor);
    }
  }
  return factors;
}

Result<GgufCheckpoint> read_checkpoint(const GgufParts& parts) {
  const GgufFile& gguf = parts.gguf;
  GgufCheckpoint checkpoint;
  TRY(checkpoint.config, read_gguf_config(gguf));
  TRY(checkpoint.generation, read_gguf_generation(gguf));
  TRY(const auto architecture, gguf.find_string("general.architecture"));
  TensorMapper mapper(parts, checkpoint.config, find_gguf_architecture(architecture.value_or(""))->interleaves_heads);
  for (const GgufTensor& tensor : gguf.tensors()) TRY_STATUS(mapper.add(tensor));
  checkpoint.tensors = mapper.take();
  RopeConfig& rope = checkpoint.config.rope;
  for (const char* const name : {"rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight"}) {
    const auto tensor = checkpoint.tensors.extract(name);
    if (tensor.empty()) continue;
    TRY(auto factors, read_frequency_factors(tensor.mapped(), checkpoint.config.rotary_dim()));
    (std::string_view(name).find("long") == std::string_view::npos ? rope.frequency_factors : rope.long_factors) =
        std::move(factors);
  }
  if (rope.kind == RopeConfig::Kind::kLongRope && rope.long_factors.empty()) {
    return fail("there is a tensor \"rope_factors_short.weight\", and none \"rope_factors_long.weight\"");
  }
  return checkpoint;
}

}  // namespace

Result<GgufCheckpoint> read_gguf_checkpoint(const GgufParts& parts) {
  auto checkpoint = read_checkpoint(parts);
  if (!checkpoint.ok()) return fail("{}: {}", parts.first().name(), checkpoint.error().message);
  return checkpoint;
}

}  // namespace braid
