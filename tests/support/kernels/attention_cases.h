// Paged caches for tests: pages in random order, and NaN wherever no token was written.
#pragma once

#include <algorithm>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "tests/support/kernels/every_tier.h"

namespace braid::testing {

struct CacheShape {
  int32_t num_heads = 4;
  int32_t num_kv_heads = 2;
  int32_t head_dim = 64;
  DType dtype = DType::kBFloat16;
  KvCodes codes = KvCodes::kNone;
  int32_t page_size = 16;
};

// What a cache may hold.
struct KvKind {
  DType dtype;
  KvCodes codes;
};
inline constexpr KvKind kKvKinds[] = {{DType::kBFloat16, KvCodes::kNone},
                                      {DType::kFloat32, KvCodes::kNone},
                                      {DType::kBFloat16, KvCodes::kInt8},
                                      {DType::kBFloat16, KvCodes::kE4m3}};

class TestCache {
 public:
  // Room for sequences of up to `max_len` tokens each.
  TestCache(const CacheShape& shape, int64_t num_sequences, int64_t max_len, uint32_t seed) {
    const int64_t pages_each = (max_len + shape.page_size - 1) / shape.page_size;
    const int64_t num_pages = std::max<int64_t>(1, pages_each * num_sequences);
    layer_ = {.dtype = shape.dtype,
              .codes = shape.codes,
              .num_kv_heads = shape.num_kv_heads,
              .head_dim = shape.head_dim,
              .page_size = shape.page_size};
    const int64_t bytes = num_pages * layer_.page_bytes();
    keys_ = Buffer(bytes);
    values_ = Buffer(bytes);
    std::fill_n(keys_.data(), bytes, std::byte{0xff});  // NaN in all formats
    std::fill_n(values_.data(), bytes, std::byte{0xff});
    layer_.keys = keys_.data();
    layer_.values = values_.data();

    std::vector<PageId> pages(static_cast<size_t>(num_pages));
    std::iota(pages.begin(), pages.end(), 0);
    std::mt19937 random(seed);
    std::shuffle(pages.begin(), pages.end(), random);
    for (int64_t i = 0; i < num_sequences; ++i) {
      tables_.emplace_back(pages.begin() + i * pages_each, pages.begin() + (i + 1) * pages_each);
    }
  }

  const KvLayer& layer() const { return layer_; }

  // `num_new` tokens of sequence `index` starting at `first_position`; their rows in the batch start at `first_row`.
  AttentionSequence sequence(int64_t index, int64_t first_row, int64_t first_position, int64_t num_new) const {
    return {.first_row = first_row,
            .num_new = static_cast<int32_t>(num_new),
            .first_position = static_cast<int32_t>(first_position),
            .pages = tables_[static_cast<size_t>(index)]};
  }

 private:
  KvLayer layer_;
  Buffer keys_;
  Buffer values_;
  std::vector<std::vector<PageId>> tables_;
};

inline AttentionParams params_of(const CacheShape& shape, int32_t window = 0) {
  return {
      .num_heads = shape.num_heads, .scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim)), .window = window};
}

// The queries, keys and values of one whole sequence.
struct TestSequence {
  TestSequence(const CacheShape& shape, int64_t len, uint32_t seed)
      : q(odd_matrix(len, int64_t{shape.num_heads} * shape.head_dim, seed)),
        k(odd_matrix(len, int64_t{shape.num_kv_heads} * shape.head_dim, seed + 10)),
        v(odd_matrix(len, int64_t{shape.num_kv_heads} * shape.head_dim, seed + 20)) {}

  Matrix q;
  Matrix k;
  Matrix v;
};

}  // namespace braid::testing
