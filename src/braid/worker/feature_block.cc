#include "braid/worker/feature_block.h"

#include <cstring>
#include <utility>

namespace braid {
namespace {

FeatureShape shape_of(const ImageFeatures& features) {
  const ConstRows embeddings = features.embeddings.first(features.embeddings.max_rows());
  return {.layers = 1 + static_cast<int32_t>(features.deepstack.size()),
          .tokens = static_cast<int32_t>(embeddings.rows),
          .hidden = static_cast<int32_t>(embeddings.cols)};
}

}  // namespace

FeatureBlock::FeatureBlock(const ImageFeatures& features, bool is_shared) : shape_(shape_of(features)) {
  std::byte* to = make_memory(is_shared);
  const auto copy = [&](const RowsBuffer& layer) {
    const ConstRows rows = layer.first(layer.max_rows());
    std::memcpy(to, rows.data, static_cast<size_t>(layer.bytes()));
    to += layer.bytes();
  };
  copy(features.embeddings);
  for (const RowsBuffer& layer : features.deepstack) copy(layer);
}

FeatureBlock::FeatureBlock(const FeatureShape& shape, std::span<const std::byte> features) : shape_(shape) {
  std::memcpy(make_memory(false), features.data(), features.size());
}

std::byte* FeatureBlock::make_memory(bool is_shared) {
  if (is_shared) {
    auto made = SharedSegment::make(shape_.bytes(), "braid-images");
    if (made.ok()) {
      segment_ = std::move(made).value();
      return segment_.memory().data();
    }
    why_unshared_ = made.error().message;
  }
  memory_ = Buffer(shape_.bytes());
  return memory_.data();
}

std::span<const std::byte> FeatureBlock::bytes() const {
  if (is_shared()) return std::as_const(segment_).memory();
  return {memory_.data(), static_cast<size_t>(memory_.bytes())};
}

ImageFeatureRows FeatureBlock::rows() const {
  const auto layer = [&](int32_t index) {
    return ConstRows{.data = bytes().data() + shape_.bytes() / shape_.layers * index,
                     .dtype = DType::kFloat32,
                     .rows = shape_.tokens,
                     .cols = shape_.hidden,
                     .stride = shape_.hidden};
  };
  ImageFeatureRows rows{.embeddings = layer(0)};
  for (int32_t i = 1; i < shape_.layers; ++i) rows.deepstack.push_back(layer(i));
  return rows;
}

}  // namespace braid
