#include "braid/model/layers/image_rows.h"

#include <algorithm>
#include <cstring>

#include "braid/base/check.h"

namespace braid {
namespace {

// Calls each(features, rows) with equally many rows of both, for the own rows of each image that has such features.
template <typename FeaturesOf, typename Each>
void for_own_rows(const Step& step, const IndexRange& own, const Rows& rows, const FeaturesOf& features_of,
                  const Each& each) {
  for (const ImageRows& image : step.images) {
    const ConstRows* const features = features_of(*image.features);
    const int64_t begin = std::max(image.first_row, own.begin);
    const int64_t end = std::min(image.first_row + image.num_rows, own.end);
    if (features == nullptr || begin >= end) continue;
    CHECK(features->cols == rows.cols, "an image's features have {} columns, the model {}", features->cols, rows.cols);
    each(features->slice_rows(image.first_feature + begin - image.first_row, end - begin),
         rows.slice_rows(begin - own.begin, end - begin));
  }
}

}  // namespace

void put_image_embeddings(const Step& step, const IndexRange& own, const Rows& rows) {
  const auto embeddings = [](const ImageFeatureRows& features) { return &features.embeddings; };
  for_own_rows(step, own, rows, embeddings, [&](const ConstRows& from, const Rows& to) {
    step.ops.parallel_for(to.rows, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        std::memcpy(to.row<float>(row), from.row<float>(row), static_cast<size_t>(to.cols) * sizeof(float));
      }
    });
  });
}

void add_deepstack(const Step& step, size_t layer, const IndexRange& own, const Rows& rows) {
  const auto level = [&](const ImageFeatureRows& features) {
    return layer < features.deepstack.size() ? &features.deepstack[layer] : nullptr;
  };
  for_own_rows(step, own, rows, level, [&](const ConstRows& from, const Rows& to) { step.ops.add(from, to); });
}

}  // namespace braid
