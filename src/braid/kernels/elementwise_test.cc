// The elementwise operations of every tier. Those that are exact must equal the definition bit for bit.
#include <atomic>

#include "tests/support/kernels/every_tier.h"

namespace braid::testing {
namespace {

class Elementwise : public EveryTier {};
BRAID_FOR_EVERY_TIER(Elementwise);

constexpr float kDenormal = std::numeric_limits<float>::denorm_min();

TEST_P(Elementwise, ConvertRoundsToNearestEvenAndKeepsDenormals) {
  Matrix x = random_matrix(40, 1003, 1, 1e3F);
  const float special[] = {0.0F,        -0.0F,       kDenormal,    -kDenormal, kInfinity, -kInfinity,  kNan, 1e-39F,
                           1.00390625F, 1.01171875F, -1.00390625F, 3.4e38F,    -3.4e38F,  1.00390637F, 1.0F};
  std::copy(std::begin(special), std::end(special), x.view.row<float>(3) + 5);
  for (const int64_t rows : {0, 1, 40}) {
    Matrix expected(DType::kBFloat16, rows, 1003);
    Matrix actual(DType::kBFloat16, rows, 1003);
    ref_->convert(x.view.slice_rows(0, rows), expected.view);
    three_.ops->convert(x.view.slice_rows(0, rows), actual.view);
    EXPECT_TRUE(same_bits(expected.view, actual.view));

    Matrix wide_expected(DType::kFloat32, rows, 1003);
    Matrix wide(DType::kFloat32, rows, 1003);
    ref_->convert(expected.view, wide_expected.view);
    three_.ops->convert(actual.view, wide.view);
    EXPECT_TRUE(same_bits(wide_expected.view, wide.view));
  }
}

TEST_P(Elementwise, AddIsAddition) {
  for (const int64_t cols : {1, 33, 1500}) {
    const Matrix x = random_matrix(50, cols, 2);
    Matrix expected = random_matrix(50, cols, 3);
    Matrix actual = random_matrix(50, cols, 3);
    ref_->add(x.view, expected.view);
    three_.ops->add(x.view, actual.view);
    EXPECT_TRUE(same_bits(expected.view, actual.view)) << cols;
  }
  const Matrix none(DType::kFloat32, 0, 8);
  three_.ops->add(none.view, none.view);
}

TEST_P(Elementwise, EmbedCopiesRowsOfAnyDtype) {
  const Matrix table = random_matrix(20, 37, 4);
  const std::vector<TokenId> ids = {0, 19, 7, 7, 3};
  Matrix half(DType::kFloat16, 20, 37);
  for (int64_t row = 0; row < 20; ++row) {
    for (int64_t col = 0; col < 37; ++col)
      half.view.row<Float16>(row)[col].bits = static_cast<uint16_t>(row * 997 + col);
  }
  Matrix brain(DType::kBFloat16, 20, 37);
  ref_->convert(table.view, brain.view);
  for (const ConstRows source : {ConstRows(table.view), ConstRows(half.view), ConstRows(brain.view)}) {
    Matrix expected(DType::kFloat32, 5, 37);
    Matrix actual(DType::kFloat32, 5, 37);
    ref_->embed(ids, source, expected.view);
    three_.ops->embed(ids, source, actual.view);
    EXPECT_TRUE(same_bits(expected.view, actual.view)) << dtype_name(source.dtype);
  }
  three_.ops->embed({}, table.view, Matrix(DType::kFloat32, 0, 37).view);
}

// Over all that matters: from where the result is 0 to where it is x.
TEST_P(Elementwise, GeluEqualsTheDefinition) {
  Matrix x(DType::kFloat32, 3, 4001);
  for (int64_t col = 0; col < 4001; ++col) {
    x.view.row<float>(0)[col] = static_cast<float>(col - 2000) * 0.01F;
    x.view.row<float>(1)[col] = static_cast<float>(col - 2000) * 1e-4F;
    x.view.row<float>(2)[col] = static_cast<float>(col - 2000) * 1e15F;
  }
  const Device portable(CpuIsa::kPortable, 1);
  for (const GeluKind kind : {GeluKind::kTanh, GeluKind::kErf}) {
    for (const auto& [dtype, tolerance] : {std::pair{DType::kFloat32, 3e-7}, {DType::kBFloat16, 4e-3}}) {
      Matrix expected(dtype, 3, 4001);
      Matrix same(dtype, 3, 4001);
      Matrix actual(dtype, 3, 4001);
      ref_->gelu(x.view, kind, expected.view);
      three_.ops->gelu(x.view, kind, actual.view);
      portable.ops->gelu(x.view, kind, same.view);
      EXPECT_TRUE(same_bits(same.view, actual.view));
      for (int64_t row = 0; row < 3; ++row) {
        for (int64_t col = 0; col < 4001; ++col) {
          ASSERT_NEAR(actual.at(row, col), expected.at(row, col), tolerance * (0.1 + std::abs(expected.at(row, col))))
              << "of " << x.at(row, col);
        }
      }
    }
    Matrix in_place = random_matrix(5, 33, 7);
    Matrix apart(DType::kFloat32, 5, 33);
    one_.ops->gelu(in_place.view, kind, apart.view);
    one_.ops->gelu(in_place.view, kind, in_place.view);
    EXPECT_TRUE(same_bits(apart.view, in_place.view));
  }
}

// A gate and an up apart have the bits of their joined product.
TEST_P(Elementwise, GatedHasTheBitsOfGatedEpilogues) {
  constexpr int64_t kRows = 9;
  constexpr int64_t kFfn = 75;
  constexpr int64_t kHidden = 40;
  const Matrix x = random_matrix(kRows, kHidden, 30);
  const Matrix gate = random_matrix(kFfn, kHidden, 31, 2.0F);
  const Matrix up = random_matrix(kFfn, kHidden, 32, 2.0F);
  PackedMatrix joined(DType::kFloat32, 2 * kFfn, kHidden);
  joined.pack_gate_up_rows(gate.view, 0, false);
  joined.pack_gate_up_rows(up.view, 0, true);
  const auto product = [&](const Matrix& of) {
    PackedMatrix packed(DType::kFloat32, kFfn, kHidden);
    packed.pack_rows(of.view, 0);
    Matrix y(DType::kFloat32, kRows, kFfn);
    three_.ops->matmul(x.view, packed, y.view);
    return y;
  };
  const Matrix gates = product(gate);
  const Matrix ups = product(up);
  for (const Epilogue::Kind kind :
       {Epilogue::Kind::kSiluMul, Epilogue::Kind::kGeluMul, Epilogue::Kind::kClampedSwigluMul}) {
    const Matrix expected(DType::kFloat32, kRows, kFfn);
    three_.ops->matmul(x.view, joined, expected.view, {.kind = kind});
    const Matrix actual(DType::kFloat32, kRows, kFfn);
    three_.ops->gated(kind, gates.view, ups.view, actual.view);
    EXPECT_TRUE(same_bits(actual.view, expected.view));
    const Matrix defined(DType::kFloat32, kRows, kFfn);
    ref_->gated(kind, gates.view, ups.view, defined.view);
    for (int64_t row = 0; row < kRows; ++row) {
      for (int64_t i = 0; i < kFfn; ++i) {
        EXPECT_NEAR(actual.at(row, i), defined.at(row, i), 1e-5 * (1 + std::abs(defined.at(row, i))));
      }
    }
    const Matrix rounded(DType::kBFloat16, kRows, kFfn);
    three_.ops->gated(kind, gates.view, ups.view, rounded.view);
    const Matrix converted(DType::kBFloat16, kRows, kFfn);
    ref_->convert(actual.view, converted.view);
    EXPECT_TRUE(same_bits(rounded.view, converted.view));
  }
}

TEST_P(Elementwise, ParallelForCoversEverythingOnceWithDenormalsFlushed) {
  for (Device* device : {&one_, &three_}) {
    for (const int64_t count : {0, 1, 2, 5, 100}) {
      std::vector<std::atomic<int>> seen(static_cast<size_t>(count));
      std::atomic<int> not_flushed = 0;
      device->ops->parallel_for(count, [&](int64_t begin, int64_t end) {
        volatile float tiny = kDenormal;
        if (tiny * 2.0F != 0.0F) ++not_flushed;
        for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
      });
      for (const auto& times : seen) EXPECT_EQ(times, 1);
      EXPECT_EQ(not_flushed, 0);
    }
  }
}

TEST_P(Elementwise, OperationsAreNamedAfterTheirTier) {
  EXPECT_EQ(one_.ops->name(), isa_name(GetParam()));
  EXPECT_EQ(ref_->name(), "ref");
}

TEST_P(Elementwise, ProductsEqualTheDefinition) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    PackedMatrix w(dtype, 48, 40);
    w.pack_rows(random_matrix(48, 40, 6).view, 0);
    const Matrix source = random_matrix(7, 40, 7);
    Matrix x(dtype, 7, 40);
    ref_->convert(source.view, x.view);
    Matrix expected(DType::kFloat32, 7, 48);
    Matrix actual(DType::kFloat32, 7, 48);
    ref_->matmul(x.view, w, expected.view, {});
    three_.ops->matmul(x.view, w, actual.view, {});
    EXPECT_LE(max_difference(expected, actual), 1e-5);

