#include "braid/worker/image_strategy.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

constexpr ImageCosts kPhoto{.make_s = 0.5, .raw_bytes = 150'000, .feature_bytes = 25'000'000};
const ImageProcesses kOneHost{.hosts = {0, 0, 0, 0}};
const ImageProcesses kTwoHosts{.hosts = {0, 0, 1, 1}, .message_s = 1e-4, .bytes_per_s = 1e9};
const ImageProcesses kFourHosts{.hosts = {0, 1, 2, 3}, .message_s = 1e-4, .bytes_per_s = 1e9};

TEST(ImageStrategy, NamesAreFound) {
  for (const std::string_view name : kMmStrategyNames) EXPECT_EQ(name_of(*mm_strategy_of(name)), name);
  EXPECT_FALSE(mm_strategy_of("auto"));
}

TEST(ImageStrategy, OnOneHostThePublisherMakesThemWhateverTheyCost) {
  for (const double make_s : {0.0, 1e-4, 0.5, 10.0}) {
    const ImageCosts costs{.make_s = make_s, .raw_bytes = 150'000, .feature_bytes = 25'000'000};
    EXPECT_EQ(choose_strategy({}, 1, costs, kOneHost), MmStrategy::kPerRequest) << make_s;
    EXPECT_EQ(choose_strategy({}, 2, costs, kOneHost), MmStrategy::kBatch) << make_s;
    EXPECT_EQ(choose_strategy({}, 100, costs, kOneHost), MmStrategy::kBatch) << make_s;
    EXPECT_EQ(choose_strategy({.batch_min = 50}, 49, costs, kOneHost), MmStrategy::kPerRequest) << make_s;
  }
}

TEST(ImageStrategy, HostsShareWhatTakesLongAndEachMakesWhatIsSoonMade) {
  EXPECT_EQ(choose_strategy({}, 10, kPhoto, kFourHosts), MmStrategy::kSharded);
  ImageCosts soon = kPhoto;
  soon.make_s = 0.01;  // the features of one take 25 ms to each host
  EXPECT_EQ(choose_strategy({}, 10, soon, kFourHosts), MmStrategy::kLocal);
  soon.feature_bytes = 100'000;  // fewer bytes than the image has
  EXPECT_EQ(choose_strategy({}, 1, soon, kTwoHosts), MmStrategy::kPerRequest) << "two messages more than it saves";
}

TEST(ImageStrategy, WhatTheUserNamesIsTaken) {
  for (size_t i = 0; i < kNumMmStrategies; ++i) {
    const auto named = static_cast<MmStrategy>(i);
    EXPECT_EQ(choose_strategy({.strategy = named}, 1, kPhoto, kTwoHosts), named);
  }
}

TEST(ImageStrategy, ProcessesThatShareATowerHaveItMadeAtThePublisher) {
  ImageProcesses processes = kTwoHosts;
  processes.share_tower = true;
  EXPECT_EQ(choose_strategy({}, 20, kPhoto, processes), MmStrategy::kBatch);
  EXPECT_EQ(choose_strategy({}, 1, kPhoto, processes), MmStrategy::kPerRequest);
}

TEST(ImageStrategy, SharingGainsByHostsAndNotByProcesses) {
  const auto seconds = [](MmStrategy strategy, const ImageProcesses& processes) {
    return predicted_seconds(strategy, 20, kPhoto, processes);
  };
  EXPECT_GE(seconds(MmStrategy::kSharded, kOneHost), seconds(MmStrategy::kBatch, kOneHost));
  EXPECT_NEAR(seconds(MmStrategy::kBatch, kTwoHosts) / seconds(MmStrategy::kSharded, kTwoHosts), 2, 0.1);
  EXPECT_NEAR(seconds(MmStrategy::kLocal, kOneHost) / seconds(MmStrategy::kBatch, kOneHost), 4, 0.01);
}

}  // namespace
}  // namespace braid
