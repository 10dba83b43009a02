// The router's choice and the return of the experts' outputs to tokens, in every tier.
#include "tests/support/kernels/every_tier.h"

namespace braid::testing {
namespace {

class RoutingOfTier : public EveryTier {
 protected:
  Device portable_{CpuIsa::kPortable, 1};
};
BRAID_FOR_EVERY_TIER(RoutingOfTier);

struct Chosen {
  Chosen(Ops& ops, ConstRows logits, int32_t top_k, bool normalize)
      : experts(static_cast<size_t>(logits.rows * top_k), -1), weights(static_cast<size_t>(logits.rows * top_k)) {
    ops.route(logits, top_k, normalize, {.experts = experts, .weights = weights});
  }
  std::vector<int32_t> experts;
  std::vector<float> weights;
};

TEST_P(RoutingOfTier, ChoosesWhatTheDefinitionChooses) {
  for (const int64_t num_experts : {1, 8, 33, 128}) {
    for (const int32_t top_k : {1, 2, 8}) {
      if (top_k > num_experts) continue;
      for (const bool normalize : {false, true}) {
        const Matrix logits = random_matrix(300, num_experts, 1, 4.0F);
        const Chosen expected(*ref_, logits.view, top_k, normalize);
        const Chosen actual(*three_.ops, logits.view, top_k, normalize);
        EXPECT_EQ(expected.experts, actual.experts);
        for (size_t i = 0; i < expected.weights.size(); ++i) {
          // logit - max rounds by up to 2^-20 where the two are 16 apart.
          ASSERT_NEAR(expected.weights[i], actual.weights[i], 3e-6 * expected.weights[i]) << num_experts << " " << i;
        }
      }
    }
  }
}

TEST_P(RoutingOfTier, TiesGoToTheLowestExpert) {
  Matrix logits(DType::kFloat32, 2, 16);
  logits.view.row<float>(1)[9] = 1;
  logits.view.row<float>(1)[4] = -0.0F;
  const Chosen chosen(*one_.ops, logits.view, 3, true);
  EXPECT_EQ(chosen.experts, (std::vector<int32_t>{0, 1, 2, 9, 0, 1}));
  EXPECT_EQ(chosen.weights[0], chosen.weights[2]);
}

TEST_P(RoutingOfTier, LogitsFarApartGiveWeightsOfZeroAndOne) {
  Matrix logits(DType::kFloat32, 1, 4);
  logits.view.row<float>(0)[2] = 1e30F;
  logits.view.row<float>(0)[0] = -1e30F;
  const Chosen chosen(*one_.ops, logits.view, 2, false);
  EXPECT_EQ(chosen.experts, (std::vector<int32_t>{2, 1}));
  EXPECT_EQ(chosen.weights, (std::vector<float>{1, 0}));
}

TEST_P(RoutingOfTier, HasTheSameBitsInEveryTierBatchAndTeam) {
  const Matrix logits = odd_matrix(700, 60, 2);
  const Chosen whole(*three_.ops, logits.view, 6, true);
  const Chosen portable(*portable_.ops, logits.view, 6, true);
  EXPECT_EQ(whole.weights, portable.weights);
  const Chosen single(*three_.ops, logits.view.slice_rows(123, 1), 6, true);
  for (size_t j = 0; j < 6; ++j) {
    EXPECT_EQ(single.experts[j], whole.experts[123 * 6 + j]);
    EXPECT_EQ(single.weights[j], whole.weights[123 * 6 + j]);
  }
}

TEST_P(RoutingOfTier, CombineSumsExpertsInOrder) {
  constexpr int32_t kTopK = 3;
  for (const int64_t cols : {1, 40, 1000}) {
    const Matrix x = random_matrix(90, cols, 3);
    std::vector<int32_t> rows(30 * kTopK);
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = i % 7 == 3 ? -1 : static_cast<int32_t>(i * 37 % 90);
    for (size_t i = 12; i < 15; ++i) rows[i] = -1;  // a token none of whose experts is on this rank
    const std::vector<float> weights = random_values(30 * kTopK, 4);
    Matrix expected(DType::kFloat32, 30, cols);
    Matrix actual = random_matrix(30, cols, 5);
    Matrix alone = random_matrix(30, cols, 6);
    ref_->combine(x.view, rows, weights, kTopK, expected.view);
    three_.ops->combine(x.view, rows, weights, kTopK, actual.view);
    portable_.ops->combine(x.view, rows, weights, kTopK, alone.view);
    EXPECT_LE(max_difference(expected, actual), 1e-6);
    EXPECT_TRUE(same_bits(actual.view, alone.view));
    for (int64_t col = 0; col < cols; ++col) EXPECT_EQ(actual.at(4, col), 0.0F);
  }
}

TEST_P(RoutingOfTier, NoTokensIsNoWork) {
  const Chosen none(*three_.ops, Matrix(DType::kFloat32, 0, 8).view, 2, true);
  EXPECT_TRUE(none.experts.empty());
  const Matrix nothing(DType::kFloat32, 0, 8);
  three_.ops->combine(nothing.view, {}, {}, 2, nothing.view);
}

}  // namespace
}  // namespace braid::testing
