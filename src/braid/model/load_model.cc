#include "braid/model/load_model.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <set>
#include <utility>

#include "braid/model/layers/decoder.h"
#include "braid/model/layers/decoder_tensors.h"
#include "braid/model/layers/layer_loader.h"
#include "braid/model/registry.h"
#include "braid/model/shared_parts.h"
#include "braid/weights/pack_cache/pack_cache.h"
#include "braid/weights/weight_table.h"

namespace braid {
namespace {

// Rounded to the model's compute dtype, if transformers does so.
float embedding_multiplier(const ModelConfig& config, DType dtype) {
  const bool rounds = config.rounds_embedding_multiplier && dtype == DType::kBFloat16;
  return rounds ? to_float(to_bfloat16(config.embedding_multiplier)) : config.embedding_multiplier;
}

bool hold_all_of_head(std::span<const LocalShape> shapes) {
  std::set<int32_t> parts;
  for (const LocalShape& shape : shapes) parts.insert(shape.head_part);
  return static_cast<int32_t>(parts.size()) == shapes.front().num_head_parts;
}

Result<std::vector<SharedMatrix>> load_heads(const WeightLoader& weights, const std::string& name,
                                             std::span<const LocalShape> shapes, DType dtype) {
  std::vector<MatrixCut> cuts;
  for (const LocalShape& shape : shapes) {
    cuts.push_back({.rows = {shape.vocab}, .padded_rows = shape.vocab_rows, .domain = shape.domain});
  }
  const SharedParts<MatrixCut> parts(cuts);
  TRY(std::vector<PackedMatrix> packed, weights.matrices({&name, 1}, parts.distinct, dtype, MatrixUse::kVocab));
  return parts.deal(std::move(packed));
}

// A table of its own: rows in the dtype, or a matrix if it is kept quantized.
Result<std::shared_ptr<const Embedding>> load_embedding(const WeightLoader& weights, const std::string& name,
                                                        DType dtype, int32_t domain) {
  const MatrixCut whole{.rows = {kWhole}, .domain = domain};
  if (!weights.are_kept({&name, 1}, {&whole, 1}, MatrixUse::kVocab)) {
    TRY(RowsBuffer table, weights.rows(name, dtype, domain));
    return std::make_shared<const Embedding>(std::move(table));
  }
  TRY(std::vector<PackedMatrix> packed, weights.matrices({&name, 1}, {&whole, 1}, dtype, MatrixUse::kVocab));
  return std::make_shared<const Embedding>(
      std::vector<SharedMatrix>{std::make_shared<const PackedMatrix>(std::move(packed.front()))});
}

// All parts of the head, in the vocabulary's order, each once; from this domain if it has them.
std::vector<SharedMatrix> in_order(std::span<const SharedMatrix> heads, std::span<const LocalShape> shapes,
                                   int32_t domain) {
  std::vector<SharedMatrix> parts(static_cast<size_t>(shapes.front().num_head_parts));
  for (size_t i = 0; i < heads.size(); ++i) {
    SharedMatrix& part = parts[static_cast<size_t>(shapes[i].head_part)];
    if (part == nullptr || shapes[i].domain == domain) part = heads[i];
  }
  return parts;
}

// Of all ranks, in the order of the forward pass.
std::vector<WeightMemory> memory_of(std::span<const WeightList> lists) {
  std::vector<WeightMemory> memory;
  std::map<const std::byte*, size_t> known;
  for (size_t rank = 0; rank < lists.size(); ++rank) {
    for (const ListedWeight& weight : lists[rank].listed()) {
      const auto [found, is_new] = known.try_emplace(weight.bytes.data(), memory.size());
      if (is_new) memory.push_back({.tensors = weight.tensors, .bytes = weight.bytes, .ranks = {}});
      std::vector<int32_t>& ranks = memory[found->second].ranks;
      const auto number = static_cast<int32_t>(rank);
      if (ranks.empty() || ranks.back() != number) ranks.push_back(number);  // a head may be the embedding, too
    }
  }
  return memory;
}

}  // namespace

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
  if (config.vision && config.vision->kind == VisionKind::kSiglip) patterns.emplace_back("vision_tower.head.*");
  // Layers beyond num_hidden_layers: the configuration cuts the checkpoint short.
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
    int64_t elements = is_expert(spec.shard) ? config.moe.num_experts : 1;
    for (const int64_t size : spec.shape) elements *= size;
    total += elements;
  }
  return total;
}