    const std::vector<PackedMatrix> experts = [&] {
      std::vector<PackedMatrix> made;
      for (uint32_t i = 0; i < 3; ++i) {
        made.emplace_back(dtype, 64, 40);
        made.back().pack_gate_up_rows(random_matrix(32, 40, 8 + i).view, 0, false);
        made.back().pack_gate_up_rows(random_matrix(32, 40, 18 + i).view, 0, true);
      }
      return made;
    }();
    const std::vector<int32_t> offsets = {0, 4, 4, 9};
    const std::vector<int32_t> sources = {0, 2, 4, 6, 1, 2, 3, 5, 0};
    Matrix gated_expected(DType::kFloat32, 9, 32);
    Matrix gated(DType::kFloat32, 9, 32);
    const ExpertRows expert_rows = {.offsets = offsets, .sources = sources};
    ref_->grouped_matmul(x.view, expert_rows, experts, gated_expected.view, {.kind = Epilogue::Kind::kSiluMul});
    three_.ops->grouped_matmul(x.view, expert_rows, experts, gated.view, {.kind = Epilogue::Kind::kSiluMul});
    EXPECT_LE(max_difference(gated_expected, gated), 2e-4);

    std::vector<std::vector<float>> biases;
    for (uint32_t i = 0; i < 3; ++i) biases.push_back(random_values(64, 60 + i));
    const Epilogue biased{.kind = Epilogue::Kind::kClampedSwigluMul, .expert_biases = biases};
    ref_->grouped_matmul(x.view, expert_rows, experts, gated_expected.view, biased);
    three_.ops->grouped_matmul(x.view, expert_rows, experts, gated.view, biased);
    EXPECT_LE(max_difference(gated_expected, gated), 2e-4);
    Matrix unbiased(DType::kFloat32, 9, 32);
    ref_->grouped_matmul(x.view, expert_rows, experts, unbiased.view, {.kind = Epilogue::Kind::kClampedSwigluMul});
    EXPECT_GT(max_difference(gated_expected, unbiased), 0.1);
  }
}

