// Qwen2.5-VL's vision tower: RMSNorm and gated blocks. Most blocks see windows of the image, some see all of it.
// Patches are sorted by window from the first block on, and tokens are put back in order at the end. Source: Qwen2.5-VL
// technical report (arXiv 2502.13923), and the checkpoint's config.json. Tested by vision_tower_test.cc.
#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "braid/model/vision/patch_embedding.h"
#include "braid/model/vision/towers.h"

namespace braid {
namespace {

struct Qwen25VlTensors {
  VisionLinearTensors patch_embedding;
  std::vector<VisionBlockTensors> blocks;
  VisionNormTensors merger_norm;
  VisionLinearTensors fc1;
  VisionLinearTensors fc2;

  explicit Qwen25VlTensors(const VisionConfig& config)
      : patch_embedding(patch_embedding_tensors(config, "visual.patch_embed.proj", false)) {
    for (int32_t block = 0; block < config.depth; ++block) blocks.push_back(block_tensors(config, block));
    const int64_t square = int64_t{config.merge_size} * config.merge_size;
    const VisionSize merged{config.hidden * square, "hidden_size x spatial_merge_size²"};
    merger_norm = {.name = "visual.merger.ln_q", .size = {config.hidden, "hidden_size"}, .has_bias = false};
    fc1 = {.names = {"visual.merger.mlp.0"}, .outputs = merged, .inputs = merged};
    fc2 = {.names = {"visual.merger.mlp.2"}, .outputs = {config.out_hidden, "out_hidden_size"}, .inputs = merged};
  }

 private:
  static VisionBlockTensors block_tensors(const VisionConfig& config, int32_t block) {
    const std::string prefix = fmt::format("visual.blocks.{}.", block);
    const VisionSize hidden{config.hidden, "hidden_size"};
    const VisionSize ffn{config.ffn, "intermediate_size"};
    return {.attention_norm = {.name = prefix + "norm1", .size = hidden, .has_bias = false},
            .qkv = {.names = {prefix + "attn.qkv"},
                    .outputs = {3 * hidden.value, "3 x hidden_size"},
                    .inputs = hidden,
                    .stacked = 3},
            .output = {.names = {prefix + "attn.proj"}, .outputs = hidden, .inputs = hidden},
            .ffn_norm = {.name = prefix + "norm2", .size = hidden, .has_bias = false},
            .up = {.names = {prefix + "mlp.gate_proj", prefix + "mlp.up_proj"},
                   .outputs = ffn,
                   .inputs = hidden,
                   .is_gated = true},
            .down = {.names = {prefix + "mlp.down_proj"}, .outputs = hidden, .inputs = ffn}};
  }
};

// What follows of an image's grid alone.
struct Qwen25Order {
  WindowOrder windows;
  std::vector<int32_t> patches;    // the image's patch at each row
  std::vector<PatchPlace> places;  // of each row's patch
};

Qwen25Order order_of(const VisionConfig& config, const PatchGrid& grid) {
  Qwen25Order order;
  order.windows = window_order(config, grid);
  const std::vector<PatchPlace> places = patch_places(config, grid);
  const int32_t square = config.merge_size * config.merge_size;
  for (const int32_t token : order.windows.tokens) {
    for (int32_t i = 0; i < square; ++i) {
      const int32_t patch = token * square + i;
      order.patches.push_back(patch);
      order.places.push_back(places[static_cast<size_t>(patch) % places.size()]);
    }
  }
  return order;
}

std::vector<int32_t> frame_lengths(const PatchGrid& grid) {
  return std::vector<int32_t>(static_cast<size_t>(grid.frames), grid.rows * grid.cols);
}

class Qwen25VlTower final : public VisionTower {
 public:
  static LoadedTower load(const WeightLoader& weights, const VisionConfig& config, DType dtype,
                          const VisionShard& shard) {
    const Qwen25VlTensors tensors(config);
    TRY(auto patches, PatchEmbedding::load(weights, tensors.patch_embedding, config, dtype));
    const auto tower = std::make_shared<Qwen25VlTower>(config, shard, dtype, std::move(patches));
    for (const VisionBlockTensors& block : tensors.blocks) {
      TRY(tower->blocks_.emplace_back(), VisionBlock::load(weights, block, config, dtype, shard));
    }
    TRY(tower->merger_norm_, VisionNorm::load(weights, tensors.merger_norm, config.norm_eps));
    TRY(tower->merger_, VisionMerger::load(weights, tensors.fc1, tensors.fc2, dtype, shard));
    return std::shared_ptr<const VisionTower>(tower);
  }

