// The matrix kernels of every tier that this machine has, and the AMX tier's over emulated tile registers. Compared
// with sums in double over PackedMatrix::at(), and with themselves: a row has the same bits in every batch.
#include "braid/kernels/cpu/matmul.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "braid/base/float_mode.h"
#include "braid/kernels/cpu/matmul_shares.h"
#include "braid/kernels/isa.h"
#include "braid/kernels/packed_matrix.h"
#include "braid/tensor/buffer.h"

namespace braid::cpu {
namespace {

struct TierCase {
  std::string name;
  MatmulTier tier;
  DType dtype;
};

std::vector<TierCase> all_tiers() {
  std::vector<TierCase> cases;
  for (CpuIsa isa : testing::kernel_isas()) {
    for (DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      cases.push_back({fmt::format("{}/{}", isa_name(isa), dtype_name(dtype)), tier_for(isa, dtype), dtype});
    }
  }
  if (testing::kUnderThreadSanitizer) return cases;
  cases.push_back({"amx_bf16 emulated/bfloat16", emulated_amx_bf16().plain, DType::kBFloat16});
  return cases;
}

enum class Values { kNormal, kHarsh };  // harsh: denormals, signed zeros, and terms that cancel to a millionth

float draw(std::mt19937& random, Values values) {
  const float normal = std::normal_distribution<float>()(random);
  if (values == Values::kNormal) return normal;
  switch (random() % 8) {
    case 0:
      return std::bit_cast<float>(static_cast<uint32_t>(random() & 0x807fffffU));  // a denormal
    case 1:
      return random() % 2 == 0 ? 0.0F : -0.0F;
    case 2:
      return std::ldexp(normal, 40);
    case 3:
      return std::ldexp(normal, -70);
    case 4:
      return random() % 2 == 0 ? 0x1p30F : -0x1p30F;
    default:
      return normal;
  }
}

RowsBuffer draw_rows(std::mt19937& random, DType dtype, int64_t rows, int64_t cols, Values values) {
  RowsBuffer buffer(dtype, rows, cols);
  const Rows all = buffer.first(rows);
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t col = 0; col < cols; ++col) {
      const float value = draw(random, values);
      if (dtype == DType::kFloat32) {
        all.row<float>(row)[col] = value;
      } else {
        all.row<BFloat16>(row)[col] = to_bfloat16(value);
      }
    }
  }
  return buffer;
}

float value_at(ConstRows rows, int64_t row, int64_t col) {
  return rows.dtype == DType::kFloat32 ? rows.row<float>(row)[col] : to_float(rows.row<BFloat16>(row)[col]);
}

PackedMatrix pack(ConstRows source) {
  PackedMatrix packed(source.dtype, source.rows, source.cols);
  packed.pack_rows(source, 0);
  return packed;
}

std::vector<uint32_t> bits_of(ConstRows rows, int64_t row) {
  std::vector<uint32_t> bits(static_cast<size_t>(rows.cols));
  for (int64_t col = 0; col < rows.cols; ++col) bits[col] = std::bit_cast<uint32_t>(value_at(rows, row, col));
  return bits;
}

struct Sum {
  double value = 0;
  double magnitude = 0;  // of the sum's terms
};

Sum double_sum(ConstRows x, int64_t row, const PackedMatrix& w, int64_t column) {
  Sum sum;
  for (int64_t i = 0; i < w.k(); ++i) {
    const double term = double{value_at(x, row, i)} * double{w.at(column, i)};
    sum.value += term;
    sum.magnitude += std::abs(term);
  }
  return sum;
}

void expect_close(float actual, double expected, double magnitude, double unit) {
  EXPECT_NEAR(actual, expected, magnitude * 4e-6 + std::abs(expected) * unit + 1e-30);
}

