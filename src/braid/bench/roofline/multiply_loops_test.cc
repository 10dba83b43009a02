#include "braid/bench/roofline/multiply_loops.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "braid/bench/roofline/multiply_ceilings.h"
#include "braid/bench/roofline/multiply_loops_amx_inl.h"
#include "braid/kernels/cpu/amx_tiles_emulated.h"
#include "braid/tensor/buffer.h"

namespace braid::bench {
namespace {

struct TierLoops {
  DType dtype;
  MultiplyLoops loops;
};

// The loops of all tiers that this machine runs, and of emulated AMX.
std::vector<TierLoops> loops_that_run_here() {
  std::vector<TierLoops> all = {{DType::kBFloat16, portable_bf16_loops()},
                                {DType::kFloat32, portable_f32_loops()},
                                {DType::kBFloat16, tile_loops<cpu::EmulatedTiles, Bf16Product>()}};
#if defined(__x86_64__)
  for (const CpuIsa isa : available_isas()) {
    if (isa == CpuIsa::kAvx2) {
      all.push_back({DType::kBFloat16, avx2_bf16_loops()});
      all.push_back({DType::kFloat32, avx2_f32_loops()});
    } else if (isa == CpuIsa::kAvx512) {
      all.push_back({DType::kBFloat16, avx512_widened_bf16_loops()});
      all.push_back({DType::kFloat32, avx512_f32_loops()});
    } else if (isa == CpuIsa::kAvx512Bf16) {
      all.push_back({DType::kBFloat16, avx512_bf16_loops()});
    } else if (isa == CpuIsa::kAmxBf16) {
      all.push_back({DType::kBFloat16, amx_bf16_loops()});
    }
  }
#endif
  return all;
}

RowsBuffer ones(DType dtype, int64_t bytes) {
  RowsBuffer buffer(dtype, 1, bytes / dtype_bytes(dtype));
  const Rows row = buffer.first(1);
  for (int64_t i = 0; i < row.cols; ++i) {
    if (dtype == DType::kFloat32) {
      row.row<float>(0)[i] = 1.0F;
    } else {
      row.row<BFloat16>(0)[i] = to_bfloat16(1.0F);
    }
  }
  return buffer;
}

TEST(MultiplyLoops, DoAsManyOperationsAsTheySay) {
  constexpr int64_t kBytes = 3 * kWeightBytesStep;
  for (const auto& [dtype, loops] : loops_that_run_here()) {
    const RowsBuffer rows = ones(loops.has_float_rows ? DType::kFloat32 : dtype, kRowBytes);
    const RowsBuffer weights = ones(dtype, kBytes);
    const MultiplyOperands operands = {
        .rows = rows.first(1).data, .weights = weights.first(1).data, .weight_bytes = kBytes};
    for (const auto loop : {loops.from_registers, loops.from_cache}) {
      for (const int64_t passes : {1, 5}) {
        std::vector<float> sums(kMaxSums);
        const double flops = loop(operands, passes, sums.data());
        EXPECT_GT(flops, 0);
        EXPECT_EQ(2 * std::accumulate(sums.begin(), sums.end(), 0.0), flops) << loops.instruction;
      }
    }
  }
}

std::vector<MultiplyLoops> integer_loops_that_run_here() {
  std::vector<MultiplyLoops> all = {portable_integer_loops(), tile_loops<cpu::EmulatedTiles, Int8Product>()};
#if defined(__x86_64__)
  for (const IntegerDots dots : available_integer_dots()) {
    if (dots == IntegerDots::kAvx2) {
      all.push_back(avx2_integer_loops());
      all.push_back(avx2_few_bits_loops());
    }
    if (dots == IntegerDots::kAvxVnni) all.push_back(avxvnni_integer_loops());
    if (dots == IntegerDots::kAvx512) all.push_back(avx512_integer_loops());
    if (dots == IntegerDots::kAvx512Vnni) all.push_back(avx512vnni_integer_loops());
    if (dots == IntegerDots::kAmxInt8) all.push_back(amx_integer_loops());
  }
#endif
  return all;
}

TEST(MultiplyLoops, OfIntegersDoAsManyOperationsAsTheySay) {
  constexpr int64_t kBytes = 3 * kWeightBytesStep;
  for (const MultiplyLoops& loops : integer_loops_that_run_here()) {
    Buffer ones(kBytes + kRowBytes);
    for (int64_t i = 0; i < ones.bytes(); i += loops.integer_bytes) ones.data()[i] = std::byte{1};
    const MultiplyOperands operands = {.rows = ones.data(), .weights = ones.data() + kRowBytes, .weight_bytes = kBytes};
    for (const auto loop : {loops.from_registers, loops.from_cache}) {
      for (const int64_t passes : {1, 5}) {
        std::vector<float> sums(kMaxSums);
        const double operations = loop(operands, passes, sums.data());
        EXPECT_GT(operations, 0);
        EXPECT_EQ(2 * std::accumulate(sums.begin(), sums.end(), 0.0), operations) << loops.instruction;
      }
    }
  }
}

TEST(MultiplyCeilings, AreMeasuredForEveryTierAndDtype) {
  ThreadTeam team(2);
  for (const CpuIsa isa : available_isas()) {
    for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      const MultiplyCeilings ceilings = measure_multiply_ceilings(isa, team, dtype, 0.001);
      EXPECT_NE(ceilings.instruction, "") << isa_name(isa);
      EXPECT_GT(ceilings.from_registers, 0) << isa_name(isa);
      EXPECT_GT(ceilings.from_l1, 0) << isa_name(isa);
      EXPECT_GT(ceilings.from_l2, 0) << isa_name(isa);
    }
  }
}

TEST(MultiplyCeilings, OfIntegersAreMeasuredForEveryTier) {
  ThreadTeam team(2);
  for (const CpuIsa isa : available_isas()) {
    for (const auto measure : {measure_integer_ceilings, measure_few_bits_ceilings}) {
      const MultiplyCeilings ceilings = measure(isa, team, 0.001);
      EXPECT_NE(ceilings.instruction, "") << isa_name(isa);
      EXPECT_GT(ceilings.from_registers, 0) << isa_name(isa);
      EXPECT_GT(ceilings.from_l1, 0) << isa_name(isa);
      EXPECT_GT(ceilings.from_l2, 0) << isa_name(isa);
    }
  }
}

}  // namespace
}  // namespace braid::bench
