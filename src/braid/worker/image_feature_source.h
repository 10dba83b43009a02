// Where a rank's runner finds the features of images. Behind it are the vision tower and whatever keeps its results.
#pragma once

#include "braid/model/step.h"
#include "braid/request/image_patches.h"

namespace braid {

class ImageFeatureSource {
 public:
  virtual ~ImageFeatureSource() = default;

  // On the rank's thread, before the forward pass of each step that computes tokens of the image. Null: they are not
  // there, which is a bug: only requests whose images are ready are scheduled. Valid until the step ends.
  virtual const ImageFeatureRows* find(const ImageKey& key) = 0;
};

}  // namespace braid
