// How a KV cache stores the elements of keys and values. Tested by kernels/write_kv_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "braid/tensor/dtype.h"

namespace braid {

// kNone: in the cache's dtype. Otherwise a byte each, with one scale for each token and KV head; kernels widen the
// codes exactly, so the cache's dtype is then the one that queries are rounded to, bfloat16.
enum class KvCodes : uint8_t {
  kNone,
  kInt8,  // integers in [-127, 127]
  kE4m3,  // OCP 8-bit floating point (float8.h)
};

// Bytes of one token's key, or value, of one head: its elements, and its scale.
constexpr int64_t kv_head_bytes(DType dtype, KvCodes codes, int64_t head_dim) {
  return codes == KvCodes::kNone ? head_dim * dtype_bytes(dtype) : head_dim + dtype_bytes(DType::kBFloat16);
}

// The name that --kv-cache-dtype takes.
constexpr std::string_view kv_dtype_name(DType dtype, KvCodes codes) {
  switch (codes) {
    case KvCodes::kNone:
      return dtype_name(dtype);
    case KvCodes::kInt8:
      return "int8";
    case KvCodes::kE4m3:
      return "fp8_e4m3";
  }
  return "unknown";
}

// What a KV cache holds.
struct KvDType {
  // Not explicit: a dtype alone is one.
  constexpr KvDType(DType of_elements, KvCodes as_codes = KvCodes::kNone) : dtype(of_elements), codes(as_codes) {}

  DType dtype;
  KvCodes codes;
};

}  // namespace braid
