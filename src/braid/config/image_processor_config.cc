#include "braid/config/image_processor_config.h"

#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "braid/base/check.h"
#include "braid/formats/input_file.h"

namespace braid {
namespace {

constexpr int64_t kMaxResizedPixels = int64_t{1} << 26;  // 192 MB of patches

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

// A number for all three channels, or a list of three.
Status read_channel_numbers(const JsonObject& json, std::string_view key, double min, double max,
                            std::array<double, 3>& channels) {
  const Json* value = json.find(key);
  if (value == nullptr) return {};
  const std::string must_be = fmt::format("a number or three numbers between {} and {}", min, max);
  const auto is_good = [&](const Json& number) {
    return number.is_number() && number.get<double>() >= min && number.get<double>() <= max;
  };
  if (value->is_array()) {
    if (value->size() != channels.size()) return json.wrong_value(key, must_be);
    for (size_t c = 0; c < channels.size(); ++c) {
      if (!is_good((*value)[c])) return json.wrong_value(key, must_be);
      channels[c] = (*value)[c].get<double>();
    }
    return {};
  }
  if (!is_good(*value)) return json.wrong_value(key, must_be);
  channels.fill(value->get<double>());
  return {};
}

Status read_pixel_normalisation(const JsonObject& json, PixelNormalisation& result) {
  constexpr double kMinFactor = 1e-6;
  constexpr double kMaxFactor = 1e6;
  TRY(const auto rescales, json.find_bool("do_rescale"));
  TRY(const auto factor, json.find_double("rescale_factor"));
  TRY(const auto normalises, json.find_bool("do_normalize"));
  if (factor && !(*factor >= kMinFactor && *factor <= kMaxFactor)) {
    return json.wrong_value("rescale_factor", fmt::format("between {} and {}", kMinFactor, kMaxFactor));
  }
  result.rescales = rescales.value_or(true);
  result.rescale_factor = factor.value_or(result.rescale_factor);
  result.normalises = normalises.value_or(true);
  TRY_STATUS(read_channel_numbers(json, "image_mean", -1e6, 1e6, result.mean));
  return read_channel_numbers(json, "image_std", kMinFactor, kMaxFactor, result.stddev);
}

Status read_resize_filter(const JsonObject& json, ResizeFilter& filter) {
  constexpr int64_t kPillowBilinear = 2;
  constexpr int64_t kPillowBicubic = 3;
  TRY(const auto resample, json.find_int("resample"));
  if (!resample) return {};
  if (*resample != kPillowBilinear && *resample != kPillowBicubic) {
    return json.wrong_value("resample", "2 (bilinear) or 3 (bicubic)");
  }
  filter = *resample == kPillowBilinear ? ResizeFilter::kBilinear : ResizeFilter::kBicubic;
  return {};
}

Status check_processor_switches(const JsonObject& json) {
  TRY(const auto resizes, json.find_bool("do_resize"));
  if (!resizes.value_or(true)) return json.wrong_value("do_resize", "true");
  TRY(const auto pans, json.find_bool("do_pan_and_scan"));
  if (pans.value_or(false)) return json.wrong_value("do_pan_and_scan", "false: an image is read as a whole");
  return {};
}

// A value that config.json states too.
Status check_as_in_config(const JsonObject& json, std::string_view key, int64_t default_value, int32_t tower) {
  TRY(const auto value, json.find_int(key));
  if (value.value_or(default_value) == tower) return {};
  if (!value)
    return fail("{}: \"{}\" is missing, which means {}; config.json says {}", json.name(), key, default_value, tower);
  return json.wrong_value(key, fmt::format("{}, as config.json says", tower));
}

Result<std::optional<JsonObject>> read_resized_size(const JsonObject& json) {
  const Json* size = json.find("size");
  if (size != nullptr && !size->is_object()) return json.wrong_value("size", "an object");
  return json.find_object("size");
}

Status read_qwen_processor(const JsonObject& json, ImageProcessorConfig& config) {
  TRY_STATUS(check_as_in_config(json, "patch_size", 14, config.shape.patch_size));
  TRY_STATUS(check_as_in_config(json, "temporal_patch_size", 2, config.shape.temporal_patch_size));
  TRY_STATUS(check_as_in_config(json, "merge_size", 2, config.shape.merge_size));
  TRY(const auto size, read_resized_size(json));
  // min_pixels beside the size is the older spelling of its shortest_edge, and goes before it.
  const auto read_pixels = [&](std::string_view key, std::string_view size_key, int64_t min,
                               int64_t default_value) -> Result<int64_t> {
    TRY(const auto outer, json.find_int(key, min, kMaxResizedPixels));
    if (outer) return *outer;
    return size ? size->get_int(size_key, min, kMaxResizedPixels) : Result<int64_t>(default_value);
  };
  TRY(config.min_pixels, read_pixels("min_pixels", "shortest_edge", 1, kQwenMinPixels));
  TRY(config.max_pixels, read_pixels("max_pixels", "longest_edge", config.min_pixels, kQwenMaxPixels));
  return {};
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

Result<Json> read_processor_file(const std::string& directory, const std::string& file) {
  constexpr int64_t kMaxBytes = int64_t{16} << 20;
  const std::string path = directory + "/" + file;
  TRY(const std::string text, read_text_file(path, kMaxBytes));
  auto parsed = parse_json(text, {.max_bytes = kMaxBytes});
  if (!parsed.ok()) return fail("{}: {}", file, parsed.error().message);
  return parsed;
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
  constexpr const char* kNested = "processor_config.json";
  constexpr const char* kOwn = "preprocessor_config.json";
  if (is_there(directory + "/" + kNested)) {
    TRY(const Json document, read_processor_file(directory, kNested));
    const auto processor = document.is_object() ? document.find("image_processor") : document.end();
    if (processor != document.end()) {
      TRY(auto config, read_image_processor(*processor, shape, fmt::format("{}: image_processor", kNested)));
      return std::optional(std::move(config));
    }
  }
  if (!is_there(directory + "/" + kOwn)) return std::optional<ImageProcessorConfig>();
  TRY(const Json document, read_processor_file(directory, kOwn));
  TRY(auto config, read_image_processor(document, shape));
  return std::optional(std::move(config));
}

}  // namespace braid
