#include "braid/config/processor_parts.h"

#include <array>
#include <utility>

#include "braid/formats/input_file.h"

namespace braid {
namespace {

constexpr int64_t kMaxResizedPixels = int64_t{1} << 26;  // 192 MB of patches

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

Result<Json> read_processor_file(const std::string& directory, const std::string& file) {
  constexpr int64_t kMaxBytes = int64_t{16} << 20;
  const std::string path = directory + "/" + file;
  TRY(const std::string text, read_text_file(path, kMaxBytes));
  auto parsed = parse_json(text, {.max_bytes = kMaxBytes});
  if (!parsed.ok()) return fail("{}: {}", file, parsed.error().message);
  return parsed;
}

}  // namespace

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

Status read_pixel_bounds(const JsonObject& json, bool has_old_keys, const PixelBounds& defaults, int64_t& min_pixels,
                         int64_t& max_pixels) {
  TRY(const auto size, read_resized_size(json));
  const auto read_pixels = [&](std::string_view key, std::string_view size_key, int64_t min,
                               int64_t default_value) -> Result<int64_t> {
    TRY(const auto outer,
        has_old_keys ? json.find_int(key, min, kMaxResizedPixels) : Result<std::optional<int64_t>>(std::nullopt));
    if (outer) return *outer;
    return size ? size->get_int(size_key, min, kMaxResizedPixels) : Result<int64_t>(default_value);
  };
  TRY(min_pixels, read_pixels("min_pixels", "shortest_edge", 1, defaults.min));
  TRY(max_pixels, read_pixels("max_pixels", "longest_edge", min_pixels, defaults.max));
  return {};
}

Result<std::optional<ProcessorDocument>> find_processor_document(const std::string& directory,
                                                                 std::string_view nested_key,
                                                                 std::initializer_list<const char*> own_files) {
  constexpr const char* kNested = "processor_config.json";
  if (is_there(directory + "/" + kNested)) {
    TRY(const Json document, read_processor_file(directory, kNested));
    const auto processor = document.is_object() ? document.find(nested_key) : document.end();
    if (processor != document.end()) {
      return std::optional(ProcessorDocument{.json = *processor, .name = fmt::format("{}: {}", kNested, nested_key)});
    }
  }
  for (const char* file : own_files) {
    if (!is_there(directory + "/" + file)) continue;
    TRY(Json document, read_processor_file(directory, file));
    return std::optional(ProcessorDocument{.json = std::move(document), .name = file});
  }
  return std::optional<ProcessorDocument>();
}

}  // namespace braid
