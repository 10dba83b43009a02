// Each tier's multiply instruction in two loops that do nothing else: operands in registers, and operands in a cache,
// as a product's inner loop takes them. What measure_multiply_ceilings times.
//
// A tier's file is compiled with that tier's flags, so, as with kernels/cpu/matmul_tier.h, this may leave no inline
// functions behind.
#pragma once

#include <cstddef>
#include <cstdint>

namespace braid::bench {

constexpr int64_t kRowBytes = 8192;         // of MultiplyOperands::rows
constexpr int64_t kWeightBytesStep = 2048;  // MultiplyOperands::weight_bytes is a multiple of it
constexpr int64_t kMaxSums = 1536;

// Finite numbers, aligned to 64 bytes.
struct MultiplyOperands {
  const std::byte* rows = nullptr;     // kRowBytes: float32 where MultiplyLoops::has_float_rows, else of the dtype
  const std::byte* weights = nullptr;  // of the dtype
  int64_t weight_bytes = 0;
};

struct MultiplyLoops {
  const char* instruction = "";
  bool has_float_rows = true;
  // Both give the floating-point operations that they have done, and add what they multiplied to `sums`
  // [kMaxSums]: from zero and with operands of 1, these add up to half of that number.
  double (*from_registers)(const MultiplyOperands& operands, int64_t passes, float* sums) = nullptr;
  double (*from_cache)(const MultiplyOperands& operands, int64_t passes, float* sums) = nullptr;  // all weights a pass
};

MultiplyLoops portable_bf16_loops();
MultiplyLoops portable_f32_loops();
#if defined(__x86_64__)
MultiplyLoops avx2_bf16_loops();
MultiplyLoops avx2_f32_loops();
MultiplyLoops avx512_widened_bf16_loops();
MultiplyLoops avx512_f32_loops();
MultiplyLoops avx512_bf16_loops();
MultiplyLoops amx_bf16_loops();
#endif

}  // namespace braid::bench
