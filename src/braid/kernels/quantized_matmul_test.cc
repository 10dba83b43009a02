// Products with quantized weights in every tier that this machine has, and emulated AMX. With exact rows they
// have the bits of the same weights packed in the rows' type; with rounded rows those of the definition.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "braid/kernels/cpu/matmul.h"
#include "braid/kernels/cpu/matmul_shares.h"
#include "tests/support/kernels/every_tier.h"
#include "tests/support/kernels/quantized_formats.h"
#include "tests/support/kernels/quantized_tiers.h"

namespace braid::testing {
namespace {

// The same weights, widened.
PackedMatrix widened(const PackedMatrix& quantized) {
  const Matrix elements(DType::kFloat32, quantized.n(), quantized.k());
  for (int64_t i = 0; i < quantized.n(); ++i) quantized.read_column(i, elements.view.row<float>(i));
  PackedMatrix packed(quantized.dtype(), quantized.n(), quantized.k());
  packed.pack_rows(elements.view, 0);
  return packed;
}

struct WideningTier {
  std::string name;
  cpu::MatmulTier plain;
  cpu::MatmulTier widening;
  DType dtype;
  bool has_only_e4m3 = false;
};

std::vector<WideningTier> widening_tiers() {
  std::vector<WideningTier> tiers;
  const QuantizedRows one = random_quantized({}, 1, 1, 1);
  for (const CpuIsa isa : kernel_isas()) {
    for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      tiers.push_back({fmt::format("{}/{}", isa_name(isa), dtype_name(dtype)), cpu::tier_for(isa, dtype),
                       cpu::tier_for(isa, pack_quantized_rows(one, ActivationBits::kExact, dtype)), dtype});
    }
  }
#if defined(__x86_64__)
  if (choose_isa("avx512_bf16").ok() && has_byte_lookups()) {
    tiers.push_back(
        {"avx512_bf16 with lookups", cpu::avx512_bf16().plain, cpu::avx512vbmi_e4m3(), DType::kBFloat16, true});
  }
#endif
  const cpu::FloatTiers emulated = cpu::emulated_amx_bf16();
  if (!kUnderThreadSanitizer) tiers.push_back({"emulated amx", emulated.plain, emulated.widening, DType::kBFloat16});
  return tiers;
}

struct ProductShape {
  int64_t m, k, n;
};

constexpr ProductShape kOddShapes[] = {{0, 64, 64},  {1, 1, 1},  {1, 48, 33},  {2, 256, 32},  {3, 31, 33},  {4, 96, 7},
                                       {5, 513, 40}, {3, 0, 20}, {13, 64, 96}, {17, 300, 64}, {40, 130, 50}};

TEST(QuantizedMatmul, WithExactRowsItHasTheBitsOfWidenedWeights) {
  ThreadTeam team(2);
  for (const WideningTier& tier : widening_tiers()) {
    for (const NamedFormat& named : quantized_formats()) {
      if (tier.has_only_e4m3 && !is_e4m3(named.format)) continue;
      for (const ProductShape& shape : kOddShapes) {
        SCOPED_TRACE(fmt::format("{} {} m {} k {} n {}", tier.name, named.name, shape.m, shape.k, shape.n));
        const Matrix x = random_rows_of(tier.dtype, shape.m, shape.k, 3);
        const PackedMatrix w = pack_quantized_rows(random_quantized(named.format, shape.n, shape.k, 4),
                                                   ActivationBits::kExact, tier.dtype);
        const Matrix y(DType::kFloat32, shape.m, shape.n);
        const Matrix expected(DType::kFloat32, shape.m, shape.n);
        cpu::matmul_with(tier.widening, team, x.view, w, y.view, {});
        cpu::matmul_with(tier.plain, team, x.view, widened(w), expected.view, {});
        ASSERT_TRUE(same_bits(y.view, expected.view));
      }
    }
  }
}

void expect_the_bits_of_the_definition(const NamedFormat& named, ActivationBits activations) {
  ThreadTeam team(2);
  const std::unique_ptr<Ops> ref = make_ref_ops();
  for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
    for (const ProductShape& shape : kOddShapes) {
      const Matrix x = random_rows_of(dtype, shape.m, shape.k, 3);
      const PackedMatrix w =
          pack_quantized_rows(random_quantized(named.format, shape.n, shape.k, 4), activations, dtype);
      const Matrix expected(DType::kFloat32, shape.m, shape.n);
      ref->matmul(x.view, w, expected.view);
      for (const IntegerTier& tier : integer_tiers()) {
        const Matrix y(DType::kFloat32, shape.m, shape.n);
        cpu::matmul_with(tier.of(w), team, x.view, w, y.view, {});
        ASSERT_TRUE(same_bits(y.view, expected.view))
            << fmt::format("{} {} m {} k {} n {}", tier.name, dtype_name(dtype), shape.m, shape.k, shape.n);
      }
    }
  }
}

