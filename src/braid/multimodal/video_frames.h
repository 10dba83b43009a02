// Frames of a video to the patches that a vision tower reads. The bytes are those of transformers' video processors
// with torchvision (Qwen2VLVideoProcessor, Qwen3VLVideoProcessor) before they normalise. Tested by
// video_frames_test.cc.
#pragma once

#include <cstdint>

#include "braid/base/result.h"
#include "braid/config/video_processor_config.h"
#include "braid/kernels/isa.h"
#include "braid/multimodal/image_limits.h"
#include "braid/multimodal/rgb_image.h"
#include "braid/request/frame_group.h"
#include "braid/request/image_patches.h"

namespace braid {

// The patches of each group of temporal_patch_size frames of a video.
Result<PatchGrid> frame_grid(const VideoProcessorConfig& videos, const PatchShape& shape, ImageSize frame,
                             int64_t num_frames);

// Decodes the frames of one group and cuts them.
Result<ImagePatches> materialize_frames(const ImageProcessorConfig& images, const FrameGroup& group,
                                        const ImageLimits& limits, CpuIsa isa);

}  // namespace braid
