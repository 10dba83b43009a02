// The reference definitions, checked against values worked out by hand.
#include "tests/support/kernels/attention_cases.h"

namespace braid::testing {
namespace {

Matrix matrix_of(const std::vector<std::vector<float>>& rows) {
  Matrix matrix(DType::kFloat32, static_cast<int64_t>(rows.size()), static_cast<int64_t>(rows[0].size()));
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy(rows[i].begin(), rows[i].end(), matrix.view.row<float>(static_cast<int64_t>(i)));
  }
  return matrix;
}

TEST(RefOps, RmsNormDividesByTheRootOfTheMeanSquare) {
  const Matrix x = matrix_of({{1, 7}});
  Matrix y(DType::kFloat32, 1, 2);
  make_ref_ops()->rms_norm(x.view, std::vector<float>{1, 10}, 0, y.view);
  EXPECT_FLOAT_EQ(y.at(0, 0), 0.2F);  // the mean of 1 and 49 is 25
  EXPECT_FLOAT_EQ(y.at(0, 1), 14.0F);
}

TEST(RefOps, RopeTurnsTheHalvesOfAHeadAgainstEachOther) {
  Matrix x = matrix_of({{1, 2, 3, 4}});
  const Matrix cos = matrix_of({{9, 9}, {0, 1}});
  const Matrix sin = matrix_of({{9, 9}, {1, 0}});
  make_ref_ops()->rope(x.view, 4, std::vector<int32_t>{1}, cos.view, sin.view);
  EXPECT_EQ(x.at(0, 0), -3);  // a quarter turn of (1, 3); (2, 4) stays
  EXPECT_EQ(x.at(0, 2), 1);
  EXPECT_EQ(x.at(0, 1), 2);
  EXPECT_EQ(x.at(0, 3), 4);
}

TEST(RefOps, AttentionWeighsValuesByTheSoftmaxOfScores) {
  const auto ops = make_ref_ops();
  const CacheShape shape = {.num_heads = 1, .num_kv_heads = 1, .head_dim = 8, .dtype = DType::kFloat32};
  const TestCache cache(shape, 1, 2, 1);
  const AttentionSequence sequence = cache.sequence(0, 0, 0, 2);
  const Matrix q = matrix_of({{1, 0, 0, 0, 0, 0, 0, 0}, {1, 0, 0, 0, 0, 0, 0, 0}});
  const Matrix k = matrix_of({{0, 0, 0, 0, 0, 0, 0, 0}, {std::log(3.0F), 0, 0, 0, 0, 0, 0, 0}});
  const Matrix v = matrix_of({{4, 0, 0, 0, 0, 0, 0, 8}, {8, 0, 0, 0, 0, 0, 0, 0}});
  Matrix out(DType::kFloat32, 2, 8);
  ops->write_kv(k.view, v.view, {&sequence, 1}, cache.layer());
  ops->paged_attention(q.view, {&sequence, 1}, cache.layer(), {.num_heads = 1, .scale = 1}, out.view);
  EXPECT_FLOAT_EQ(out.at(0, 0), 4);  // the first token sees only itself
  EXPECT_FLOAT_EQ(out.at(1, 0), 7);  // weights 1/4 and 3/4
  EXPECT_FLOAT_EQ(out.at(1, 7), 2);
  ops->paged_attention(q.view, {&sequence, 1}, cache.layer(), {.num_heads = 1, .scale = 1, .window = 1}, out.view);
  EXPECT_FLOAT_EQ(out.at(1, 0), 8);
}

TEST(RefOps, RouteNormalizesOverTheChosenExpertsOrOverAll) {
  const Matrix logits = matrix_of({{0, std::log(2.0F), std::log(5.0F)}});
  std::vector<int32_t> experts(2);
  std::vector<float> weights(2);
  make_ref_ops()->route(logits.view, 2, false, {.experts = experts, .weights = weights});
  EXPECT_EQ(experts, (std::vector<int32_t>{2, 1}));
  EXPECT_FLOAT_EQ(weights[0], 5.0F / 8);
  make_ref_ops()->route(logits.view, 2, true, {.experts = experts, .weights = weights});
  EXPECT_FLOAT_EQ(weights[0], 5.0F / 7);
  EXPECT_FLOAT_EQ(weights[1], 2.0F / 7);
}

TEST(RefOps, ProductsAddTheirBiasFirst) {
  PackedMatrix w(DType::kFloat32, 2, 3);
  w.pack_rows(matrix_of({{1, 2, 3}, {0, 1, 0}}).view, 0);
  const Matrix x = matrix_of({{1, 10, 100}});
  Matrix y = matrix_of({{1000, 1000}});
  const std::vector<float> bias = {0.5F, 0};
  make_ref_ops()->matmul(x.view, w, y.view, {.kind = Epilogue::Kind::kAdd, .bias = bias});
  EXPECT_EQ(y.at(0, 0), 1321.5F);
  EXPECT_EQ(y.at(0, 1), 1010);
}

}  // namespace
}  // namespace braid::testing
