// The images that a group's publisher sends with a plan to ranks of other processes: what these lack of the plan's
// images, and what they need not keep any more. On the same host an image's features are shared memory, and only its
// place travels. Tested by plan_images_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/base/shared_segment.h"
#include "braid/request/image_patches.h"

namespace braid {

// An image's features: [layers][tokens][hidden] float32; layer 0 are the embeddings, the others the deepstack's.
struct FeatureShape {
  int32_t layers = 0;
  int32_t tokens = 0;
  int32_t hidden = 0;

  int64_t bytes() const { return int64_t{layers} * tokens * hidden * static_cast<int64_t>(sizeof(float)); }
  bool operator==(const FeatureShape&) const = default;
};

struct CarriedImage {
  ImageKey key = {};
  FeatureShape shape;
  SharedSegment::Handle segment = {};   // no pid: `features` has them
  std::span<const std::byte> features;  // once decoded, they point into the message
};

struct PlanImages {
  std::vector<CarriedImage> images = {};
  std::vector<ImageKey> dropped = {};

  bool is_empty() const { return images.empty() && dropped.empty(); }
};

std::vector<std::byte> encode(const PlanImages& images);

// `hidden` and `max_tokens`: what an image may have. An error names the first thing that is wrong with the bytes.
Result<PlanImages> decode_plan_images(std::span<const std::byte> bytes, int32_t hidden, int64_t max_tokens);

}  // namespace braid
