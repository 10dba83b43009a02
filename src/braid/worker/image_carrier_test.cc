#include "braid/worker/image_carrier.h"

#include <gtest/gtest.h>

#include <future>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace braid {
namespace {

constexpr int32_t kHiddenSize = 2;
constexpr ImageCarrierOptions kCarrier{.max_entries = 2, .hidden = kHiddenSize, .max_tokens = 100};

// The number in an image's bytes is the value of all its features.
class NumberMaker final : public ImageMaker {
 public:
  Result<ImagePatches> prepare(const std::string& bytes) override {
    return ImagePatches{.pixels = {static_cast<uint8_t>(std::stoi(bytes))}};
  }
  Result<ImageFeatures> encode(const ImagePatches& patches) override {
    ImageFeatures features{.embeddings = RowsBuffer(DType::kFloat32, 3, kHiddenSize)};
    features.deepstack.emplace_back(DType::kFloat32, 3, kHiddenSize);
    for (int32_t row = 0; row < 3; ++row) {
      features.embeddings.first(3).row<float>(row)[0] = patches.pixels[0];
      features.deepstack[0].first(3).row<float>(row)[0] = -1.0F * patches.pixels[0];
    }
    return features;
  }
};

RequestImage numbered_image(int number) {
  RequestImage image{.bytes = std::make_shared<const std::string>(std::to_string(number)),
                     .span = {.grid = {.rows = 1, .cols = 3}}};
  image.span.key[0] = static_cast<uint8_t>(number);
  return image;
}

StepPlan plan_with(std::initializer_list<int> images) {
  StepPlan plan{.step = 1};
  for (const int number : images) {
    SequencePlan& sequence = plan.sequences.emplace_back();
    sequence.new_tokens.assign(4, 1);
    sequence.images = {numbered_image(number).span};
  }
  return plan;
}

class ImageCarrierTest : public ::testing::TestWithParam<bool> {
 protected:
  bool is_shared() const { return GetParam(); }

  void make(int number) {
    std::promise<void> made;
    uses_.push_back(sends_.use(numbered_image(number), [&] { made.set_value(); }));
    if (!uses_.back().state()) made.get_future().wait();
  }
  // Images and drops that travel with the plan.
  std::pair<size_t, size_t> carry(const StepPlan& plan) {
    const PlanImages images = sender_.images_for(plan);
    const Status taken = receiver_.take(encode_for(images, is_shared()));
    EXPECT_TRUE(taken.ok()) << taken.error().message;
    return {images.images.size(), images.dropped.size()};
  }
  bool has(int number) {
    const ImageFeatureRows* const rows = receives_.find(numbered_image(number).span.key);
    if (rows == nullptr) return false;
    EXPECT_EQ(rows->embeddings.rows, 3);
    EXPECT_EQ(rows->embeddings.row<float>(2)[0], static_cast<float>(number));
    EXPECT_EQ(rows->deepstack.at(0).row<float>(1)[0], static_cast<float>(-number));
    return true;
  }

  NumberMaker maker_;
  ImageStore sends_{maker_, {.is_shared = is_shared()}};
  ImageStore receives_{maker_, {.max_entries = 0}};
  ImageSender sender_{sends_, kCarrier};
  ImageReceiver receiver_{receives_, kCarrier};
  std::vector<ImageStore::Use> uses_;
};

INSTANTIATE_TEST_SUITE_P(ByMemoryAndByBytes, ImageCarrierTest, ::testing::Bool());

using Counts = std::pair<size_t, size_t>;

TEST_P(ImageCarrierTest, OnlyWhatReceiversLackIsSent) {
  for (const int number : {1, 2}) make(number);
  EXPECT_EQ(carry(plan_with({1})), Counts(1, 0));
  EXPECT_TRUE(has(1));
  EXPECT_EQ(carry(plan_with({1, 2, 1})), Counts(1, 0));
  EXPECT_TRUE(has(2));
  EXPECT_EQ(carry(plan_with({2, 1})), Counts(0, 0));
  EXPECT_EQ(carry(plan_with({})), Counts(0, 0));
}

TEST_P(ImageCarrierTest, TheOldestThatThePlanDoesNotNeedIsDropped) {
  for (const int number : {1, 2, 3, 4, 5}) make(number);
  EXPECT_EQ(carry(plan_with({1, 2})), Counts(2, 0));
  EXPECT_EQ(carry(plan_with({1, 3})), Counts(1, 1));
  EXPECT_TRUE(has(1));
  EXPECT_FALSE(has(2));
  EXPECT_EQ(carry(plan_with({1, 2, 3, 4})), Counts(2, 0)) << "all four are needed, beyond the limit";
  EXPECT_EQ(carry(plan_with({5})), Counts(1, 3));
  for (const int number : {1, 2, 3}) EXPECT_FALSE(has(number)) << number;
  EXPECT_TRUE(has(4) && has(5));
}

TEST_P(ImageCarrierTest, ImagesBehindThePlansNewTokensAreNotSent) {
  make(1);
  StepPlan plan = plan_with({1});
  plan.sequences[0].images[0].first = 10;
  EXPECT_EQ(carry(plan), Counts(0, 0));
  plan.sequences[0].images[0].first = 0;
  plan.sequences[0].first_position = 3;
  EXPECT_EQ(carry(plan), Counts(0, 0)) << "they are in the cache";
  plan.sequences[0].first_position = 2;
  EXPECT_EQ(carry(plan), Counts(1, 0));
}

TEST_P(ImageCarrierTest, WhatAReceiverMakesItselfIsNotWaitedFor) {
  make(7);
  std::promise<void> made;
  const auto own = receives_.use(numbered_image(7), [&] { made.set_value(); });
  EXPECT_EQ(carry(plan_with({7})), Counts(1, 0));
  EXPECT_TRUE(has(7));
  if (!own.state()) made.get_future().wait();
  EXPECT_TRUE(own.state()->ok());
}

}  // namespace
}  // namespace braid
