// The vision tower of a checkpoint as plain data: the sizes of the network that turns an image's patches into rows of
// the text model's hidden size. Read from config.json's vision_config. Tested by vision_config_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/request/ids.h"
#include "braid/request/image_patches.h"
#include "braid/request/pixel_normalisation.h"

namespace braid {

enum class VisionKind : uint8_t {
  kQwen3Vl,   // LayerNorm, interpolated position table, full attention, deepstack
  kQwen25Vl,  // RMSNorm, gated feed-forward, attention within windows in most blocks
  kSiglip,    // Gemma 3: SigLIP on images of one size, average pooling, projection
};

// The function of a feed-forward block.
enum class VisionActivation : uint8_t {
  kGeluTanh,  // GELU by its tanh approximation
  kGelu,      // GELU by erf
  kSilu,      // of the gate, in a gated block
};

struct VisionConfig {
  VisionKind kind = VisionKind::kQwen3Vl;
  int32_t depth = 0;  // number of blocks
  int32_t hidden = 0;
  int32_t num_heads = 0;
  int32_t ffn = 0;                  // intermediate size
  int32_t out_hidden = 0;           // the text model's hidden size
  int32_t patch_size = 0;           // pixels of a patch's side
  int32_t temporal_patch_size = 1;  // frames of a patch. An image is repeated that often.
  int32_t merge_size = 1;           // patches of the side of a square that becomes one token
  int32_t position_side = 0;        // side of the square table of position embeddings, in patches; 0: there is none
  int32_t image_size = 0;           // pixels of each image's sides; 0: images of any size
  int32_t window_size = 0;          // kQwen25Vl: pixels of a window's side
  std::vector<bool> has_full_attention;   // kQwen25Vl: [depth]; the other blocks see windows
  std::vector<int32_t> deepstack_blocks;  // kQwen3Vl, ascending: their outputs reach the first layers of the text model
  VisionActivation activation = VisionActivation::kGeluTanh;
  float norm_eps = 1e-6F;
  double rope_theta = 10000.0;       // not kSiglip
  double tokens_per_second = 0;      // kQwen25Vl: positions for a second of video; 0: its text has time stamps
  PixelNormalisation normalisation;  // the image processor's; if the checkpoint has none, its class's

  TokenId image_token = 0;               // stands in the text for each of an image's tokens
  TokenId start_token = 0;               // before an image's tokens
  TokenId end_token = 0;                 // behind them
  std::optional<TokenId> video_token{};  // like image_token, for videos

  int32_t head_dim() const { return hidden / num_heads; }
  // Inputs of the patch embedding.
  int32_t patch_values() const { return ImagePatches::kChannels * temporal_patch_size * patch_size * patch_size; }
  // Patches are read square by square of merge_size², each row by row; otherwise row by row.
  bool reads_squares() const { return kind != VisionKind::kSiglip; }
  // Of the text, for an image of this grid.
  int64_t num_tokens(const PatchGrid& grid) const { return grid.count() / (int64_t{merge_size} * merge_size); }
};

// Whether the tower can encode an image of this grid: rows and columns are multiples of merge_size, and those of an
// image of image_size if that is fixed. `grid` comes from preprocessor_config.json's settings, which may not fit.
Status check_grid(const VisionConfig& config, const PatchGrid& grid);

// Limits of the sizes. `text_hidden` and `vocab_size` are the text model's. `source` ("config.json") begins the error.
Status check_vision_config(const VisionConfig& config, int64_t text_hidden, int64_t vocab_size,
                           std::string_view source);

// The tower of `architecture`, from the whole document of config.json. Nothing if braid knows no tower of the
// architecture or if the document has no vision_config. `text_hidden` and `vocab_size` are the text model's.
Result<std::optional<VisionConfig>> read_hf_vision_config(const JsonObject& whole, std::string_view architecture,
                                                          int64_t text_hidden, int64_t vocab_size);

}  // namespace braid
