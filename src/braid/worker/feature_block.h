// The features of an image in one piece of memory, which other processes of the host may read. Tested by
// image_store_test.cc and image_carrier_test.cc.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "braid/base/result.h"
#include "braid/base/shared_segment.h"
#include "braid/model/step.h"
#include "braid/model/vision/vision_tower.h"
#include "braid/tensor/buffer.h"
#include "braid/wire/plan_images.h"

namespace braid {

class FeatureBlock {
 public:
  FeatureBlock() = default;
  // Memory that can be shared if `is_shared`, and if there is enough of it.
  FeatureBlock(const ImageFeatures& features, bool is_shared);
  // Of another process.
  FeatureBlock(const FeatureShape& shape, std::span<const std::byte> features);
  FeatureBlock(const FeatureShape& shape, SharedSegment segment) : shape_(shape), segment_(std::move(segment)) {}

  const FeatureShape& shape() const { return shape_; }
  bool is_shared() const { return !segment_.is_empty(); }
  const std::string& why_unshared() const { return why_unshared_; }   // if it should be, and is not
  bool can_be_opened() const { return segment_.is_own(); }            // by another process: shared, and made here
  SharedSegment::Handle handle() const { return segment_.handle(); }  // then
  void close_file() { segment_.close_file(); }                        // no other process can open it any more
  std::span<const std::byte> bytes() const;

  // Valid as long as the block.
  ImageFeatureRows rows() const;

 private:
  std::byte* make_memory(bool is_shared);

  FeatureShape shape_;
  SharedSegment segment_;  // or
  Buffer memory_;
  std::string why_unshared_;
};

}  // namespace braid