TEST(QuantizedMatmul, WithRoundedRowsItHasTheBitsOfTheDefinition) {
  for_each_rounded_format(expect_the_bits_of_the_definition);
}

// All codes with scales that a whole block shares, as FP8 has them, also with scales beside which products leave the
// range of bfloat16, and with different scales by column.
TEST(QuantizedMatmul, E4m3HasTheBitsOfWidenedWeightsForEveryCodeAndScale) {
  constexpr int64_t kK = 256;
  constexpr int64_t kN = 64;
  ThreadTeam team(1);
  const QuantizedFormat format = {
      .values = QuantizedFormat::Values::kE4m3, .scales = QuantizedFormat::Scales::kFloat32, .bits = 8, .group = 128};
  for (const WideningTier& tier : widening_tiers()) {
    const Matrix x = random_rows_of(tier.dtype, 3, kK, 3);
    for (const float scale : {1.0F, 0.0123F, -0.37F, 0.0F, 0x1.7p-99F, 0x1.7p-101F, 511.9F, 513.1F, 0x1.9p101F}) {
      for (const bool is_by_column : {false, true}) {
        for (const bool has_nan : {false, true}) {
          SCOPED_TRACE(fmt::format("{} scale {} by column {} NaN {}", tier.name, scale, is_by_column, has_nan));
          QuantizedRows weights(format, kN, kK);
          for (int64_t i = 0; i < kN * kK; ++i) {
            const auto code = static_cast<uint8_t>(i * 7 + i / kK);
            weights.codes[static_cast<size_t>(i)] = (code & 0x7f) == 0x7f ? uint8_t{0x7e} : code;
          }
          for (size_t i = 0; i < weights.scales.size(); ++i) {
            weights.scales[i] = is_by_column ? scale / static_cast<float>(i + 1) : scale;
          }
          constexpr int64_t kNanCol = 20;
          if (has_nan) weights.codes[kNanCol * kK + 77] = 0xff;
          const PackedMatrix w = pack_quantized_rows(weights, ActivationBits::kExact, tier.dtype);
          const Matrix y(DType::kFloat32, 3, kN);
          const Matrix expected(DType::kFloat32, 3, kN);
          cpu::matmul_with(tier.widening, team, x.view, w, y.view, {});
          cpu::matmul_with(tier.plain, team, x.view, widened(w), expected.view, {});
          for (int64_t row = 0; has_nan && row < 3; ++row) {
            EXPECT_TRUE(std::isnan(y.at(row, kNanCol)));
            y.view.row<float>(row)[kNanCol] = expected.view.row<float>(row)[kNanCol];
          }
          ASSERT_TRUE(same_bits(y.view, expected.view));
        }
      }
    }
  }
}

// Blocks of 1 to 16 rows, two blocks that share a row, several of unequal length, several super-blocks.
void expect_the_same_bits_for_one_to_512_rows(const NamedFormat& named, ActivationBits activations) {
  constexpr int64_t kMaxRows = 512;
  constexpr int64_t kK = 328;
  constexpr int64_t kN = 50;
  ThreadTeam team(2);
  const Matrix x = random_rows_of(DType::kBFloat16, kMaxRows, kK, 18);
  const PackedMatrix w = pack_quantized_rows(random_quantized(named.format, kN, kK, 19), activations, DType::kBFloat16);
  const Matrix expected(DType::kFloat32, kMaxRows, kN);
  cpu::matmul_with(portable_tier().of(w), team, x.view, w, expected.view, {});
  for (const IntegerTier& tier : integer_tiers()) {
    for (const int64_t rows : {2, 4, 5, 7, 9, 10, 12, 14, 16, 17, 25, 31, 32, 33, 47, 50, 67, 512}) {
      const int64_t first = (kMaxRows - rows) / 2;
      const Matrix y(DType::kFloat32, rows, kN);
      cpu::matmul_with(tier.of(w), team, x.view.slice_rows(first, rows), w, y.view, {});
      ASSERT_TRUE(same_bits(y.view, expected.view.slice_rows(first, rows))) << tier.name << " " << rows << " rows";
    }
  }
}

TEST(QuantizedMatmul, WithRoundedRowsTiersHaveTheSameBitsForOneTo512Rows) {
  for_each_rounded_format(expect_the_same_bits_for_one_to_512_rows);
}

