// Qwen3-VL's vision tower: a SigLIP-2 encoder for images of any size (two-dimensional rotary embedding, and a position
// table that is stretched over the image), whose squares of patches are merged to tokens. The outputs of some blocks
// reach the first layers of the text model, too (DeepStack).
// Source: Qwen3-VL technical report (arXiv 2511.21631), DeepStack (arXiv 2406.04334), and the checkpoint's config.json.
// Tested by vision_tower_test.cc.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "braid/model/vision/patch_embedding.h"
#include "braid/model/vision/towers.h"

namespace braid {
namespace {

// A merger's norm, which is over single patches or over whole squares, and its two products.
struct Qwen3MergerTensors {
  VisionNormTensors norm;
  VisionLinearTensors fc1;
  VisionLinearTensors fc2;

  void append_to(WeightTable& table) const {
    norm.append_to(table);
    fc1.append_to(table);
    fc2.append_to(table);
  }
};

struct Qwen3VlTensors {
  VisionLinearTensors patch_embedding;
  WeightSpec positions;
  std::vector<VisionBlockTensors> blocks;
  Qwen3MergerTensors merger;
  std::vector<Qwen3MergerTensors> deepstack;

  explicit Qwen3VlTensors(const VisionConfig& config)
      : patch_embedding(patch_embedding_tensors(config, "visual.patch_embed.proj", true)),
        positions({.name = "visual.pos_embed.weight",
                   .shape = {int64_t{config.position_side} * config.position_side, config.hidden},
                   .sizes = "num_position_embeddings, hidden_size"}),
        merger(merger_tensors(config, "visual.merger.", false)) {
    for (int32_t block = 0; block < config.depth; ++block) blocks.push_back(block_tensors(config, block));
    for (size_t i = 0; i < config.deepstack_blocks.size(); ++i) {
      deepstack.push_back(merger_tensors(config, fmt::format("visual.deepstack_merger_list.{}.", i), true));
    }
  }

 private:
  static VisionBlockTensors block_tensors(const VisionConfig& config, int32_t block) {
    const std::string prefix = fmt::format("visual.blocks.{}.", block);
    const VisionSize hidden{config.hidden, "hidden_size"};
    const VisionSize ffn{config.ffn, "intermediate_size"};
    return {.attention_norm = {.name = prefix + "norm1", .size = hidden},
            .qkv = {.names = {prefix + "attn.qkv"},
                    .outputs = {3 * hidden.value, "3 x hidden_size"},
                    .inputs = hidden,
                    .stacked = 3},
            .output = {.names = {prefix + "attn.proj"}, .outputs = hidden, .inputs = hidden},
            .ffn_norm = {.name = prefix + "norm2", .size = hidden},
            .up = {.names = {prefix + "mlp.linear_fc1"}, .outputs = ffn, .inputs = hidden},
            .down = {.names = {prefix + "mlp.linear_fc2"}, .outputs = hidden, .inputs = ffn}};
  }

  static Qwen3MergerTensors merger_tensors(const VisionConfig& config, const std::string& prefix, bool norms_squares) {
    const int64_t square = int64_t{config.merge_size} * config.merge_size;
    const VisionSize hidden{config.hidden, "hidden_size"};
    const VisionSize merged{config.hidden * square, "hidden_size x spatial_merge_size²"};
    return {
        .norm = {.name = prefix + "norm", .size = norms_squares ? merged : hidden},
        .fc1 = {.names = {prefix + "linear_fc1"}, .outputs = merged, .inputs = merged},
        .fc2 = {.names = {prefix + "linear_fc2"}, .outputs = {config.out_hidden, "out_hidden_size"}, .inputs = merged}};
  }
};

class Qwen3Merger {
 public:
  static Result<Qwen3Merger> load(const WeightLoader& weights, const Qwen3MergerTensors& tensors,
                                  const VisionConfig& config, DType dtype, const VisionShard& shard) {
    Qwen3Merger merger;
    merger.norms_squares_ = tensors.norm.size.value != config.hidden;
    merger.outputs_ = config.out_hidden;
    TRY(merger.norm_, VisionNorm::load(weights, tensors.norm, config.norm_eps));
    TRY(merger.product_, VisionMerger::load(weights, tensors.fc1, tensors.fc2, dtype, shard));
    return merger;
  }

  // Of the residual x, whose rows are sorted by square: a square's rows, side by side, are one row.
  RowsBuffer operator()(const VisionStep& step, Rows x, int64_t num_tokens) const {
    const auto squares = [&](Rows rows) {
      rows.cols = rows.stride = rows.rows / num_tokens * rows.cols;
      rows.rows = num_tokens;
      return rows;
    };
    const Rows normed = step.scratch.normed.first(x.rows);
    if (norms_squares_) {
      norm_(step.ops, step.own(squares(x), 1), step.own(squares(normed), 1));
    } else {
      norm_(step.ops, step.own_patches(x), step.own_patches(normed));
    }
    step.gather_patches(normed);
    RowsBuffer out(DType::kFloat32, num_tokens, outputs_);
    product_(step, squares(normed), out.first(num_tokens));
    return out;
  }

  void list_weights(WeightList& list) const {
    norm_.list_weights(list);
    product_.list_weights(list);
  }