TEST(Matmul, AgreesWithDoubleSumsOverOddShapes) {
  ThreadTeam team(3);
  struct Shape {
    int64_t m, k, n;
  };
  const Shape shapes[] = {{0, 64, 64},  {1, 1, 1},      {1, 32, 32},   {2, 31, 33},   {5, 100, 7},
                          {13, 64, 96}, {16, 33, 40},   {17, 257, 64}, {33, 130, 50}, {50, 65, 65},
                          {70, 96, 31}, {250, 900, 40}, {3, 0, 20}};
  for (const TierCase& tier : all_tiers()) {
    for (const Shape& shape : shapes) {
      SCOPED_TRACE(fmt::format("{} m {} k {} n {}", tier.name, shape.m, shape.k, shape.n));
      std::mt19937 random(7);
      const RowsBuffer x = draw_rows(random, tier.dtype, shape.m, shape.k, Values::kNormal);
      const RowsBuffer source = draw_rows(random, tier.dtype, shape.n, shape.k, Values::kNormal);
      const PackedMatrix w = pack(source.first(shape.n));
      RowsBuffer y(DType::kFloat32, shape.m, shape.n);
      matmul_with(tier.tier, team, x.first(shape.m), w, y.first(shape.m), {});
      for (int64_t row = 0; row < shape.m; ++row) {
        for (int64_t col = 0; col < shape.n; ++col) {
          const Sum sum = double_sum(x.first(shape.m), row, w, col);
          expect_close(y.first(shape.m).row<float>(row)[col], sum.value, sum.magnitude, 0);
        }
      }
    }
  }
}

// The formulas of the models' papers and code, in double.
double gated_value(Epilogue::Kind kind, double gate, double up) {
  const auto sigmoid = [](double value) { return 1 / (1 + std::exp(-value)); };
  if (kind == Epilogue::Kind::kSiluMul) return gate * sigmoid(gate) * up;
  if (kind == Epilogue::Kind::kGeluMul) {
    constexpr double kSqrt2OverPi = 0.79788456080286535588;
    return 0.5 * gate * (1 + std::tanh(kSqrt2OverPi * (gate + 0.044715 * std::pow(gate, 3)))) * up;
  }
  const double limited = std::min(gate, 7.0);
  return limited * sigmoid(1.702 * limited) * (std::min(std::max(up, -7.0), 7.0) + 1);
}

TEST(Matmul, EpiloguesStoreAddAndGateWithBias) {
  ThreadTeam team(2);
  constexpr int64_t kK = 70;
  for (const TierCase& tier : all_tiers()) {
    // 15 and 7 rows make two blocks that share a row, in the tiers whose blocks have 12 rows, and 6 or 4.
    for (auto [rows, half] :
         {std::pair<int64_t, int64_t>{14, 16}, {14, 48}, {14, 37}, {15, 32}, {7, 32}, {3, 48}, {3, 37}}) {
      const int64_t n = 2 * half;
      std::mt19937 random(11);
      const RowsBuffer x_buffer = draw_rows(random, tier.dtype, rows, kK, Values::kNormal);
      const Rows x = x_buffer.first(rows);
      const RowsBuffer source = draw_rows(random, tier.dtype, n, kK, Values::kNormal);
      const PackedMatrix plain = pack(source.first(n));
      PackedMatrix gated(tier.dtype, n, kK);
      gated.pack_gate_up_rows(source.first(n).slice_rows(0, half), 0, false);
      gated.pack_gate_up_rows(source.first(n).slice_rows(half, half), 0, true);
      std::vector<float> bias(static_cast<size_t>(gated.num_panels() * PackedMatrix::kPanelCols));
      for (float& value : bias) value = draw(random, Values::kNormal);
      const auto packed_column = [](int64_t i, bool is_up) { return i / 16 * 32 + (is_up ? 16 : 0) + i % 16; };

      for (DType out : {DType::kFloat32, tier.dtype}) {
        SCOPED_TRACE(fmt::format("{} rows {} n {} to {}", tier.name, rows, n, dtype_name(out)));
        const double unit = out == DType::kBFloat16 ? 0x1p-8 : 1e-6;
        RowsBuffer stored(out, rows, n);
        matmul_with(tier.tier, team, x, plain, stored.first(rows), {.bias = bias});
        for (int64_t row = 0; row < rows; ++row) {
          for (int64_t col = 0; col < n; ++col) {
            const Sum sum = double_sum(x, row, plain, col);
            expect_close(value_at(stored.first(rows), row, col), sum.value + bias[col], sum.magnitude, unit);
          }
        }
        for (const Epilogue::Kind kind :
             {Epilogue::Kind::kSiluMul, Epilogue::Kind::kGeluMul, Epilogue::Kind::kClampedSwigluMul}) {
          RowsBuffer gated_out(out, rows, half);
          matmul_with(tier.tier, team, x, gated, gated_out.first(rows), {.kind = kind, .bias = bias});
          for (int64_t i = 0; i < rows * half; ++i) {
            const int64_t row = i / half;
            const int64_t col = i % half;
            const int64_t gate_col = packed_column(col, false);
            const int64_t up_col = packed_column(col, true);
            const Sum gate = double_sum(x, row, gated, gate_col);
            const Sum up = double_sum(x, row, gated, up_col);
            const double g = gate.value + bias[gate_col];
            const double u = up.value + bias[up_col];
            expect_close(value_at(gated_out.first(rows), row, col), gated_value(kind, g, u),
                         2 * (gate.magnitude * (std::abs(u) + 1) + up.magnitude * (std::abs(g) + 1)), unit);
          }
        }
      }

      RowsBuffer sums(DType::kFloat32, rows, n);
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t col = 0; col < n; ++col) sums.first(rows).row<float>(row)[col] = static_cast<float>(row - col);
      }
      matmul_with(tier.tier, team, x, plain, sums.first(rows), {.kind = Epilogue::Kind::kAdd});
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t col = 0; col < n; ++col) {
          const Sum sum = double_sum(x, row, plain, col);
          expect_close(sums.first(rows).row<float>(row)[col], sum.value + static_cast<double>(row - col),
                       sum.magnitude + 100, 0);
        }
      }
    }
  }
}

