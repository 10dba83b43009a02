#include "braid/model/load_model.h"

#include <charconv>
#include <utility>

#include "braid/model/layers/decoder.h"
#include "braid/model/registry.h"
#include "braid/weights/weight_table.h"

namespace braid {

Result<const ModelFamily*> check_model(const Checkpoint& checkpoint) {
  const ModelConfig& config = checkpoint.config();
  const ModelFamily* family = find_family(config.architecture);
  if (family == nullptr) {
    return fail("{}: architecture \"{}\" is not supported (supported: {})", checkpoint.config_name(),
                config.architecture, supported_architectures());
  }
  TRY_STATUS(check_weights(family->weights(config), ignored_tensors(checkpoint), checkpoint));
  return family;
}

std::vector<std::string> ignored_tensors(const Checkpoint& checkpoint) {
  const ModelConfig& config = checkpoint.config();
  std::vector<std::string> patterns = {"*.rotary_emb.inv_freq"};
  if (config.tie_embeddings) patterns.emplace_back("lm_head.weight");
  // Layers beyond num_hidden_layers: a checkpoint that its configuration cuts short.
  const std::string_view layers = "model.layers.";
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    if (!name.starts_with(layers)) continue;
    const std::string number = name.substr(layers.size(), name.find('.', layers.size()) - layers.size());
    int32_t layer = 0;
    const auto parsed = std::from_chars(number.data(), number.data() + number.size(), layer);
    if (parsed.ec != std::errc() || parsed.ptr != number.data() + number.size()) continue;
    const std::string pattern = layer_prefix(layer) + "*";
    if (layer >= config.num_layers && patterns.back() != pattern) patterns.push_back(pattern);
  }
  return patterns;
}

int64_t num_parameters(const WeightTable& table, const ModelConfig& config) {
  int64_t total = 0;
  for (const WeightSpec& spec : table) {
    int64_t elements = spec.shard == Shard::kExpert ? config.moe.num_experts : 1;
    for (const int64_t size : spec.shape) elements *= size;
    total += elements;
  }
  return total;
}

Result<LoadedModel> load_model(const Checkpoint& checkpoint, DType dtype, int64_t num_positions, ThreadTeam& team,
                               const LoadProgress& progress) {
  const ModelConfig& config = checkpoint.config();
  TRY(const ModelFamily* family, check_model(checkpoint));

  const WeightLoader weights(checkpoint, team, progress);
  const auto rope_table = std::make_shared<const RopeTable>(config.rope, config.head_dim, num_positions);
  const std::string embedding_name = "model.embed_tokens.weight";
  RowsBuffer embedding;
  if (!config.tie_embeddings) {
    TRY(embedding, weights.rows(embedding_name, dtype));
  }
  std::vector<std::unique_ptr<DecoderLayer>> layers;
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    TRY(auto loaded, family->load_layer(LayerLoader(weights, config, dtype, rope_table, layer)));
    layers.push_back(std::move(loaded));
  }
  TRY(std::vector<float> norm, weights.vector("model.norm.weight"));
  TRY(PackedMatrix head, weights.matrix(config.tie_embeddings ? embedding_name : "lm_head.weight", dtype));
  return LoadedModel{
      .model = std::make_unique<Decoder>(DecoderWeights{.embedding = std::move(embedding),
                                                        .head = std::move(head),
                                                        .final_norm = RmsNorm(std::move(norm), config.norm_eps),
                                                        .layers = std::move(layers)}),
      .weight_bytes = num_parameters(family->weights(config), config) * dtype_bytes(dtype)};
}

}  // namespace braid
