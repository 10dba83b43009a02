// Brings the images of a group's plans to its ranks in other processes. The publisher decides: it sends what they lack
// of a plan's images behind the plan, and says what they need not keep. So all processes have what the plan
// needs, and none decides by what only it knows. Tested by image_carrier_test.cc and rank_processes_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/wire/plan_images.h"
#include "braid/wire/step_plan.h"
#include "braid/worker/image_store.h"

namespace braid {

struct ImageCarrierOptions {
  int64_t max_entries = 1000;  // that receivers keep, beside those that the plan needs
  int64_t max_bytes = int64_t{2} << 30;
  int32_t hidden = 0;      // of the text model
  int64_t max_tokens = 0;  // of an image
};

// Of the publisher. The store has the plan's images.
class ImageSender {
 public:
  ImageSender(ImageStore& images, const ImageCarrierOptions& options) : images_(images), options_(options) {}

  // What all receivers must be sent with this plan. The features are valid as long as its requests.
  PlanImages images_for(const StepPlan& plan);

 private:
  ImageStore& images_;
  const ImageCarrierOptions options_;
  std::map<ImageKey, int64_t> sent_;  // their bytes
  std::deque<ImageKey> in_order_;     // of sent_, the oldest first
  int64_t bytes_ = 0;
};

// What is sent to receivers that can open this process' shared memory, or that cannot.
std::vector<std::byte> encode_for(const PlanImages& images, bool opens_memory);

// Of the first rank of the group in another process.
class ImageReceiver {
 public:
  ImageReceiver(ImageStore& images, const ImageCarrierOptions& options) : images_(images), options_(options) {}

  // Before the plan is executed.
  Status take(std::span<const std::byte> bytes);

 private:
  ImageStore& images_;
  const ImageCarrierOptions options_;
};

}  // namespace braid