TEST(Matmul, WritesNothingBesideItsColumnsAndReadsNothingBesideItsRows) {
  ThreadTeam team(2);
  constexpr int64_t kRows = 7;
  constexpr int64_t kK = 45;
  constexpr int64_t kN = 41;
  for (const TierCase& tier : all_tiers()) {
    SCOPED_TRACE(tier.name);
    std::mt19937 random(3);
    RowsBuffer wide_x = draw_rows(random, tier.dtype, kRows, kK + 9, Values::kNormal);
    const Rows all_x = wide_x.first(kRows);
    for (int64_t row = 0; row < kRows; ++row) {  // NaN beyond the view
      for (int64_t col = kK; col < kK + 9; ++col) {
        std::memset(all_x.row_bytes(row) + col * dtype_bytes(tier.dtype), 0xff, dtype_bytes(tier.dtype));
      }
    }
    const PackedMatrix w = pack(draw_rows(random, tier.dtype, kN, kK, Values::kNormal).first(kN));
    RowsBuffer wide_y(DType::kFloat32, kRows, kN + 30);
    const Rows all_y = wide_y.first(kRows);
    for (int64_t row = 0; row < kRows; ++row) std::fill_n(all_y.row<float>(row), kN + 30, 123.0F);
    matmul_with(tier.tier, team, all_x.slice_cols(0, kK), w, all_y.slice_cols(10, kN), {});
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t col = 0; col < kN + 30; ++col) {
        const float value = all_y.row<float>(row)[col];
        if (col < 10 || col >= 10 + kN) {
          EXPECT_EQ(value, 123.0F);
        } else {
          EXPECT_FALSE(std::isnan(value));
        }
      }
    }
  }
}

// Compares a row computed alone by one thread with the same row in batches of every kind.
TEST(Matmul, ARowHasTheSameBitsInEveryBatch) {
  constexpr int64_t kMaxRows = 240;
  for (const TierCase& tier : all_tiers()) {
    for (Values values : {Values::kNormal, Values::kHarsh}) {
      for (auto [k, n] : {std::pair<int64_t, int64_t>{600, 70}, {97, 33}}) {
        SCOPED_TRACE(fmt::format("{}{} k {}", tier.name, values == Values::kHarsh ? " harsh" : "", k));
        std::mt19937 random(19);
        const RowsBuffer x_buffer = draw_rows(random, tier.dtype, kMaxRows, k, values);
        const PackedMatrix w = pack(draw_rows(random, tier.dtype, n, k, values).first(n));
        ThreadTeam one(1);
        RowsBuffer alone_buffer(DType::kFloat32, kMaxRows, n);
        const Rows alone = alone_buffer.first(kMaxRows);
        for (int64_t row = 0; row < kMaxRows; ++row) {
          matmul_with(tier.tier, one, x_buffer.first(kMaxRows).slice_rows(row, 1), w, alone.slice_rows(row, 1), {});
        }
        for (int threads : {1, 2, 4}) {
          ThreadTeam team(threads);
          for (int64_t rows : {2, 3, 4, 5, 6, 7, 12, 13, 16, 17, 31, 32, 33, 49, 75, 115, 240}) {
            const int64_t first = static_cast<int64_t>(random() % static_cast<uint32_t>(kMaxRows - rows + 1));
            RowsBuffer y(DType::kFloat32, rows, n);
            matmul_with(tier.tier, team, x_buffer.first(kMaxRows).slice_rows(first, rows), w, y.first(rows), {});
            for (int64_t row = 0; row < rows; ++row) {
              ASSERT_EQ(bits_of(y.first(rows), row), bits_of(alone, first + row))
                  << threads << " threads, row " << row << " of " << rows;
            }
          }
        }
      }
    }
  }
}

