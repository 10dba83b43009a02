#include "braid/request/pixel_normalisation.h"

#include <cstddef>

namespace braid {

PixelValues pixel_values(const PixelNormalisation& normalisation) {
  const auto factor = static_cast<float>(normalisation.rescale_factor);
  const auto inverse = static_cast<float>(1.0 / normalisation.rescale_factor);
  PixelValues table;
  for (size_t c = 0; c < table.size(); ++c) {
    auto mean = static_cast<float>(normalisation.mean[c]);
    auto stddev = static_cast<float>(normalisation.stddev[c]);
    if (normalisation.rescales) {
      mean *= inverse;
      stddev *= inverse;
    }
    for (size_t byte = 0; byte < table[c].size(); ++byte) {
      const auto value = static_cast<float>(byte);
      if (normalisation.normalises) {
        table[c][byte] = (value - mean) / stddev;
      } else {
        table[c][byte] = normalisation.rescales ? value * factor : value;
      }
    }
  }
  return table;
}

}  // namespace braid
