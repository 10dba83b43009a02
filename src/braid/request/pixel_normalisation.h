// From a pixel's byte to the number that a vision tower reads: an image processor's rescale factor, mean and standard
// deviation, and the table of 256 values a channel that they come to. Plain data. Tested by
// pixel_normalisation_test.cc.
#pragma once

#include <array>
#include <cstdint>

namespace braid {

struct PixelNormalisation {
  bool rescales = true;  // multiplies by rescale_factor
  double rescale_factor = 1.0 / 255.0;
  bool normalises = true;  // subtracts `mean`, divides by `stddev`: red, green, blue
  std::array<double, 3> mean = {0.5, 0.5, 0.5};
  std::array<double, 3> stddev = {0.5, 0.5, 0.5};

  bool operator==(const PixelNormalisation&) const = default;
};

// Of the images that CLIP (Radford et al., arXiv 2103.00020) was trained with.
inline constexpr PixelNormalisation kClipNormalisation = {.mean = {0.48145466, 0.4578275, 0.40821073},
                                                          .stddev = {0.26862954, 0.26130258, 0.27577711}};

// [red, green, blue][byte]. With the bits of transformers' image processors: with both steps, mean and stddev are
// divided by the factor first, and a value is (byte - mean) / stddev in float32.
using PixelValues = std::array<std::array<float, 256>, 3>;

PixelValues pixel_values(const PixelNormalisation& normalisation);

}  // namespace braid
