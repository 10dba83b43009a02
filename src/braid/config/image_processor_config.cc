#include "braid/config/image_processor_config.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "braid/base/check.h"
#include "braid/config/processor_parts.h"

namespace braid {
namespace {

struct ProcessorClass {
  std::string_view name;
  ImageProcessorKind kind;
};

constexpr std::array kProcessorClasses = {
    ProcessorClass{"Qwen2VLImageProcessor", ImageProcessorKind::kQwen2Vl},
    ProcessorClass{"Qwen2VLImageProcessorFast", ImageProcessorKind::kQwen2Vl},
    ProcessorClass{"Gemma3ImageProcessor", ImageProcessorKind::kGemma3},
    ProcessorClass{"Gemma3ImageProcessorFast", ImageProcessorKind::kGemma3},
};

// transformers' defaults.
constexpr int64_t kQwenMinPixels = 56 * 56;
constexpr int64_t kQwenMaxPixels = 28 * 28 * 1280;
constexpr int64_t kGemmaSide = 224;

Result<ImageProcessorKind> read_processor_kind(const JsonObject& json) {
  TRY(const std::string name, json.get_string("image_processor_type"));
  for (const ProcessorClass& known : kProcessorClasses) {
    if (known.name == name) return known.kind;
  }
  return json.wrong_value("image_processor_type", "Qwen2VLImageProcessor or Gemma3ImageProcessor (or their …Fast)");
}

Status check_processor_switches(const JsonObject& json) {
  TRY(const auto resizes, json.find_bool("do_resize"));
  if (!resizes.value_or(true)) return json.wrong_value("do_resize", "true");
  TRY(const auto pans, json.find_bool("do_pan_and_scan"));
  if (pans.value_or(false)) return json.wrong_value("do_pan_and_scan", "false: an image is read as a whole");
  return {};
}

Status read_qwen_processor(const JsonObject& json, ImageProcessorConfig& config) {
  TRY_STATUS(check_as_in_config(json, "patch_size", 14, config.shape.patch_size));
  TRY_STATUS(check_as_in_config(json, "temporal_patch_size", 2, config.shape.temporal_patch_size));
  TRY_STATUS(check_as_in_config(json, "merge_size", 2, config.shape.merge_size));
  // min_pixels beside the size is the older spelling of its shortest_edge, and goes before it.
  return read_pixel_bounds(json, true, {.min = kQwenMinPixels, .max = kQwenMaxPixels}, config.min_pixels,
                           config.max_pixels);
}

Status read_gemma_processor(const JsonObject& json, const ImageProcessorConfig& config) {
  const int32_t factor = config.shape.patch_size * config.shape.merge_size;
  if (config.shape.image_size < factor || config.shape.image_size % factor != 0) {
    return fail("config.json: image_size is {}, must be a multiple of {}, the pixels of a token",
                config.shape.image_size, factor);
  }
  TRY(const auto size, read_resized_size(json));
  for (const char* key : {"height", "width"}) {
    TRY(const int64_t side, size ? size->get_int(key) : Result<int64_t>(kGemmaSide));
    if (side == config.shape.image_size) continue;
    return fail("{}: \"size\" has \"{}\" {}, must be {}, the image_size of config.json", json.name(), key, side,
                config.shape.image_size);
  }
  return {};
}

}  // namespace

Result<ImageProcessorConfig> read_image_processor(const Json& document, const PatchShape& shape,
                                                  const std::string& name) {
  CHECK(shape.patch_size > 0 && shape.temporal_patch_size > 0 && shape.merge_size > 0, "patches of {} x {}",
        shape.patch_size, shape.merge_size);
  TRY(const JsonObject json, JsonObject::of(document, name));
  ImageProcessorConfig config{.shape = shape};
  TRY(config.kind, read_processor_kind(json));
  const bool is_qwen = config.kind == ImageProcessorKind::kQwen2Vl;
  config.filter = is_qwen ? ResizeFilter::kBicubic : ResizeFilter::kBilinear;
  if (is_qwen) config.normalisation = kClipNormalisation;
  TRY_STATUS(check_processor_switches(json));
  TRY_STATUS(read_resize_filter(json, config.filter));
  TRY_STATUS(read_pixel_normalisation(json, config.normalisation));
  TRY_STATUS(is_qwen ? read_qwen_processor(json, config) : read_gemma_processor(json, config));
  return config;
}

Result<std::optional<ImageProcessorConfig>> load_image_processor(const std::string& directory,
                                                                 const PatchShape& shape) {
  TRY(const auto found, find_processor_document(directory, "image_processor", {"preprocessor_config.json"}));
  if (!found) return std::optional<ImageProcessorConfig>();
  TRY(auto config, read_image_processor(found->json, shape, found->name));
  return std::optional(std::move(config));
}

}  // namespace braid
