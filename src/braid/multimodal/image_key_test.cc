#include "braid/multimodal/image_key.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <vector>

namespace braid {
namespace {

ImageProcessorConfig key_config() {
  return {.shape = {.patch_size = 16, .temporal_patch_size = 2, .merge_size = 2}, .min_pixels = 1, .max_pixels = 9};
}

TEST(ImageKey, EqualInputsHaveEqualKeys) {
  const std::vector<uint8_t> bytes = {1, 2, 3};
  EXPECT_EQ(image_key(bytes, key_config()), image_key(bytes, key_config()));
}

TEST(ImageKey, EveryByteAndEverySettingCounts) {
  std::set<ImageKey> keys;
  std::vector<uint8_t> bytes = {1, 2, 3};
  keys.insert(image_key({}, key_config()));
  for (const auto& other : {std::vector<uint8_t>{1, 2, 3}, {1, 2, 4}, {1, 2}, {1, 2, 3, 0}}) {
    keys.insert(image_key(other, key_config()));
  }
  const std::vector<std::function<void(ImageProcessorConfig&)>> changes = {
      [](auto& c) { c.kind = ImageProcessorKind::kGemma3; },
      [](auto& c) { c.shape.patch_size = 14; },
      [](auto& c) { c.shape.temporal_patch_size = 1; },
      [](auto& c) { c.shape.merge_size = 4; },
      [](auto& c) { c.shape.image_size = 1; },
      [](auto& c) { c.filter = ResizeFilter::kBilinear; },
      [](auto& c) { c.min_pixels = 2; },
      [](auto& c) { c.max_pixels = 10; },
      [](auto& c) { c.normalisation.rescales = false; },
      [](auto& c) { c.normalisation.rescale_factor = 1.0 / 256.0; },
      [](auto& c) { c.normalisation.normalises = false; },
      [](auto& c) { c.normalisation.mean[2] = 0.5000000001; },
      [](auto& c) { c.normalisation.stddev[0] = 0.25; },
  };
  for (const auto& change : changes) {
    ImageProcessorConfig config = key_config();
    change(config);
    keys.insert(image_key(bytes, config));
  }
  EXPECT_EQ(keys.size(), 5 + changes.size());
}

// Other processes and a journal may hold the key, so it does not change between builds by accident.
TEST(ImageKey, StaysTheSame) {
  const ImageKey key = image_key({}, key_config());
  EXPECT_EQ(key[0], 0xe6);
  EXPECT_EQ(key[31], 0xa2);
}

}  // namespace
}  // namespace braid