TEST_P(Elementwise, SoftCapEqualsTheDefinition) {
  for (const float cap : {0.5F, 30.0F}) {
    for (const int64_t cols : {1, 7, 64, 100}) {
      const Matrix source = random_matrix(5, cols, 3, 20.0F);
      Matrix expected(DType::kFloat32, 5, cols);
      Matrix actual(DType::kFloat32, 5, cols);
      ref_->convert(source.view, expected.view);
      three_.ops->convert(source.view, actual.view);
      ref_->soft_cap(expected.view, cap);
      three_.ops->soft_cap(actual.view, cap);
      EXPECT_LE(max_difference(expected, actual), 1e-6 * cap);
      Matrix alone(DType::kFloat32, 5, cols);
      one_.ops->convert(source.view, alone.view);
      one_.ops->soft_cap(alone.view.slice_rows(2, 1), cap);
      EXPECT_TRUE(same_bits(alone.view.slice_rows(2, 1), actual.view.slice_rows(2, 1)));
    }
  }
  Matrix extremes(DType::kFloat32, 1, 3);
  extremes.view.row<float>(0)[0] = 1e30F;
  extremes.view.row<float>(0)[1] = -1e30F;
  extremes.view.row<float>(0)[2] = std::numeric_limits<float>::quiet_NaN();
  three_.ops->soft_cap(extremes.view, 30.0F);
  EXPECT_EQ(extremes.at(0, 0), 30.0F);
  EXPECT_EQ(extremes.at(0, 1), -30.0F);
  EXPECT_TRUE(std::isnan(extremes.at(0, 2)));
}

}  // namespace
}  // namespace braid::testing
