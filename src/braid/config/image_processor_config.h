// How a checkpoint wants its images: what preprocessor_config.json says (or processor_config.json, where newer
// checkpoints have it), as a validated plain struct. Tested by image_processor_config_test.cc and
// multimodal/image_input_fuzz.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/request/pixel_normalisation.h"

namespace braid {

enum class ResizeFilter : unsigned char { kBilinear, kBicubic };  // bicubic with a = -0.5

enum class ImageProcessorKind : unsigned char {
  kQwen2Vl,  // Qwen2-VL, Qwen2.5-VL, Qwen3-VL: the image keeps its shape and about its size
  kGemma3,   // every image becomes one square of the same size
};

// What the checkpoint's vision tower reads, from config.json.
struct PatchShape {
  int32_t patch_size = 0;           // pixels of a side
  int32_t temporal_patch_size = 1;  // frames of a patch
  int32_t merge_size = 1;           // a square of merge_size x merge_size patches becomes one token
  int32_t image_size = 0;           // the only side of an image that the tower takes; 0: any

  bool operator==(const PatchShape&) const = default;
};

struct ImageProcessorConfig {
  ImageProcessorKind kind = ImageProcessorKind::kQwen2Vl;
  PatchShape shape;
  ResizeFilter filter = ResizeFilter::kBicubic;
  int64_t min_pixels = 0;  // after the resize, for kQwen2Vl
  int64_t max_pixels = 0;
  PixelNormalisation normalisation;

  bool operator==(const ImageProcessorConfig&) const = default;
};

// Errors name the file and the key. `shape` is the tower's: a file that contradicts it is an error.
Result<ImageProcessorConfig> read_image_processor(const Json& document, const PatchShape& shape,
                                                  const std::string& name = "preprocessor_config.json");

// From a checkpoint's directory. The image_processor of processor_config.json goes before preprocessor_config.json, as
// in transformers. Nothing if neither is there.
Result<std::optional<ImageProcessorConfig>> load_image_processor(const std::string& directory, const PatchShape& shape);

}  // namespace braid
