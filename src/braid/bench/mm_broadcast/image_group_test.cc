#include "braid/bench/mm_broadcast/image_group.h"

#include <gtest/gtest.h>

#include "braid/bench/serving/random_image.h"

namespace braid::mm_broadcast {
namespace {

std::vector<std::string> small_images(uint64_t count) {
  std::vector<std::string> images;
  for (uint64_t seed = 0; seed < count; ++seed) {
    images.push_back(serving::random_image({.width = 64, .height = 48}, serving::ImageFormat::kJpeg, seed));
  }
  return images;
}

TEST(ImageGroup, EveryStrategyBringsAllImagesToAllProcesses) {
  const std::vector<std::string> images = small_images(5);
  for (size_t i = 0; i < kNumMmStrategies; ++i) {
    const auto strategy = static_cast<MmStrategy>(i);
    const auto run = run_group({.num_processes = 3, .broadcast = {.strategy = strategy}, .hidden = 8}, images);
    ASSERT_TRUE(run.ok()) << run.error().message;
    EXPECT_EQ(run->num_made, strategy == MmStrategy::kLocal ? 15 : 5) << name_of(strategy);
    EXPECT_GE(run->num_broadcasts, strategy == MmStrategy::kPerRequest ? 5 : 1) << name_of(strategy);
    EXPECT_GT(run->total_s, 0);
    EXPECT_GT(run->cpu_s, 0);
  }
}

TEST(ImageGroup, SetTimesAreSpentOncePerImage) {
  const auto run = run_group({.num_processes = 2, .make_s = 0.05, .hidden = 8}, small_images(4));
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_GE(run->cpu_s, 0.2);
  EXPECT_EQ(run->num_made, 4);
}

}  // namespace
}  // namespace braid::mm_broadcast