Result<LoadedModel> load_model(const Checkpoint& checkpoint, DType dtype, int64_t num_positions,
                               const ParallelLayout& layout, IndexRange own, std::span<const RankCpus> places,
                               ThreadTeam& team, const LoadProgress& progress, PackCache* cache,
                               const QuantizedWeights& quantized, const VisionShard& vision_shard, KeptWeights* kept) {
  const ModelConfig& config = checkpoint.config();
  TRY(const ModelFamily* family, check_model(checkpoint));
  TRY_STATUS(check_layout(layout, layout_model(config)));
  std::vector<LocalShape> shapes;
  for (int64_t rank = own.begin; rank < own.end; ++rank) {
    shapes.push_back(local_shape(config, place_of(layout, static_cast<int32_t>(rank) % layout.tp_size)));
    if (!places.empty()) shapes.back().domain = places[static_cast<size_t>(rank - own.begin)].domain;
  }

  TRY(const auto first_touch, FirstTouch::make(team, places));
  const WeightLoader weights(checkpoint, team, progress, first_touch.get(), cache, quantized, kept);
  const auto rope_table = std::make_shared<const RopeTable>(config.rope, config.rotary_dim(), num_positions);
  std::shared_ptr<const RopeTable> local_rope_table;
  if (std::ranges::find(config.has_local_rope, true) != config.has_local_rope.end()) {
    local_rope_table = std::make_shared<const RopeTable>(config.local_rope, config.rotary_dim(), num_positions);
  }
  std::map<int32_t, std::shared_ptr<const Embedding>> embeddings;  // by domain
  for (const LocalShape& shape : shapes) embeddings[shape.domain] = nullptr;
  const DecoderTensors tensors = decoder_tensors(config);
  const bool reads_embedding = !config.tie_embeddings || !hold_all_of_head(shapes);
  if (reads_embedding) {
    for (auto& [domain, embedding] : embeddings) {
      TRY(embedding, load_embedding(weights, tensors.embedding.name, dtype, domain));
    }
  }
  std::vector<LoadedLayer> layers;
  std::vector<LayerTensors> tensors_of_layers;
  for (int32_t layer = 0; layer < config.num_layers; ++layer) {
    const auto& rope = config.uses_local_rope(layer) ? local_rope_table : rope_table;
    const LayerLoader loader(weights, config, shapes, dtype, rope, layer);
    tensors_of_layers.push_back(layer_tensors(family->layer(config, layer), config, layer));
    TRY(auto loaded, loader.load(tensors_of_layers.back()));
    layers.push_back(std::move(loaded));
  }
  TRY(std::vector<float> norm, weights.vector(tensors.final_norm.name));
  // Logits are linear in the normed rows, so their divisor goes into the norm.
  for (float& weight : norm) weight = (weight + config.norm_offset) / config.logits_divisor;
  const std::string& head_name = tensors.head ? tensors.head->name : tensors.embedding.name;
  TRY(const std::vector<SharedMatrix> heads, load_heads(weights, head_name, shapes, dtype));
  if (!reads_embedding) {
    for (auto& [domain, embedding] : embeddings) {
      embedding = std::make_shared<const Embedding>(in_order(heads, shapes, domain));
    }
  }

  LoadedModel model;
  if (config.vision) {
    TRY(model.vision, load_vision_tower(weights, *config.vision, dtype, vision_shard));
  }
  if (cache != nullptr) cache->finish();

  std::vector<WeightList> lists;
  for (size_t rank = 0; rank < shapes.size(); ++rank) {
    DecoderWeights held{.embedding = embeddings.at(shapes[rank].domain),
                        .head = heads[rank],
                        .vocab_size = config.vocab_size,
                        .embedding_multiplier = embedding_multiplier(config, dtype),
                        .residual_multiplier = config.residual_multiplier,
                        .final_norm = RmsNorm(norm, config.norm_eps),
                        .logits_soft_cap = config.logits_soft_cap,
                        .layers = {}};
    for (LoadedLayer& layer : layers) held.layers.push_back(std::move(layer[rank]));
    auto decoder = std::make_unique<Decoder>(std::move(held));
    decoder->list_weights(tensors, tensors_of_layers, lists.emplace_back());
    if (model.vision != nullptr) model.vision->list_weights(lists.back());
    model.ranks.push_back(std::move(decoder));
  }
  model.memory = memory_of(lists);
  model.weight_bytes = weights.packed_bytes();
  model.weight_uses = weights.uses();
  model.huge_page_bytes = weights.huge_page_bytes();
  return model;
}

}  // namespace braid
