#include "braid/multimodal/image_processor.h"

#include <algorithm>
#include <cmath>

#include "braid/multimodal/decode_image.h"
#include "braid/multimodal/patch_writer.h"
#include "braid/multimodal/resized_rows.h"

namespace braid {
namespace {

// Qwen's "smart resize": sides that are multiples of `factor`, min_pixels to max_pixels pixels in all, and the shape
// kept as well as can be. Rounds and divides as Python does there, so that the same sizes come out.
ImageSize resized_size(ImageSize size, int32_t factor, int64_t min_pixels, int64_t max_pixels) {
  const double width = size.width;
  const double height = size.height;
  const auto rounded = [&](double side) { return static_cast<int64_t>(std::nearbyint(side / factor)) * factor; };
  int64_t new_width = rounded(width);  // halves go to the even number
  int64_t new_height = rounded(height);
  if (new_width * new_height > max_pixels) {
    const double shrink = std::sqrt(height * width / static_cast<double>(max_pixels));
    const auto floored = [&](double side) {
      return std::max<int64_t>(factor, static_cast<int64_t>(std::floor(side / shrink / factor)) * factor);
    };
    new_width = floored(width);
    new_height = floored(height);
  } else if (new_width * new_height < min_pixels) {
    const double grow = std::sqrt(static_cast<double>(min_pixels) / (height * width));
    const auto ceiled = [&](double side) { return static_cast<int64_t>(std::ceil(side * grow / factor)) * factor; };
    new_width = ceiled(width);
    new_height = ceiled(height);
  }
  return {.width = static_cast<int32_t>(new_width), .height = static_cast<int32_t>(new_height)};
}

}  // namespace

Result<PatchGrid> patch_grid(const ImageProcessorConfig& config, ImageSize size) {
  CHECK(size.width > 0 && size.height > 0, "{} x {}", size.width, size.height);
  const PatchShape& shape = config.shape;
  ImageSize resized{.width = shape.image_size, .height = shape.image_size};
  if (config.kind == ImageProcessorKind::kQwen2Vl) {
    constexpr double kMaxRatio = 200.0;
    const auto [shorter, longer] = std::minmax(size.width, size.height);
    if (static_cast<double>(longer) / shorter > kMaxRatio) {
      return fail("the image has {} x {} pixels, its longer side may be at most {} times its shorter one", size.width,
                  size.height, kMaxRatio);
    }
    resized = resized_size(size, shape.patch_size * shape.merge_size, config.min_pixels, config.max_pixels);
  }
  return PatchGrid{.frames = 1, .rows = resized.height / shape.patch_size, .cols = resized.width / shape.patch_size};
}

Result<ImagePatches> process_image(const ImageProcessorConfig& config, const RgbImage& image, CpuIsa isa) {
  TRY(const PatchGrid grid, patch_grid(config, image.size));
  const int32_t patch_size = config.shape.patch_size;
  const ImageSize size{.width = grid.cols * patch_size, .height = grid.rows * patch_size};
  const PixelRows& pixels = pixel_rows(isa);
  ResizedRows rows(image, size, config.filter, pixels);
  // Qwen's towers merge squares of patches that follow one another; Gemma's pools after its last layer, row by row.
  const int32_t square = config.kind == ImageProcessorKind::kQwen2Vl ? config.shape.merge_size : 1;
  PatchWriter writer(grid, patch_size, square, pixels);
  for (int32_t y = 0; y < size.height; ++y) writer.add_row(rows.next());
  return std::move(writer).patches();
}

Result<ImagePatches> materialize_image(const ImageProcessorConfig& config, std::span<const uint8_t> bytes,
                                       const ImageLimits& limits, CpuIsa isa) {
  TRY(const RgbImage image, decode_image(bytes, limits));
  return process_image(config, image, isa);
}

}  // namespace braid