TEST(Matmul, AFusedEpilogueHasTheBitsOfSeparateSteps) {
  constexpr int64_t kRows = 20;
  constexpr int64_t kK = 128;
  constexpr int64_t kN = 64;
  ThreadTeam team(2);
  for (const TierCase& tier : all_tiers()) {
    SCOPED_TRACE(tier.name);
    std::mt19937 random(23);
    const RowsBuffer x = draw_rows(random, tier.dtype, kRows, kK, Values::kHarsh);
    const PackedMatrix w = pack(draw_rows(random, tier.dtype, kN, kK, Values::kHarsh).first(kN));
    RowsBuffer sums(DType::kFloat32, kRows, kN);
    RowsBuffer rounded(tier.dtype, kRows, kN);
    RowsBuffer added(DType::kFloat32, kRows, kN);
    matmul_with(tier.tier, team, x.first(kRows), w, sums.first(kRows), {});
    matmul_with(tier.tier, team, x.first(kRows), w, rounded.first(kRows), {});
    matmul_with(tier.tier, team, x.first(kRows), w, added.first(kRows), {.kind = Epilogue::Kind::kAdd});
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t col = 0; col < kN; ++col) {
        const float sum = value_at(sums.first(kRows), row, col);
        const float expected = tier.dtype == DType::kFloat32 ? sum : to_float(to_bfloat16(sum));
        EXPECT_EQ(std::bit_cast<uint32_t>(value_at(rounded.first(kRows), row, col)), std::bit_cast<uint32_t>(expected));
        EXPECT_EQ(value_at(added.first(kRows), row, col), sum + 0.0F);
      }
    }
  }
}

TEST(GroupedMatmul, EveryRowHasTheBitsOfAPlainProductWithItsExpertsMatrix) {
  constexpr int64_t kTokens = 40;
  constexpr int64_t kK = 96;
  constexpr int64_t kN = 100;
  for (const TierCase& tier : all_tiers()) {
    std::mt19937 random(29);
    const RowsBuffer x_buffer = draw_rows(random, tier.dtype, kTokens, kK, Values::kHarsh);
    const Rows x = x_buffer.first(kTokens);
    std::vector<PackedMatrix> w;
    for (int expert = 0; expert < 6; ++expert) {
      w.push_back(pack(draw_rows(random, tier.dtype, kN, kK, Values::kHarsh).first(kN)));
    }
    w[2] = PackedMatrix(tier.dtype, kN, kK);
    const std::vector<int32_t> offsets = {0, 1, 1, 1, 20, 22, 60};  // experts 1 and 2 have no rows
    std::vector<int32_t> sources(60);
    for (int32_t& source : sources) source = static_cast<int32_t>(random() % kTokens);
    for (int threads : {1, 3}) {
      ThreadTeam team(threads);
      for (bool is_indirect : {false, true}) {
        SCOPED_TRACE(fmt::format("{} {} {}", tier.name, is_indirect ? "indirect" : "direct", threads));
        RowsBuffer sorted(tier.dtype, 60, kK);
        for (int64_t row = 0; row < 60; ++row) {
          std::memcpy(sorted.first(60).row_bytes(row), x.row_bytes(sources[row]),
                      static_cast<size_t>(kK * dtype_bytes(tier.dtype)));
        }
        RowsBuffer y(DType::kFloat32, 60, kN);
        const ExpertRows expert_rows = {
            .offsets = offsets,
            .sources = is_indirect ? std::span<const int32_t>(sources) : std::span<const int32_t>()};
        grouped_matmul_with(tier.tier, team, is_indirect ? x : sorted.first(60), expert_rows, w, y.first(60), {});
        for (size_t expert = 0; expert < w.size(); ++expert) {
          for (int64_t row = offsets[expert]; row < offsets[expert + 1]; ++row) {
            RowsBuffer alone(DType::kFloat32, 1, kN);
            matmul_with(tier.tier, team, sorted.first(60).slice_rows(row, 1), w[expert], alone.first(1), {});
            ASSERT_EQ(bits_of(y.first(60), row), bits_of(alone.first(1), 0)) << "expert " << expert << " row " << row;
          }
        }
      }
    }
  }
}