  Qwen25VlTower(VisionConfig config, const VisionShard& shard, DType dtype, PatchEmbedding patches)
      : VisionTower(std::move(config), shard), dtype_(dtype), patches_(std::move(patches)) {}

  int64_t encode_bytes(const PatchGrid& grid) const override {
    const VisionSegments frames(frame_lengths(grid));
    const VisionSegments windows(window_order(config(), grid).num_patches);
    const int64_t page_tokens = std::max(frames.page_tokens(), windows.page_tokens());
    return VisionScratch::bytes(config(), shard(), dtype_, grid.count(), page_tokens) +
           config().num_tokens(grid) * config().out_hidden * dtype_bytes(DType::kFloat32);
  }

  void list_weights(WeightList& list) const override {
    patches_.list_weights(list);
    for (const VisionBlock& block : blocks_) block.list_weights(list);
    merger_norm_.list_weights(list);
    merger_.list_weights(list);
  }

 private:
  ImageFeatures encode_checked(Ops& ops, const ImagePatches& image, RowExchange* exchange) const override {
    const Qwen25Order order = order_of(config(), image.grid);
    const VisionSegments frames(frame_lengths(image.grid));
    const VisionSegments windows(order.windows.num_patches);
    // The places are those of all frames already.
    const VisionAngles angles =
        patch_angles(config(), {.rows = image.grid.rows, .cols = image.grid.cols}, order.places);
    VisionScratch scratch(config(), shard(), dtype_, image.grid.count(),
                          std::max(frames.page_tokens(), windows.page_tokens()));
    const Rows x = scratch.residual.first(image.grid.count());
    const VisionStep step{.ops = ops,
                          .scratch = scratch,
                          .exchange = exchange,
                          .square = int64_t{config().merge_size} * config().merge_size};

    patches_(step, image, order.patches, x);
    for (size_t block = 0; block < blocks_.size(); ++block) {
      blocks_[block](step, config().has_full_attention[block] ? frames : windows, &angles, x);
    }
    ImageFeatures features;
    features.embeddings = merge(step, order.windows.tokens, x);
    return features;
  }

  // Row i of x's squares belongs to token tokens[i].
  RowsBuffer merge(const VisionStep& step, std::span<const int32_t> tokens, Rows x) const {
    const auto num_tokens = std::ssize(tokens);
    Rows normed = step.scratch.normed.first(x.rows);
    merger_norm_(step.ops, step.own_patches(x), step.own_patches(normed));
    step.gather_patches(normed);
    normed.cols = normed.stride = x.rows / num_tokens * x.cols;
    normed.rows = num_tokens;
    const RowsBuffer sorted(DType::kFloat32, num_tokens, config().out_hidden);
    merger_(step, normed, sorted.first(num_tokens));
    RowsBuffer out(DType::kFloat32, num_tokens, config().out_hidden);
    for (int64_t i = 0; i < num_tokens; ++i) {
      std::memcpy(out.first(num_tokens).row_bytes(tokens[static_cast<size_t>(i)]),
                  sorted.first(num_tokens).row_bytes(i), static_cast<size_t>(config().out_hidden) * sizeof(float));
    }
    return out;
  }

  DType dtype_;
  PatchEmbedding patches_;
  std::vector<VisionBlock> blocks_;
  VisionNorm merger_norm_;
  VisionMerger merger_;
};

}  // namespace

WeightTable qwen25_vl_tensors(const VisionConfig& config) {
  const Qwen25VlTensors tensors(config);
  WeightTable table;
  tensors.patch_embedding.append_to(table);
  for (const VisionBlockTensors& block : tensors.blocks) block.append_to(table);
  tensors.merger_norm.append_to(table);
  tensors.fc1.append_to(table);
  tensors.fc2.append_to(table);
  return table;
}

LoadedTower load_qwen25_vl(const WeightLoader& weights, const VisionConfig& config, DType dtype,
                           const VisionShard& shard) {
  return Qwen25VlTower::load(weights, config, dtype, shard);
}

}  // namespace braid
