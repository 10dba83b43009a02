// Images that no two requests share: gradients with noise, so that they take about as many bytes as photographs. Equal
// options and seeds make equal bytes. Tested by random_image_test.cc.
#pragma once

#include <cstdint>
#include <string>

#include "braid/base/result.h"
#include "braid/multimodal/rgb_image.h"

namespace braid::serving {

enum class ImageFormat : uint8_t { kJpeg, kPng };

Result<ImageFormat> parse_image_format(const std::string& name);  // "jpeg" or "png"
Result<ImageSize> parse_image_size(const std::string& text);      // "1120x700": width and height

// The file's bytes.
std::string random_image(ImageSize size, ImageFormat format, uint64_t seed);

// As requests carry it: data:image/jpeg;base64,…
std::string data_url(ImageFormat format, const std::string& bytes);

}  // namespace braid::serving
