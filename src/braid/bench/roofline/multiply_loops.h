// Each tier's multiply instruction in two loops that do nothing else: with operands in registers, and with operands in
// a cache, as in a product's inner loop. measure_multiply_ceilings times them.
//
// A tier's file is compiled with that tier's flags, so it may leave no inline functions behind
// (kernels/cpu/matmul_tier.h says why).
#pragma once

#include <cstddef>
#include <cstdint>

namespace braid::bench {

constexpr int64_t kRowBytes = 8192;         // of MultiplyOperands::rows
constexpr int64_t kWeightBytesStep = 2048;  // MultiplyOperands::weight_bytes is a multiple of it
constexpr int64_t kMaxSums = 1536;

// Finite numbers or integers, aligned to 64 bytes.
struct MultiplyOperands {
  const std::byte* rows = nullptr;     // kRowBytes: float32 if MultiplyLoops::has_float_rows, else of the dtype
  const std::byte* weights = nullptr;  // of the dtype; of integers any bytes
  int64_t weight_bytes = 0;
};

struct MultiplyLoops {
  const char* instruction = "";
  bool has_float_rows = true;
  int integer_bytes = 0;  // of the operands' elements; 0: they are floating-point numbers
  // Both return the number of floating-point operations they did, and add their products to `sums` [kMaxSums]. From
  // zero and with operands of 1, the sums add up to half of that number.
  double (*from_registers)(const MultiplyOperands& operands, int64_t passes, float* sums) = nullptr;
  double (*from_cache)(const MultiplyOperands& operands, int64_t passes,
                       float* sums) = nullptr;  // each pass takes all weights
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
// Integers: pairs of 16 bits, or with VNNI and AMX quads of 8 bits. An operation is an addition or a multiplication.
MultiplyLoops portable_integer_loops();
#if defined(__x86_64__)
MultiplyLoops avx2_integer_loops();
MultiplyLoops avx2_few_bits_loops();  // quads of 8 bits whose sums fit 16 bits (kernels/cpu/quantized_avx2.cc)
MultiplyLoops avxvnni_integer_loops();
MultiplyLoops avx512_integer_loops();
MultiplyLoops avx512vnni_integer_loops();
MultiplyLoops amx_integer_loops();
#endif

}  // namespace braid::bench
