#include "braid/weights/gguf_checkpoint.h"

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

#include "braid/config/gguf_config.h"

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
constexpr std::array<NamePair, 11> kLayerNames = {{
    {"attn_norm", "input_layernorm"},
    {"ffn_norm", "post_attention_layernorm"},
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

struct ExpertNames {
  std::string_view router;
  std::string_view experts;
  std::string_view gate;
  std::string_view up;
  std::string_view down;
};

constexpr ExpertNames kMixtralNames = {"block_sparse_moe.gate", "block_sparse_moe.experts", "w1", "w3", "w2"};
constexpr ExpertNames kQwen3MoeNames = {"mlp.gate", "mlp.experts", "gate_proj", "up_proj", "down_proj"};

// "blk.12.attn_q.weight" in its parts.
struct LayerTensorName {
  std::string layer;
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
  return LayerTensorName{std::to_string(layer), name.substr(0, dot), name.substr(dot)};
}

class TensorMapper {
 public:
  TensorMapper(const GgufParts& parts, const ModelConfig& config, bool interleaves_heads)
      : parts_(parts),
        config_(config),
        interleaves_heads_(interleaves_heads),
        expert_names_(config.architecture == "MixtralForCausalLM" ? kMixtralNames : kQwen3MoeNames) {}

  Status add(const GgufTensor& source) {
    for (const NamePair& pair : kModelNames) {
      if (pair.gguf == source.name) return insert(std::string(pair.hugging_face), make(source));
    }
    const auto name = split_layer_name(source.name);
    if (!name) return insert(source.name, make(source));
    const std::string prefix = "model.layers." + name->layer + ".";
    const std::string suffix(name->suffix);

    if (name->part == "ffn_gate_inp") {
      return insert(prefix + std::string(expert_names_.router) + suffix, make(source));
    }
    for (const auto& [part, expert_part] :
         {NamePair{"ffn_gate_exps", expert_names_.gate}, NamePair{"ffn_up_exps", expert_names_.up},
          NamePair{"ffn_down_exps", expert_names_.down}}) {
      if (name->part == part && name->suffix == ".weight") {
        return add_experts(source, prefix + std::string(expert_names_.experts), std::string(expert_part) + suffix);
      }
    }
    for (const NamePair& pair : kLayerNames) {
      if (name->part != pair.gguf) continue;
      StoredTensor tensor = make(source);
      if (interleaves_heads_ && (name->part == "attn_q" || name->part == "attn_k")) {
        const int32_t heads = name->part == "attn_q" ? config_.num_heads : config_.num_kv_heads;
        if (source.shape.front() != int64_t{heads} * config_.head_dim) {
          return fail("tensor \"{}\" has {} rows, its metadata says {} heads of {}", source.name, source.shape.front(),
                      heads, config_.head_dim);
        }
        tensor.interleaved_heads = heads;
      }
      return insert(prefix + std::string(pair.hugging_face) + suffix, std::move(tensor));
    }
    return insert(source.name, make(source));
  }

  std::map<std::string, StoredTensor, std::less<>> take() { return std::move(tensors_); }

 private:
  StoredTensor make(const GgufTensor& source) const {
    StoredTensor tensor;
    tensor.stored_name = source.name;
    tensor.shape = source.shape;
    tensor.type_name = source.type->name;
    tensor.plain = source.type->plain;
    tensor.to_float = source.type->to_float;
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

  // [experts, rows, columns] as one matrix for each expert.
  Status add_experts(const GgufTensor& source, const std::string& experts, const std::string& part) {
    const int64_t num_experts = config_.moe.num_experts;
    if (source.shape.size() != 3 || source.shape[0] != num_experts) {
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

// Llama 3's rope scaling, which GGUF files hold as a factor for each frequency.
Status read_frequency_factors(StoredTensor tensor, RopeConfig& rope, int32_t head_dim) {
  if (tensor.shape != std::vector<int64_t>{head_dim / 2} || !tensor.is_usable()) {
    return fail("tensor \"{}\" has shape {} and type {}, must be [{}] of F32", tensor.stored_name, tensor.shape_text(),
                tensor.type_name, head_dim / 2);
  }
  rope.frequency_factors.resize(static_cast<size_t>(head_dim / 2));
  TRY_STATUS(tensor.read_rows(0, make_rows(rope.frequency_factors.data(), 1, head_dim / 2)));
  for (const float factor : rope.frequency_factors) {
    if (!(std::isfinite(factor) && factor > 0)) {
      return fail("tensor \"{}\" has the value {}, must be above 0", tensor.stored_name, factor);
    }
  }
  return {};
}

Result<GgufCheckpoint> read_checkpoint(const GgufParts& parts) {
  const GgufFile& gguf = parts.gguf;
  GgufCheckpoint checkpoint;
  TRY(checkpoint.config, read_gguf_config(gguf));
  TRY(checkpoint.generation, read_gguf_generation(gguf));
  TRY(const auto architecture, gguf.find_string("general.architecture"));
  TensorMapper mapper(parts, checkpoint.config, architecture == "llama");
  for (const GgufTensor& tensor : gguf.tensors()) TRY_STATUS(mapper.add(tensor));
  checkpoint.tensors = mapper.take();
  if (auto factors = checkpoint.tensors.extract("rope_freqs.weight"); !factors.empty()) {
    TRY_STATUS(read_frequency_factors(std::move(factors.mapped()), checkpoint.config.rope, checkpoint.config.head_dim));
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
