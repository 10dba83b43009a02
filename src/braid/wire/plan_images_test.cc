#include "braid/wire/plan_images.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace braid {
namespace {

constexpr int32_t kHidden = 3;
constexpr int64_t kMaxTokens = 100;

class PlanImagesTest : public ::testing::Test {
 protected:
  PlanImages images() {
    features_.resize(2 * 5 * kHidden);
    for (size_t i = 0; i < features_.size(); ++i) features_[i] = static_cast<float>(i);
    return {.images = {{.key = {1, 2}, .shape = {2, 5, kHidden}, .features = std::as_bytes(std::span(features_))},
                       {.key = {3}, .shape = {1, 7, kHidden}, .segment = {.pid = 77, .fd = 9}}},
            .dropped = {{4}, {5, 6}},
            .num_joint = 12};
  }
  std::string error_of(const PlanImages& images) const {
    const std::vector<std::byte> bytes = encode(images);
    const auto decoded = decode_plan_images(bytes, kHidden, kMaxTokens);
    return decoded.ok() ? "" : decoded.error().message;
  }

  std::vector<float> features_;
};

TEST_F(PlanImagesTest, WhatIsEncodedIsDecoded) {
  const PlanImages sent = images();
  const std::vector<std::byte> bytes = encode(sent);
  const auto got = decode_plan_images(bytes, kHidden, kMaxTokens);
  ASSERT_TRUE(got.ok()) << got.error().message;
  EXPECT_EQ(got->num_joint, 12U);
  ASSERT_EQ(got->images.size(), 2U);
  EXPECT_EQ(got->images[0].key, sent.images[0].key);
  EXPECT_EQ(got->images[0].shape, sent.images[0].shape);
  ASSERT_EQ(got->images[0].features.size(), features_.size() * sizeof(float));
  EXPECT_EQ(std::memcmp(got->images[0].features.data(), features_.data(), got->images[0].features.size()), 0);
  EXPECT_EQ(got->images[1].segment, (SharedSegment::Handle{.pid = 77, .fd = 9, .bytes = 7 * kHidden * 4}));
  EXPECT_EQ(got->dropped, sent.dropped);
}

TEST_F(PlanImagesTest, ErrorsSayWhatIsWrong) {
  PlanImages wrong = images();
  wrong.images[0].shape.tokens = 4;
  EXPECT_EQ(error_of(wrong), "features of 120 bytes: must be 96");
  wrong = images();
  wrong.images[1].shape.tokens = 101;
  EXPECT_EQ(error_of(wrong), "features [1, 101, 3]: must be at most [64, 100, 3]");
  wrong.images[1].shape = {65, 1, kHidden};
  EXPECT_EQ(error_of(wrong), "features [65, 1, 3]: must be at most [64, 100, 3]");
  wrong.images[1].shape = {1, 1, 4};
  EXPECT_EQ(error_of(wrong), "features [1, 1, 4]: must be at most [64, 100, 3]");
  EXPECT_FALSE(decode_plan_images({}, kHidden, kMaxTokens).ok());
}

TEST_F(PlanImagesTest, DamagedBytesAreRefusedOrHarmless) {
  const std::vector<std::byte> whole = encode(images());
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::byte> bytes = whole;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    if (round % 3 == 0) bytes.resize(random() % bytes.size());
    const auto got = decode_plan_images(bytes, kHidden, kMaxTokens);
    if (!got.ok()) {
      ++refused;
      continue;
    }
    for (const CarriedImage& image : got->images) {
      EXPECT_LE(image.shape.tokens, kMaxTokens);
      EXPECT_TRUE(image.segment.pid != 0 || std::ssize(image.features) == image.shape.bytes());
    }
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace braid
