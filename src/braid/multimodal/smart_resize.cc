#include "braid/multimodal/smart_resize.h"

#include <algorithm>
#include <cmath>

namespace braid {

Status check_ratio(ImageSize size) {
  constexpr double kMaxRatio = 200.0;
  const auto [shorter, longer] = std::minmax(size.width, size.height);
  if (static_cast<double>(longer) / shorter <= kMaxRatio) return {};
  return fail("the image has {} x {} pixels, its longer side may be at most {} times its shorter one", size.width,
              size.height, kMaxRatio);
}

ImageSize smart_resize(ImageSize size, int32_t factor, const ResizeBounds& bounds) {
  const double width = size.width;
  const double height = size.height;
  const auto rounded = [&](double side) { return static_cast<int64_t>(std::nearbyint(side / factor)) * factor; };
  int64_t new_width = rounded(width);  // halves go to the even number
  int64_t new_height = rounded(height);
  const int64_t num_pixels = bounds.num_counted * new_width * new_height;
  const double num_given = static_cast<double>(bounds.num_frames) * height * width;
  if (num_pixels > bounds.max_pixels) {
    const double shrink = std::sqrt(num_given / static_cast<double>(bounds.max_pixels));
    const auto floored = [&](double side) {
      return std::max<int64_t>(factor, static_cast<int64_t>(std::floor(side / shrink / factor)) * factor);
    };
    new_width = floored(width);
    new_height = floored(height);
  } else if (num_pixels < bounds.min_pixels) {
    const double grow = std::sqrt(static_cast<double>(bounds.min_pixels) / num_given);
    const auto ceiled = [&](double side) { return static_cast<int64_t>(std::ceil(side * grow / factor)) * factor; };
    new_width = ceiled(width);
    new_height = ceiled(height);
  }
  return {.width = static_cast<int32_t>(new_width), .height = static_cast<int32_t>(new_height)};
}

}  // namespace braid
