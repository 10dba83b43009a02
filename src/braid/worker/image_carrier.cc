#include "braid/worker/image_carrier.h"

#include <algorithm>
#include <utility>

#include "braid/base/check.h"

namespace braid {
namespace {

// Those with tokens among the plan's new ones: what the runner reads.
std::set<ImageKey> keys_of(const StepPlan& plan) {
  std::set<ImageKey> keys;
  for (const SequencePlan& sequence : plan.sequences) {
    const int32_t end = sequence.first_position + static_cast<int32_t>(sequence.new_tokens.size());
    for (const ImageSpan& image : sequence.images) {
      if (image.end() > sequence.first_position && image.first < end) keys.insert(image.key);
    }
  }
  return keys;
}

}  // namespace

PlanImages ImageSender::images_for(const StepPlan& plan) {
  PlanImages images;
  const std::set<ImageKey> needed = keys_of(plan);
  for (const ImageKey& key : needed) {
    if (sent_.contains(key)) continue;
    const FeatureBlock* const block = images_.block(key);
    CHECK(block != nullptr, "an image of the plan is missing");
    const SharedSegment::Handle segment = block->is_shared() ? block->handle() : SharedSegment::Handle();
    images.images.push_back({.key = key, .shape = block->shape(), .segment = segment, .features = block->bytes()});
    sent_.emplace(key, block->shape().bytes());
    in_order_.push_back(key);
    bytes_ += block->shape().bytes();
  }
  const auto is_over = [&] { return std::ssize(in_order_) > options_.max_entries || bytes_ > options_.max_bytes; };
  for (auto at = in_order_.begin(); at != in_order_.end() && is_over();) {
    if (needed.contains(*at)) {
      ++at;
      continue;
    }
    images.dropped.push_back(*at);
    bytes_ -= sent_.at(*at);
    sent_.erase(*at);
    at = in_order_.erase(at);
  }
  return images;
}

std::vector<std::byte> encode_for(const PlanImages& images, bool opens_memory) {
  PlanImages sent = images;
  for (CarriedImage& image : sent.images) {
    if (opens_memory && image.segment.pid != 0) {
      image.features = {};
    } else {
      image.segment = {};
    }
  }
  return encode(sent);
}

Status ImageReceiver::take(std::span<const std::byte> bytes) {
  TRY(const PlanImages images, decode_plan_images(bytes, options_.hidden, options_.max_tokens));
  for (const CarriedImage& image : images.images) {
    if (image.segment.pid == 0) {
      images_.adopt(image.key, FeatureBlock(image.shape, image.features));
      continue;
    }
    TRY(SharedSegment segment, SharedSegment::open(image.segment));
    images_.adopt(image.key, FeatureBlock(image.shape, std::move(segment)));
  }
  for (const ImageKey& key : images.dropped) images_.drop(key);
  return {};
}

}  // namespace braid