// TDPBF16PS's order, written as plainly as possible: what the AMX tier must compute, on the hardware and emulated.
TEST(Matmul, TheAmxTierSumsEvenAndOddChainsOf32) {
  constexpr int64_t kRows = 37;
  constexpr int64_t kK = 150;
  constexpr int64_t kN = 45;
  std::vector<MatmulTier> tiers = {emulated_amx_bf16().plain};
  if (available_isas().back() == CpuIsa::kAmxBf16) tiers.push_back(tier_for(CpuIsa::kAmxBf16, DType::kBFloat16));
  for (const MatmulTier& tier : tiers) {
    std::mt19937 random(31);
    const RowsBuffer x = draw_rows(random, DType::kBFloat16, kRows, kK, Values::kHarsh);
    const PackedMatrix w = pack(draw_rows(random, DType::kBFloat16, kN, kK, Values::kHarsh).first(kN));
    ThreadTeam team(2);
    RowsBuffer y(DType::kFloat32, kRows, kN);
    matmul_with(tier, team, x.first(kRows), w, y.first(kRows), {});
    const FlushDenormals flush;
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t col = 0; col < kN; ++col) {
        float sum = 0;
        for (int64_t block = 0; block < kK; block += 32) {
          float chains[2] = {0, 0};
          for (int64_t i = block; i < std::min(block + 32, kK); ++i) {
            chains[i % 2] = std::fma(value_at(x.first(kRows), row, i), w.at(col, i), chains[i % 2]);
          }
          sum += chains[0] + chains[1];
        }
        ASSERT_EQ(std::bit_cast<uint32_t>(y.first(kRows).row<float>(row)[col]), std::bit_cast<uint32_t>(sum))
            << row << ", " << col;
      }
    }
  }
}

// Users of an AVX2 and an AVX-512 machine get the same text: the orders of sums were chosen to be the same.
TEST(Matmul, Avx2AndAvx512GiveTheSameBits) {
  const std::vector<CpuIsa> available = available_isas();
  constexpr int64_t kRows = 9;
  constexpr int64_t kK = 333;
  constexpr int64_t kN = 64;
  ThreadTeam team(1);
  for (DType dtype : {DType::kBFloat16, DType::kFloat32}) {
    std::mt19937 random(37);
    const RowsBuffer x = draw_rows(random, dtype, kRows, kK, Values::kHarsh);
    const PackedMatrix w = pack(draw_rows(random, dtype, kN, kK, Values::kHarsh).first(kN));
    RowsBuffer first(DType::kFloat32, kRows, kN);
    matmul(CpuIsa::kAvx2, team, x.first(kRows), w, first.first(kRows), {});
    for (CpuIsa isa : {CpuIsa::kAvx512, CpuIsa::kAvx512Bf16}) {
      if (std::find(available.begin(), available.end(), isa) == available.end()) continue;
      RowsBuffer second(DType::kFloat32, kRows, kN);
      matmul(isa, team, x.first(kRows), w, second.first(kRows), {});
      for (int64_t row = 0; row < kRows; ++row) {
        EXPECT_EQ(bits_of(first.first(kRows), row), bits_of(second.first(kRows), row))
            << isa_name(isa) << ", " << dtype_name(dtype);
      }
    }
  }
}

}  // namespace
}  // namespace braid::cpu