void expect_the_same_bits_for_experts(const NamedFormat& named, ActivationBits activations) {
  constexpr int64_t kTokens = 40;
  constexpr int64_t kK = 96;
  constexpr int64_t kHalf = 40;
  ThreadTeam team(2);
  const Matrix x = random_rows_of(DType::kBFloat16, kTokens, kK, 20);
  const std::vector<int32_t> offsets = {0, 1, 1, 10, 27, 67};  // experts with 1, 0, 9, 17 and 40 rows
  std::vector<int32_t> sources;
  for (int32_t row = 0; row < offsets.back(); ++row) sources.push_back(row * 7 % static_cast<int32_t>(kTokens));
  const ExpertRows expert_rows = {.offsets = offsets, .sources = sources};
  const Epilogue gated = {.kind = Epilogue::Kind::kSiluMul};
  std::vector<PackedMatrix> w;
  for (uint32_t expert = 0; expert + 1 < offsets.size(); ++expert) {
    w.emplace_back(named.format, activations, DType::kBFloat16, 2 * kHalf, kK);
    w.back().pack_gate_up_rows(random_quantized(named.format, kHalf, kK, 2 * expert), 0, false);
    w.back().pack_gate_up_rows(random_quantized(named.format, kHalf, kK, 2 * expert + 1), 0, true);
  }
  const Matrix expected(DType::kBFloat16, offsets.back(), kHalf);
  cpu::grouped_matmul_with(portable_tier().of(w[0]), team, x.view, expert_rows, w, expected.view, gated);
  for (const IntegerTier& tier : integer_tiers()) {
    const Matrix y(DType::kBFloat16, offsets.back(), kHalf);
    cpu::grouped_matmul_with(tier.of(w[0]), team, x.view, expert_rows, w, y.view, gated);
    ASSERT_TRUE(same_bits(y.view, expected.view)) << tier.name;
  }
}

TEST(QuantizedMatmul, WithRoundedRowsTiersHaveTheSameBitsForExperts) {
  for_each_rounded_format(expect_the_same_bits_for_experts);
}

std::vector<NamedFormat> a_few_formats() {
  std::vector<NamedFormat> few;
  for (const NamedFormat& named : quantized_formats()) {
    for (const char* name : {"q4_0", "q8_0", "q4_k", "q5_k", "q6_k", "q2_k", "mxfp4", "gptq 4 bits"}) {
      if (named.name == name) few.push_back(named);
    }
  }
  return few;
}

#if defined(__x86_64__)
// So this part of the AMX tier runs on any processor with AVX-512 VNNI.
TEST(QuantizedMatmul, UpToEightRowsOfTheAmxTierNeedNoTiles) {
  constexpr int64_t kK = 320;
  constexpr int64_t kN = 300;
  if (available_integer_dots().back() < IntegerDots::kAvx512Vnni) GTEST_SKIP() << "no AVX-512 VNNI";
  ThreadTeam team(2);
  for (const NamedFormat& named : a_few_formats()) {
    const PackedMatrix w =
        pack_quantized_rows(random_quantized(named.format, kN, kK, 21), ActivationBits::k8, DType::kBFloat16);
    for (int64_t rows = 1; rows <= 8; ++rows) {
      const Matrix x = random_rows_of(DType::kBFloat16, rows, kK, 22);
      const Matrix expected(DType::kFloat32, rows, kN);
      const Matrix y(DType::kFloat32, rows, kN);
      cpu::matmul_with(portable_tier().of(w), team, x.view, w, expected.view, {});
      cpu::matmul_with(cpu::amx_int8(w.panels(), cpu::RowCodes::kOne), team, x.view, w, y.view, {});
      ASSERT_TRUE(same_bits(y.view, expected.view)) << named.name << " " << rows << " rows";
    }
  }
}
#endif

// The product as the operations choose it, so that all of a matrix' ways are compared.
TEST(QuantizedMatmul, ARowHasTheSameBitsInEveryBatchAndTeam) {
  constexpr int64_t kMaxRows = 150;
  constexpr int64_t kK = 288;
  constexpr int64_t kN = 100;
  for (const CpuIsa isa : kernel_isas()) {
    for (const NamedFormat& named : a_few_formats()) {
      for (const ActivationBits activations : {ActivationBits::k8, ActivationBits::k16, ActivationBits::kExact}) {
        const Matrix x = random_rows_of(DType::kBFloat16, kMaxRows, kK, 12);
        const PackedMatrix w =
            pack_quantized_rows(random_quantized(named.format, kN, kK, 13), activations, DType::kBFloat16);
        ThreadTeam one(1);
        const Matrix alone(DType::kFloat32, kMaxRows, kN);
        for (int64_t row = 0; row < kMaxRows; ++row) {
          cpu::matmul(isa, one, x.view.slice_rows(row, 1), w, alone.view.slice_rows(row, 1), {});
        }
        for (const int threads : {1, 3}) {
          ThreadTeam team(threads);
          for (const int64_t rows : {2, 3, 5, 6, 7, 8, 9, 12, 13, 16, 17, 31, 33, 70, 150}) {
            const int64_t first = (kMaxRows - rows) / 2;
            const Matrix y(DType::kFloat32, rows, kN);
            cpu::matmul(isa, team, x.view.slice_rows(first, rows), w, y.view, {});
            ASSERT_TRUE(same_bits(y.view, alone.view.slice_rows(first, rows)))
                << isa_name(isa) << " " << named.name << " " << rows << " rows, " << threads << " threads";
          }
        }
      }
    }
  }
}

