// Tests of resize_taps.h, pixel_rows.h and resized_rows.h. That the bytes are torchvision's is held by
// image_processor_test.cc.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "braid/kernels/isa.h"
#include "braid/multimodal/pixel_rows.h"
#include "braid/multimodal/resize_taps.h"
#include "braid/multimodal/resized_rows.h"

namespace braid {
namespace {

RgbImage random_image(ImageSize size, uint32_t seed) {
  RgbImage image{.size = size, .pixels = {}};
  std::mt19937 random(seed);
  image.pixels.resize(static_cast<size_t>(size.width) * static_cast<size_t>(size.height) * 3);
  for (uint8_t& byte : image.pixels) byte = static_cast<uint8_t>(random());
  return image;
}

std::vector<uint8_t> resized(const RgbImage& image, ImageSize size, ResizeFilter filter, CpuIsa isa) {
  ResizedRows rows(image, size, filter, pixel_rows(isa));
  std::vector<uint8_t> pixels;
  for (int32_t y = 0; y < size.height; ++y) {
    const uint8_t* row = rows.next();
    pixels.insert(pixels.end(), row, row + size_t{3} * static_cast<size_t>(size.width));
  }
  return pixels;
}

// The definition: across, rounded to bytes, then down; each sum in integers.
std::vector<uint8_t> resized_plainly(const RgbImage& image, ImageSize size, ResizeFilter filter) {
  const auto byte_of = [](int64_t sum, int32_t shift) {
    return static_cast<uint8_t>(std::clamp<int64_t>((sum + (int64_t{1} << shift) / 2) >> shift, 0, 255));
  };
  std::vector<uint8_t> across = image.pixels;
  if (size.width != image.size.width) {
    const ResizeTaps taps = resize_taps(image.size.width, size.width, filter);
    across.clear();
    for (int32_t y = 0; y < image.size.height; ++y) {
      for (int32_t i = 0; i < size.width * 3; ++i) {
        const int32_t x = i / 3;
        int64_t sum = 0;
        for (int32_t k = 0; k < taps.count[x]; ++k) {
          const int32_t from = y * image.size.width + taps.first[x] + k;
          sum += int64_t{taps.weights[x * taps.stride + k]} * image.pixels[from * 3 + i % 3];
        }
        across.push_back(byte_of(sum, taps.shift));
      }
    }
  }
  if (size.height == image.size.height) return across;
  const ResizeTaps taps = resize_taps(image.size.height, size.height, filter);
  std::vector<uint8_t> down;
  for (int32_t y = 0; y < size.height; ++y) {
    for (int32_t i = 0; i < size.width * 3; ++i) {
      int64_t sum = 0;
      for (int32_t k = 0; k < taps.count[y]; ++k) {
        sum += int64_t{taps.weights[y * taps.stride + k]} * across[(taps.first[y] + k) * size.width * 3 + i];
      }
      down.push_back(byte_of(sum, taps.shift));
    }
  }
  return down;
}

TEST(ResizeTaps, WeightsAddUpToOneAndStayInside) {
  for (const ResizeFilter filter : {ResizeFilter::kBilinear, ResizeFilter::kBicubic}) {
    for (const auto& [input, output] : {std::pair{1, 1}, {1, 50}, {50, 1}, {7, 5}, {5, 7}, {1120, 896}, {32768, 28}}) {
      const ResizeTaps taps = resize_taps(input, output, filter);
      ASSERT_EQ(taps.num_outputs, output);
      EXPECT_GE(taps.shift, 14) << input;
      for (int32_t i = 0; i < output; ++i) {
        ASSERT_GE(taps.first[i], 0);
        ASSERT_LE(taps.first[i] + taps.count[i], input);
        ASSERT_LE(taps.count[i], taps.stride);
        const auto begin = taps.weights.begin() + int64_t{i} * taps.stride;
        const int64_t sum = std::accumulate(begin, begin + taps.stride, int64_t{0});
        EXPECT_NEAR(static_cast<double>(sum) / (1 << taps.shift), 1.0, 1e-2) << input << " to " << output;
      }
    }
  }
}

TEST(ResizeTaps, AKnownCase) {
  // Four pixels to two: each is the middle of two, with a triangle four pixels wide.
  const ResizeTaps taps = resize_taps(4, 2, ResizeFilter::kBilinear);
  EXPECT_EQ(taps.first, (std::vector<int32_t>{0, 1}));
  EXPECT_EQ(taps.count, (std::vector<int32_t>{3, 3}));
  const auto weight = [&](double share) { return static_cast<int16_t>(share * (1 << taps.shift) + 0.5); };
  EXPECT_EQ(taps.weights[0], weight(3.0 / 7.0));
  EXPECT_EQ(taps.weights[1], weight(3.0 / 7.0));
  EXPECT_EQ(taps.weights[2], weight(1.0 / 7.0));
}

TEST(ResizedRows, EveryTierFollowsTheDefinition) {
  const std::vector<ImageSize> sizes = {{1, 1}, {1, 40}, {40, 1}, {5, 3}, {16, 16}, {33, 47}, {100, 9}, {131, 70}};
  uint32_t seed = 0;
  for (const ImageSize from : sizes) {
    const RgbImage image = random_image(from, ++seed);
    for (const ImageSize to : sizes) {
      for (const ResizeFilter filter : {ResizeFilter::kBilinear, ResizeFilter::kBicubic}) {
        const std::vector<uint8_t> expected = resized_plainly(image, to, filter);
        for (const CpuIsa isa : available_isas()) {
          ASSERT_EQ(resized(image, to, filter, isa), expected)
              << isa_name(isa) << ": " << from.width << " x " << from.height << " to " << to.width << " x "
              << to.height;
        }
      }
    }
  }
}

TEST(ResizedRows, FlatColoursStayAsTheyAre) {
  for (const int value : {0, 1, 127, 254, 255}) {
    RgbImage image = random_image({61, 43}, 1);
    std::ranges::fill(image.pixels, static_cast<uint8_t>(value));
    for (const ImageSize to : {ImageSize{20, 90}, ImageSize{90, 20}}) {
      for (const uint8_t byte : resized(image, to, ResizeFilter::kBicubic, CpuIsa::kPortable)) ASSERT_EQ(byte, value);
    }
  }
}

TEST(PixelRows, ChannelsAreSplit) {
  for (const CpuIsa isa : available_isas()) {
    for (int64_t n = 0; n < 100; ++n) {
      std::vector<uint8_t> rgb(static_cast<size_t>(3 * n));
      for (size_t i = 0; i < rgb.size(); ++i) rgb[i] = static_cast<uint8_t>(i * 7);
      std::vector<uint8_t> channels[3];
      for (auto& channel : channels) channel.resize(static_cast<size_t>(n));
      pixel_rows(isa).split_channels(rgb.data(), n, channels[0].data(), channels[1].data(), channels[2].data());
      for (size_t i = 0; i < rgb.size(); ++i) ASSERT_EQ(channels[i % 3][i / 3], rgb[i]) << isa_name(isa);
    }
  }
}

}  // namespace
}  // namespace braid
