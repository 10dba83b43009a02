#include "braid/config/vision_config.h"

#include <cmath>

#include "braid/base/check.h"

namespace braid {
namespace {

struct VisionLimit {
  std::string_view name;
  int64_t value;
  int64_t min;
  int64_t max;
};

std::string_view start_token_key(VisionKind kind) {
  return kind == VisionKind::kSiglip ? "boi_token_index" : "vision_start_token_id";
}

std::string_view end_token_key(VisionKind kind) {
  return kind == VisionKind::kSiglip ? "eoi_token_index" : "vision_end_token_id";
}

}  // namespace

Status check_grid(const VisionConfig& config, const PatchGrid& grid) {
  const int32_t merge = config.merge_size;
  if (grid.frames < 1 || grid.rows < 1 || grid.cols < 1 || grid.rows % merge != 0 || grid.cols % merge != 0) {
    return fail("an image of {} x {} patches in {} frames does not fit the model: must be multiples of {} patches",
                grid.rows, grid.cols, grid.frames, merge);
  }
  if (config.image_size > 0) {
    const int32_t side = config.image_size / config.patch_size;
    if (grid.rows != side || grid.cols != side || grid.frames != 1) {
      return fail("an image of {} x {} patches in {} frames does not fit the model: must be {} x {} in one", grid.rows,
                  grid.cols, grid.frames, side, side);
    }
  }
  return {};
}

Status check_vision_config(const VisionConfig& config, int64_t text_hidden, int64_t vocab_size,
                           std::string_view source) {
  const VisionLimit limits[] = {
      {"number of blocks (depth, num_hidden_layers)", config.depth, 1, 1024},
      {"hidden size (hidden_size)", config.hidden, 8, int64_t{1} << 16},
      {"number of attention heads (num_heads, num_attention_heads)", config.num_heads, 1, 1024},
      {"intermediate size (intermediate_size)", config.ffn, 1, int64_t{1} << 20},
      {"patch_size", config.patch_size, 1, 256},
      {"temporal_patch_size", config.temporal_patch_size, 1, 16},
      {"spatial_merge_size", config.merge_size, 1, 64},
      {"side of the position table (num_position_embeddings)", config.position_side, 0, 4096},
      {"image_size", config.image_size, 0, 16384},
      {"window_size", config.window_size, 0, 65536},
  };
  for (const VisionLimit& limit : limits) {
    if (limit.value < limit.min || limit.value > limit.max) {
      return fail("{}: the vision tower's {} is {}, must be between {} and {}", source, limit.name, limit.value,
                  limit.min, limit.max);
    }
  }
  if (config.hidden % config.num_heads != 0 || config.head_dim() % 8 != 0 || config.head_dim() > 1024) {
    return fail(
        "{}: the vision tower's hidden_size {} is divided by {} heads, must be a multiple of 8 for each, and at most "
        "1024",
        source, config.hidden, config.num_heads);
  }
  if (config.out_hidden != text_hidden) {
    return fail("{}: the vision tower's outputs (out_hidden_size) have {} values, the text's hidden_size is {}", source,
                config.out_hidden, text_hidden);
  }
  if (!(config.norm_eps > 0.0F && config.norm_eps < 1.0F)) {
    return fail("{}: the vision tower's epsilon (layer_norm_eps) is {}, must be above 0 and below 1", source,
                config.norm_eps);
  }
  if (!(config.rope_theta >= 1.0 && config.rope_theta < 1e30)) {
    return fail("{}: the vision tower's rope_theta is {}, must be between 1 and 1e30", source, config.rope_theta);
  }
  if (config.window_size > 0 && config.window_size < config.patch_size * config.merge_size) {
    return fail("{}: the vision tower's window_size is {}, must be at least {} (spatial_merge_size x patch_size)",
                source, config.window_size, config.patch_size * config.merge_size);
  }
  int32_t previous = -1;
  for (const int32_t block : config.deepstack_blocks) {
    if (block <= previous || block >= config.depth) {
      return fail("{}: deepstack_visual_indexes has {}, must be ascending and below the tower's {} blocks", source,
                  block, config.depth);
    }
    previous = block;
  }
  CHECK(config.has_full_attention.empty() || std::cmp_equal(config.has_full_attention.size(), config.depth));
  const auto check_token = [&](std::string_view name, TokenId token) -> Status {
    if (token >= 0 && token < vocab_size) return {};
    return fail("{}: {} is {}, the vocabulary has {} tokens", source, name, token, vocab_size);
  };
  TRY_STATUS(check_token("image_token_id", config.image_token));
  TRY_STATUS(check_token(start_token_key(config.kind), config.start_token));
  TRY_STATUS(check_token(end_token_key(config.kind), config.end_token));
  return config.video_token ? check_token("video_token_id", *config.video_token) : Status();
}

}  // namespace braid
