// What image and video processors say alike in their files. Tested by image_processor_config_test.cc and
// video_processor_config_test.cc.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "braid/base/result.h"
#include "braid/config/image_processor_config.h"
#include "braid/formats/json.h"
#include "braid/request/pixel_normalisation.h"

namespace braid {

// Changes what the file says.
Status read_pixel_normalisation(const JsonObject& json, PixelNormalisation& result);
Status read_resize_filter(const JsonObject& json, ResizeFilter& filter);

// A value that config.json states too.
Status check_as_in_config(const JsonObject& json, std::string_view key, int64_t default_value, int32_t tower);

Result<std::optional<JsonObject>> read_resized_size(const JsonObject& json);

// The pixels of a resized image, from the size's shortest_edge and longest_edge. `has_old_keys`: min_pixels and
// max_pixels beside the size go before these.
struct PixelBounds {
  int64_t min;
  int64_t max;
};
Status read_pixel_bounds(const JsonObject& json, bool has_old_keys, const PixelBounds& defaults, int64_t& min_pixels,
                         int64_t& max_pixels);

// In a checkpoint's directory: processor_config.json, if it has the key, or else the first of the files that is there,
// as in transformers.
struct ProcessorDocument {
  Json json;
  std::string name;  // for errors
};
Result<std::optional<ProcessorDocument>> find_processor_document(const std::string& directory,
                                                                 std::string_view nested_key,
                                                                 std::initializer_list<const char*> own_files);

}  // namespace braid
