// Gemma 3's vision tower: SigLIP on images of one size, then its projector, which averages squares of patches and
// projects each average into the text model.
// Source: SigLIP (arXiv 2303.15343), Gemma 3 technical report (arXiv 2503.19786), and the checkpoint's config.json.
// Tested by vision_tower_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "braid/model/vision/patch_embedding.h"
#include "braid/model/vision/towers.h"

namespace braid {
namespace {

struct SiglipTensors {
  VisionLinearTensors patch_embedding;
  WeightSpec positions;
  std::vector<VisionBlockTensors> blocks;
  VisionNormTensors final_norm;
  VisionNormTensors projector_norm;
  VisionLinearTensors projector;

  explicit SiglipTensors(const VisionConfig& config)
      : patch_embedding(patch_embedding_tensors(config, "vision_tower.embeddings.patch_embedding", true)),
        positions({.name = "vision_tower.embeddings.position_embedding.weight",
                   .shape = {int64_t{config.position_side} * config.position_side, config.hidden},
                   .sizes = "(image_size / patch_size)², hidden_size"}) {
    const VisionSize hidden{config.hidden, "hidden_size"};
    for (int32_t block = 0; block < config.depth; ++block) blocks.push_back(block_tensors(config, block));
    final_norm = {.name = "vision_tower.post_layernorm", .size = hidden};
    projector_norm = {.name = "multi_modal_projector.mm_soft_emb_norm", .size = hidden, .has_bias = false};
    // Stored as [hidden_size, the text's hidden_size], and read the other way round.
    projector = {.names = {"multi_modal_projector.mm_input_projection"},
                 .outputs = {config.out_hidden, "the text's hidden_size"},
                 .inputs = hidden,
                 .has_bias = false,
                 .suffix = "_weight"};
  }

 private:
  static VisionBlockTensors block_tensors(const VisionConfig& config, int32_t block) {
    const std::string prefix = fmt::format("vision_tower.encoder.layers.{}.", block);
    const VisionSize hidden{config.hidden, "hidden_size"};
    const VisionSize ffn{config.ffn, "intermediate_size"};
    const std::string attention = prefix + "self_attn.";
    return {.attention_norm = {.name = prefix + "layer_norm1", .size = hidden},
            .qkv = {.names = {attention + "q_proj", attention + "k_proj", attention + "v_proj"},
                    .outputs = hidden,
                    .inputs = hidden},
            .output = {.names = {attention + "out_proj"}, .outputs = hidden, .inputs = hidden},
            .ffn_norm = {.name = prefix + "layer_norm2", .size = hidden},
            .up = {.names = {prefix + "mlp.fc1"}, .outputs = ffn, .inputs = hidden},
            .down = {.names = {prefix + "mlp.fc2"}, .outputs = hidden, .inputs = ffn}};
  }
};

class SiglipTower final : public VisionTower {
 public:
  static LoadedTower load(const WeightLoader& weights, const VisionConfig& config, DType dtype,
                          const VisionShard& shard) {
    const SiglipTensors tensors(config);
    TRY(auto patches, PatchEmbedding::load(weights, tensors.patch_embedding, config, dtype));
    const auto tower = std::make_shared<SiglipTower>(config, shard, dtype, std::move(patches));
    TRY(tower->positions_, weights.rows(tensors.positions.name, DType::kFloat32));
    for (const VisionBlockTensors& block : tensors.blocks) {
      TRY(tower->blocks_.emplace_back(), VisionBlock::load(weights, block, config, dtype, shard));
    }
    TRY(tower->final_norm_, VisionNorm::load(weights, tensors.final_norm, config.norm_eps));
    constexpr float kGemmaOffset = 1.0F;  // its norms store their weights' distance from 1
    TRY(tower->projector_norm_, VisionNorm::load(weights, tensors.projector_norm, config.norm_eps, kGemmaOffset));
    TRY(tower->projector_, VisionLinear::load(weights, tensors.projector, dtype));
    return std::shared_ptr<const VisionTower>(tower);
  }

  SiglipTower(VisionConfig config, const VisionShard& shard, DType dtype, PatchEmbedding patches)
      : VisionTower(std::move(config), shard), dtype_(dtype), patches_(std::move(patches)) {}

