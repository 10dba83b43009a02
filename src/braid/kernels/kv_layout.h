// Where a token's key and value lie in a KvLayer's pages, in elements. ops.h has the picture. Tested by
// write_kv_test.cc and paged_attention_test.cc.
#pragma once

#include <span>

#include "braid/kernels/ops.h"

namespace braid {

// The page that holds `position`, and the position's slot in it.
struct KvSlot {
  int64_t page = 0;
  int32_t slot = 0;  // in [0, page_size)
};

inline KvSlot kv_slot(const KvLayer& layer, std::span<const PageId> pages, int64_t position) {
  const int64_t index = position / layer.page_size;
  return {.page = pages[static_cast<size_t>(index)], .slot = static_cast<int32_t>(position % layer.page_size)};
}

// First element of the strip (16 tokens of one KV head, see ops.h) that holds `where`; the same for keys and values.
inline int64_t kv_strip_offset(const KvLayer& layer, KvSlot where, int64_t kv_head) {
  const int64_t in_page =
      kv_head * layer.page_size + where.slot / KvLayer::kKeyVectorTokens * KvLayer::kKeyVectorTokens;
  return where.page * layer.page_elements() + in_page * layer.head_dim;
}

// Within a strip: the element of token `token` in [0, 16) and dimension `dim`.
inline int64_t key_in_strip(const KvLayer& layer, int64_t token, int64_t dim) {
  constexpr int64_t kTokens = KvLayer::kKeyVectorTokens;
  if (layer.dtype == DType::kFloat32) return dim * kTokens + token;
  return (dim / 2 * kTokens + token) * 2 + dim % 2;
}

inline int64_t value_in_strip(const KvLayer& layer, int64_t token, int64_t dim) {
  if (layer.dtype == DType::kFloat32) return token * layer.head_dim + dim;
  return (token / 2 * layer.head_dim + dim) * 2 + token % 2;
}

// One element as float, for code that prefers plain to fast.
inline float kv_load(const KvLayer& layer, const std::byte* base, int64_t element) {
  if (layer.dtype == DType::kFloat32) return reinterpret_cast<const float*>(base)[element];
  return to_float(reinterpret_cast<const BFloat16*>(base)[element]);
}

inline void kv_store(const KvLayer& layer, std::byte* base, int64_t element, float value) {
  if (layer.dtype == DType::kFloat32) {
    reinterpret_cast<float*>(base)[element] = value;
  } else {
    reinterpret_cast<BFloat16*>(base)[element] = to_bfloat16(value);
  }
}

// A query at `position` sees the keys [first_visible, end_visible).
inline int64_t first_visible(const AttentionParams& params, int64_t position) {
  return params.window > 0 && position >= params.window ? position - params.window + 1 : 0;
}

inline int64_t end_visible(const AttentionSequence& sequence, int64_t position) {
  return sequence.is_bidirectional ? int64_t{sequence.first_position} + sequence.num_new : position + 1;
}

}  // namespace braid