 private:
  bool norms_squares_ = false;
  int64_t outputs_ = 0;
  VisionNorm norm_;
  VisionMerger product_;
};

class Qwen3VlTower final : public VisionTower {
 public:
  static LoadedTower load(const WeightLoader& weights, const VisionConfig& config, DType dtype,
                          const VisionShard& shard) {
    const Qwen3VlTensors tensors(config);
    TRY(auto patches, PatchEmbedding::load(weights, tensors.patch_embedding, config, dtype));
    const auto tower = std::make_shared<Qwen3VlTower>(config, shard, dtype, std::move(patches));
    TRY(tower->positions_, weights.rows(tensors.positions.name, DType::kFloat32));
    for (const VisionBlockTensors& block : tensors.blocks) {
      TRY(tower->blocks_.emplace_back(), VisionBlock::load(weights, block, config, dtype, shard));
    }
    TRY(tower->merger_, Qwen3Merger::load(weights, tensors.merger, config, dtype, shard));
    for (const Qwen3MergerTensors& merger : tensors.deepstack) {
      TRY(tower->deepstack_.emplace_back(), Qwen3Merger::load(weights, merger, config, dtype, shard));
    }
    return std::shared_ptr<const VisionTower>(tower);
  }

  Qwen3VlTower(VisionConfig config, const VisionShard& shard, DType dtype, PatchEmbedding patches)
      : VisionTower(std::move(config), shard), dtype_(dtype), patches_(std::move(patches)) {}

  int64_t encode_bytes(const PatchGrid& grid) const override {
    constexpr int64_t kUnit = KvLayer::kKeyVectorTokens;
    const int64_t frame = int64_t{grid.rows} * grid.cols;
    return VisionScratch::bytes(config(), shard(), dtype_, grid.count(),
                                (frame + kUnit - 1) / kUnit * kUnit * grid.frames);
  }

  void list_weights(WeightList& list) const override {
    patches_.list_weights(list);
    list.add("visual.pos_embed.weight",
             std::as_bytes(std::span(positions_.first(0).data, static_cast<size_t>(positions_.bytes()))));
    for (const VisionBlock& block : blocks_) block.list_weights(list);
    merger_.list_weights(list);
    for (const Qwen3Merger& merger : deepstack_) merger.list_weights(list);
  }

 private:
  ImageFeatures encode_checked(Ops& ops, const ImagePatches& image, RowExchange* exchange) const override {
    const std::vector<PatchPlace> places = patch_places(config(), image.grid);
    const VisionSegments frames(
        std::vector<int32_t>(static_cast<size_t>(image.grid.frames), static_cast<int32_t>(places.size())));
    const VisionAngles angles = patch_angles(config(), image.grid, places);
    VisionScratch scratch(config(), shard(), dtype_, image.grid.count(), frames.page_tokens());
    const Rows x = scratch.residual.first(image.grid.count());
    const int64_t num_tokens = config().num_tokens(image.grid);
    const VisionStep step{.ops = ops, .scratch = scratch, .exchange = exchange, .square = x.rows / num_tokens};

    patches_(step, image, {}, x);
    add_positions(step, image.grid, places, x);
    ImageFeatures features;
    for (size_t block = 0; block < blocks_.size(); ++block) {
      blocks_[block](step, frames, &angles, x);
      const auto& taps = config().deepstack_blocks;
      const auto tap = std::ranges::find(taps, static_cast<int32_t>(block));
      if (tap == taps.end()) continue;
      features.deepstack.push_back(deepstack_[static_cast<size_t>(tap - taps.begin())](step, x, num_tokens));
    }
    features.embeddings = merger_(step, x, num_tokens);
    return features;
  }

  void add_positions(const VisionStep& step, const PatchGrid& grid, std::span<const PatchPlace> places, Rows x) const {
    const ConstRows table = positions_.first(positions_.max_rows());
    const IndexRange own = step.own_range(x.rows, step.square);
    step.ops.parallel_for(own.end - own.begin, [&](int64_t begin, int64_t end) {
      for (int64_t row = own.begin + begin; row < own.begin + end; ++row) {
        const PatchPlace place = places[static_cast<size_t>(row) % places.size()];
        const TableTaps taps = table_taps(config().position_side, grid, place);
        float* to = x.row<float>(row);
        const float* from[4];
        for (size_t i = 0; i < 4; ++i) from[i] = table.row<float>(taps.index[i]);
        const auto& w = taps.weight;
        for (int64_t i = 0; i < x.cols; ++i) {
          to[i] += from[0][i] * w[0] + from[1][i] * w[1] + from[2][i] * w[2] + from[3][i] * w[3];
        }
      }
    });
  }

  DType dtype_;
  PatchEmbedding patches_;
  RowsBuffer positions_;
  std::vector<VisionBlock> blocks_;
  Qwen3Merger merger_;
  std::vector<Qwen3Merger> deepstack_;
};

}  // namespace

WeightTable qwen3_vl_tensors(const VisionConfig& config) {
  const Qwen3VlTensors tensors(config);
  WeightTable table;
  tensors.patch_embedding.append_to(table);
  table.push_back(tensors.positions);
  for (const VisionBlockTensors& block : tensors.blocks) block.append_to(table);
  tensors.merger.append_to(table);
  for (const Qwen3MergerTensors& merger : tensors.deepstack) merger.append_to(table);
  return table;
}

LoadedTower load_qwen3_vl(const WeightLoader& weights, const VisionConfig& config, DType dtype,
                          const VisionShard& shard) {
  return Qwen3VlTower::load(weights, config, dtype, shard);
}

}  // namespace braid