  int64_t encode_bytes(const PatchGrid& grid) const override {
    const std::vector<int32_t> all_patches = {static_cast<int32_t>(grid.count())};
    return VisionScratch::bytes(config(), shard(), dtype_, grid.count(), VisionSegments(all_patches).page_tokens()) +
           config().num_tokens(grid) * config().hidden * dtype_bytes(DType::kFloat32);
  }

  void list_weights(WeightList& list) const override {
    patches_.list_weights(list);
    list.add("vision_tower.embeddings.position_embedding.weight",
             std::as_bytes(std::span(positions_.first(0).data, static_cast<size_t>(positions_.bytes()))));
    for (const VisionBlock& block : blocks_) block.list_weights(list);
    final_norm_.list_weights(list);
    projector_norm_.list_weights(list);
    projector_.list_weights(list);
  }

 private:
  ImageFeatures encode_checked(Ops& ops, const ImagePatches& image, RowExchange* exchange) const override {
    const std::vector<int32_t> all_patches = {static_cast<int32_t>(image.grid.count())};
    const VisionSegments segments(all_patches);
    VisionScratch scratch(config(), shard(), dtype_, image.grid.count(), segments.page_tokens());
    const Rows x = scratch.residual.first(image.grid.count());
    const VisionStep step{.ops = ops, .scratch = scratch, .exchange = exchange};

    patches_(step, image, {}, x);
    ops.add(step.own_patches(positions_.first(x.rows)), step.own_patches(x));
    for (const VisionBlock& block : blocks_) block(step, segments, nullptr, x);
    final_norm_(ops, step.own_patches(x), step.own_patches(x));
    step.gather_patches(x);

    const int64_t num_tokens = config().num_tokens(image.grid);
    const RowsBuffer pooled(DType::kFloat32, num_tokens, config().hidden);
    pool(ops, x, pooled.first(num_tokens));
    const Rows normed = scratch.normed.first(num_tokens);
    projector_norm_(ops, pooled.first(num_tokens), normed);
    ImageFeatures features;
    features.embeddings = RowsBuffer(DType::kFloat32, num_tokens, config().out_hidden);
    projector_(ops, normed, features.embeddings.first(num_tokens));
    return features;
  }

  // The averages of squares of merge_size² patches.
  void pool(Ops& ops, ConstRows x, Rows pooled) const {
    const int64_t side = config().position_side;
    const int64_t square = config().merge_size;
    const int64_t tokens_of_side = side / square;
    ops.parallel_for(pooled.rows, [&](int64_t begin, int64_t end) {
      for (int64_t token = begin; token < end; ++token) {
        float* to = pooled.row<float>(token);
        std::fill_n(to, pooled.cols, 0.0F);
        const int64_t top = token / tokens_of_side * square;
        const int64_t left = token % tokens_of_side * square;
        for (int64_t i = 0; i < square * square; ++i) {
          const float* from = x.row<float>((top + i / square) * side + left + i % square);
          for (int64_t col = 0; col < pooled.cols; ++col) to[col] += from[col];
        }
        for (int64_t col = 0; col < pooled.cols; ++col) to[col] /= static_cast<float>(square * square);
      }
    });
  }

  DType dtype_;
  PatchEmbedding patches_;
  RowsBuffer positions_;
  std::vector<VisionBlock> blocks_;
  VisionNorm final_norm_;
  VisionNorm projector_norm_;
  VisionLinear projector_;
};

}  // namespace

WeightTable siglip_tensors(const VisionConfig& config) {
  const SiglipTensors tensors(config);
  WeightTable table;
  tensors.patch_embedding.append_to(table);
  table.push_back(tensors.positions);
  for (const VisionBlockTensors& block : tensors.blocks) block.append_to(table);
  tensors.final_norm.append_to(table);
  tensors.projector_norm.append_to(table);
  tensors.projector.append_to(table);
  return table;
}

LoadedTower load_siglip(const WeightLoader& weights, const VisionConfig& config, DType dtype,
                        const VisionShard& shard) {
  return SiglipTower::load(weights, config, dtype, shard);
}

}  // namespace braid
