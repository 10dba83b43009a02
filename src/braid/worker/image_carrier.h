// What both ends share that bring images to a group's ranks in other processes (image_sender.h, image_receiver.h).
// Tested by image_carrier_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "braid/base/result.h"
#include "braid/wire/plan_images.h"
#include "braid/worker/feature_block.h"
#include "braid/worker/image_strategy.h"

namespace braid {

struct ImageCarrierOptions {
  MmBroadcastOptions broadcast = {};
  int64_t max_entries = 1000;  // that receivers keep, beside those in use
  int64_t max_bytes = int64_t{2} << 30;
  int32_t hidden = 0;      // of the text model
  int32_t layers = 1;      // of features
  int64_t max_tokens = 0;  // of an image
};

// What is sent to receivers that can open this process' shared memory, or that cannot.
std::vector<std::byte> encode_for(const PlanImages& images, bool opens_memory);

// An image that is here, as it is sent. Valid as long as the block.
// `as_bytes`: not as memory that others open.
CarriedImage carried(const ImageKey& key, const FeatureBlock& block, bool as_bytes = false);
// The features that came: a copy, or another process' memory. An error if that cannot be opened or had.
Result<FeatureBlock> taken(const CarriedImage& image);

}  // namespace braid
