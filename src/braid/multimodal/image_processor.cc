#include "braid/multimodal/image_processor.h"

#include <utility>

#include "braid/multimodal/decode_image.h"
#include "braid/multimodal/patch_writer.h"
#include "braid/multimodal/resized_rows.h"
#include "braid/multimodal/smart_resize.h"

namespace braid {

Result<PatchGrid> patch_grid(const ImageProcessorConfig& config, ImageSize size) {
  CHECK(size.width > 0 && size.height > 0, "{} x {}", size.width, size.height);
  const PatchShape& shape = config.shape;
  ImageSize resized{.width = shape.image_size, .height = shape.image_size};
  if (config.kind == ImageProcessorKind::kQwen2Vl) {
    TRY_STATUS(check_ratio(size));
    resized = smart_resize(size, shape.patch_size * shape.merge_size, {config.min_pixels, config.max_pixels});
  }
  return PatchGrid{.frames = 1, .rows = resized.height / shape.patch_size, .cols = resized.width / shape.patch_size};
}

ImagePatches cut_frames(const ImageProcessorConfig& config, std::span<const RgbImage> frames, const PatchGrid& grid,
                        CpuIsa isa) {
  const int32_t patch_size = config.shape.patch_size;
  const ImageSize size{.width = grid.cols * patch_size, .height = grid.rows * patch_size};
  const PixelRows& pixels = pixel_rows(isa);
  // Qwen's towers merge squares of patches that follow one another; Gemma's pools after its last layer, row by row.
  const int32_t square = config.kind == ImageProcessorKind::kQwen2Vl ? config.shape.merge_size : 1;
  ImagePatches all;
  for (const RgbImage& frame : frames) {
    ResizedRows rows(frame, size, config.filter, pixels);
    PatchWriter writer(grid, patch_size, square, pixels);
    for (int32_t y = 0; y < size.height; ++y) writer.add_row(rows.next());
    ImagePatches patches = std::move(writer).patches();
    if (&frame == &frames.front()) {
      all = std::move(patches);
    } else {
      all.pixels.insert(all.pixels.end(), patches.pixels.begin(), patches.pixels.end());
    }
  }
  all.patch_frames = static_cast<int32_t>(frames.size());
  return all;
}

Result<ImagePatches> process_image(const ImageProcessorConfig& config, const RgbImage& image, CpuIsa isa) {
  TRY(const PatchGrid grid, patch_grid(config, image.size));
  return cut_frames(config, std::span(&image, 1), grid, isa);
}

Result<ImagePatches> materialize_image(const ImageProcessorConfig& config, std::span<const uint8_t> bytes,
                                       const ImageLimits& limits, CpuIsa isa) {
  TRY(const RgbImage image, decode_image(bytes, limits));
  return process_image(config, image, isa);
}

}  // namespace braid
