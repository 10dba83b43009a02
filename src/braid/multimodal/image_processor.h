// An image to the patches that a vision tower reads: resize, then cut. The bytes are those of transformers' image
// processors with torchvision (Qwen2VLImageProcessor, Gemma3ImageProcessor) before they normalise. Tested by
// image_processor_test.cc.
#pragma once

#include <cstdint>
#include <span>

#include "braid/base/result.h"
#include "braid/config/image_processor_config.h"
#include "braid/kernels/isa.h"
#include "braid/multimodal/image_limits.h"
#include "braid/multimodal/rgb_image.h"
#include "braid/request/image_patches.h"

namespace braid {

// The patches of an image of this size. An error if the image is too long and narrow. Needs the size alone
// (image_header.h), so that a prompt can be laid out before its images are decoded.
Result<PatchGrid> patch_grid(const ImageProcessorConfig& config, ImageSize size);

// Frames of one patch, resized to the pixels of the grid. `isa`: the tier to compute with; all compute the same.
ImagePatches cut_frames(const ImageProcessorConfig& config, std::span<const RgbImage> frames, const PatchGrid& grid,
                        CpuIsa isa);

Result<ImagePatches> process_image(const ImageProcessorConfig& config, const RgbImage& image, CpuIsa isa);

// From the bytes as they were sent: decode_image, then process_image.
Result<ImagePatches> materialize_image(const ImageProcessorConfig& config, std::span<const uint8_t> bytes,
                                       const ImageLimits& limits, CpuIsa isa);

}  // namespace braid
