// Where a token's key and value lie in a KvLayer's pages, and what their codes mean. ops.h has the picture. Tested by
// write_kv_test.cc and paged_attention_test.cc.
#pragma once

#include <algorithm>
#include <bit>
#include <span>

#include "braid/kernels/ops.h"
#include "braid/tensor/float8.h"

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

// Offset in bytes of the strip (16 tokens of one KV head, see ops.h) that holds `where`; the same for keys and values.
inline int64_t kv_strip_offset(const KvLayer& layer, KvSlot where, int64_t kv_head) {
  const int64_t strips_of_head = layer.page_size / KvLayer::kKeyVectorTokens;
  const int64_t in_page = kv_head * strips_of_head + where.slot / KvLayer::kKeyVectorTokens;
  return where.page * layer.page_bytes() + in_page * layer.strip_bytes();
}

// Within a strip, behind its scales: the element of token `token` in [0, 16) and dimension `dim`.
inline int64_t key_in_strip(const KvLayer& layer, int64_t token, int64_t dim) {
  constexpr int64_t kTokens = KvLayer::kKeyVectorTokens;
  if (layer.dtype == DType::kFloat32 || layer.codes != KvCodes::kNone) return dim * kTokens + token;
  return (dim / 2 * kTokens + token) * 2 + dim % 2;
}

inline int64_t value_in_strip(const KvLayer& layer, int64_t token, int64_t dim) {
  if (layer.dtype == DType::kFloat32 || layer.codes != KvCodes::kNone) return token * layer.head_dim + dim;
  return (token / 2 * layer.head_dim + dim) * 2 + token % 2;
}

// Bytes before a strip's first element.
inline int64_t scales_of_strip(const KvLayer& layer) {
  return KvLayer::kKeyVectorTokens * layer.scale_bytes();
}

// One element of a strip as float, for code that prefers plain to fast: key_in_strip() or value_in_strip() is its
// index.
inline float kv_load(const KvLayer& layer, const std::byte* strip, int64_t token, int64_t element) {
  const std::byte* elements = strip + scales_of_strip(layer);
  switch (layer.codes) {
    case KvCodes::kNone:
      if (layer.dtype == DType::kFloat32) return reinterpret_cast<const float*>(elements)[element];
      return to_float(reinterpret_cast<const BFloat16*>(elements)[element]);
    case KvCodes::kInt8:
      return to_float(reinterpret_cast<const BFloat16*>(strip)[token]) *
             static_cast<float>(static_cast<int8_t>(elements[element]));
    case KvCodes::kE4m3:
      return to_float(reinterpret_cast<const BFloat16*>(strip)[token]) *
             e4m3_to_float(static_cast<uint8_t>(elements[element]));
  }
  return 0;
}

// The largest size of a code.
inline float largest_kv_code(KvCodes codes) {
  return codes == KvCodes::kInt8 ? 127.0F : 448.0F;
}

// The scale of a head's elements. `largest_bits`: the bits of the largest size among them, as an unsigned integer, by
// which a NaN is the largest of all. Rounded up to a bfloat16, so that no code is too large. A head that is not finite
// has a NaN, and zeros for codes. The smallest scale has an inverse, and rounds what is smaller to zero.
inline BFloat16 kv_scale(uint32_t largest_bits, float largest_code, float fixed_scale) {
  if (largest_bits >= 0x7f800000U) return {0x7fc0U};
  if (fixed_scale > 0) return to_bfloat16(fixed_scale);
  const float scale = std::max(std::bit_cast<float>(largest_bits) / largest_code, 0x1p-100F);
  return {static_cast<uint16_t>((std::bit_cast<uint32_t>(scale) + 0xffffU) >> 16)};
}

// A query at `position` sees the keys [first_visible, end_visible).
inline int64_t first_visible(const AttentionParams& params, int64_t position) {
  return params.window > 0 && position >= params.window ? position - params.window + 1 : 0;
}

inline int64_t end_visible(const AttentionSequence& sequence, int64_t position) {
  return sequence.is_bidirectional ? int64_t{sequence.first_position} + sequence.num_new : position + 1;
}

}  // namespace braid
