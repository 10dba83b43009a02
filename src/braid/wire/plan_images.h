// What a process of a group tells the group's other processes about images: features, images that these are to make,
// and what they need not keep any more. On the same host an image's features are shared memory, and only its place
// travels. Tested by plan_images_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/base/shared_segment.h"
#include "braid/request/image_patches.h"
#include "braid/wire/mm_strategy.h"

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

// An image that travels as it was sent.
struct ImageToMake {
  static constexpr int32_t kEveryProcess = -1;

  ImageKey key = {};
  int32_t maker = kEveryProcess;  // the process' number in the group; the others wait for what it sends
  std::string_view bytes = {};    // once decoded, they point into the message
};

struct PlanImages {
  MmStrategy strategy = MmStrategy::kBatch;
  std::vector<CarriedImage> images = {};
  std::vector<ImageToMake> to_make = {};
  std::vector<ImageKey> dropped = {};
  int64_t next_bytes = 0;  // of the message behind this one; 0: it is the last
  // Images so far that the publisher's process encodes together with the receivers (joint_tower.h); 0: as before.
  uint64_t num_joint = 0;

  int64_t num_images() const { return std::ssize(images) + std::ssize(to_make); }
  bool is_empty() const { return images.empty() && to_make.empty() && dropped.empty() && num_joint == 0; }
};

std::vector<std::byte> encode(const PlanImages& images);

// `hidden` and `max_tokens`: what an image may have. An error names the first thing that is wrong with the bytes.
Result<PlanImages> decode_plan_images(std::span<const std::byte> bytes, int32_t hidden, int64_t max_tokens);

}  // namespace braid