// Experts, gates, biases and maxima: whatever surrounds a product is the same as with plain weights.
TEST(QuantizedMatmul, EpiloguesMaximaAndExpertsAreThoseOfThePlainProduct) {
  constexpr int64_t kRows = 11;
  constexpr int64_t kK = 160;
  constexpr int64_t kHalf = 48;
  ThreadTeam team(2);
  for (const CpuIsa isa : kernel_isas()) {
    for (const NamedFormat& named : a_few_formats()) {
      for (const ActivationBits activations : {ActivationBits::k8, ActivationBits::k16, ActivationBits::kExact}) {
        SCOPED_TRACE(fmt::format("{} {}", isa_name(isa), named.name));
        const Matrix x = random_rows_of(DType::kBFloat16, kRows, kK, 14);
        const QuantizedRows gate = random_quantized(named.format, kHalf, kK, 15);
        const QuantizedRows up = random_quantized(named.format, kHalf, kK, 16);
        std::vector<PackedMatrix> w;
        for (int expert = 0; expert < 2; ++expert) {
          w.emplace_back(named.format, activations, DType::kBFloat16, 2 * kHalf, kK);
          w.back().pack_gate_up_rows(expert == 0 ? gate : up, 0, false);
          w.back().pack_gate_up_rows(expert == 0 ? up : gate, 0, true);
        }
        const std::vector<float> bias = random_values(2 * kHalf, 17);
        const Matrix sums(DType::kFloat32, kRows, 2 * kHalf);
        cpu::matmul(isa, team, x.view, w[0], sums.view, {.bias = bias});

        const Matrix gated(DType::kFloat32, kRows, kHalf);
        cpu::matmul(isa, team, x.view, w[0], gated.view, {.kind = Epilogue::Kind::kSiluMul, .bias = bias});
        for (int64_t row = 0; row < kRows; ++row) {
          for (int64_t i = 0; i < kHalf; ++i) {
            const double g = sums.at(row, i / 16 * 32 + i % 16);
            const double u = sums.at(row, i / 16 * 32 + i % 16 + 16);
            EXPECT_NEAR(gated.at(row, i), g / (1 + std::exp(-g)) * u, 1e-5 * (1 + std::abs(g * u)));
          }
        }

        const Matrix plain(DType::kFloat32, kRows, 2 * kHalf);
        cpu::matmul(isa, team, x.view, w[0], plain.view, {});
        std::vector<RowMax> maxima(kRows);
        cpu::matmul_max(isa, team, x.view, w[0], 2 * kHalf - 5, maxima);
        for (int64_t row = 0; row < kRows; ++row) {
          const float* values = plain.view.row<float>(row);
          const float* largest = std::max_element(values, values + 2 * kHalf - 5);
          EXPECT_EQ(maxima[static_cast<size_t>(row)].index, largest - values);
          EXPECT_EQ(maxima[static_cast<size_t>(row)].value, *largest);
        }

        const std::vector<int32_t> offsets = {0, 4, 9};
        const std::vector<int32_t> sources = {10, 0, 3, 3, 1, 2, 9, 0, 5};
        const Matrix grouped(DType::kFloat32, 9, 2 * kHalf);
        cpu::grouped_matmul(isa, team, x.view, {.offsets = offsets, .sources = sources}, w, grouped.view, {});
        for (int64_t row = 0; row < 9; ++row) {
          const Matrix alone(DType::kFloat32, 1, 2 * kHalf);
          cpu::matmul(isa, team, x.view.slice_rows(sources[static_cast<size_t>(row)], 1), w[row < 4 ? 0 : 1],
                      alone.view, {});
          EXPECT_TRUE(same_bits(grouped.view.slice_rows(row, 1), alone.view)) << row;
        }
      }
    }
  }
}

}  // namespace
}  // namespace braid::testing
