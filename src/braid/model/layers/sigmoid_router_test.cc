#include "braid/model/layers/sigmoid_router.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "braid/kernels/make_ops.h"

namespace braid {
namespace {

struct Routed {
  std::vector<int32_t> experts;
  std::vector<float> weights;
};

Routed route(const MoeConfig& config, std::vector<float> logits, std::vector<float> correction) {
  const auto cols = static_cast<int64_t>(correction.size());
  const int64_t rows = static_cast<int64_t>(logits.size()) / cols;
  Routed routed;
  routed.experts.resize(static_cast<size_t>(rows * config.experts_per_token));
  routed.weights.resize(routed.experts.size());
  const auto ops = make_ref_ops();
  route_by_sigmoid(*ops, config, make_rows(std::as_const(logits).data(), rows, cols), correction,
                   {.experts = routed.experts, .weights = routed.weights});
  return routed;
}

float sigmoid(float x) {
  return 1.0F / (1.0F + std::exp(-x));
}

MoeConfig config_of(int32_t num_experts, int32_t top_k) {
  return {
      .num_experts = num_experts, .experts_per_token = top_k, .normalize_top_k = false, .router = MoeRouter::kSigmoid};
}

TEST(SigmoidRouter, TheCorrectionChoosesButDoesNotWeigh) {
  const Routed routed = route(config_of(4, 2), {1.0F, 0.5F, 0.0F, -1.0F}, {0.0F, 0.0F, 0.0F, 1.0F});
  EXPECT_EQ(routed.experts, (std::vector<int32_t>{3, 0}));
  EXPECT_EQ(routed.weights, (std::vector<float>{sigmoid(-1.0F), sigmoid(1.0F)}));
}

TEST(SigmoidRouter, TiesGoToTheLowestExpert) {
  EXPECT_EQ(route(config_of(5, 3), {2, 1, 2, 1, 1}, {0, 0, 0, 0, 0}).experts, (std::vector<int32_t>{0, 2, 1}));
}

TEST(SigmoidRouter, WeightsAreNormalizedAndScaled) {
  MoeConfig config = config_of(3, 2);
  config.normalize_top_k = true;
  config.routed_scale = 2.5F;
  const Routed routed = route(config, {3.0F, -2.0F, 1.0F, -200.0F, -200.0F, -200.0F}, {0, 0, 0});
  const float sum = sigmoid(3.0F) + sigmoid(1.0F);
  EXPECT_FLOAT_EQ(routed.weights[0], sigmoid(3.0F) / sum * 2.5F);
  EXPECT_FLOAT_EQ(routed.weights[1], sigmoid(1.0F) / sum * 2.5F);
  EXPECT_EQ(routed.weights[2], 0.0F);  // not NaN if all sigmoids are 0
}

TEST(SigmoidRouter, ALogitThatIsNanIsChosenLast) {
  const float none = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(route(config_of(4, 2), {none, -3, none, 1}, {5, 0, 0, 0}).experts, (std::vector<int32_t>{3, 1}));
  EXPECT_EQ(route(config_of(3, 2), {none, none, none}, {0, 0, 0}).experts, (std::vector<int32_t>{0, 1}));
}

// Expert group 1 has the best expert, but groups 0 and 2 have the better pairs. The best experts of these two are
// chosen.
TEST(SigmoidRouter, ExpertsComeFromTheBestExpertGroups) {
  MoeConfig config = config_of(9, 3);
  config.num_expert_groups = 3;
  config.expert_groups_per_token = 2;
  const Routed routed = route(config, {1, 2, 0, 3, -5, -5, 1.5F, -4, 1.2F}, std::vector<float>(9));
  EXPECT_EQ(routed.experts, (std::vector<int32_t>{1, 6, 8}));
  config.expert_groups_per_token = 3;
  EXPECT_EQ(route(config, {1, 2, 0, 3, -5, -5, 1.5F, -4, 1.2F}, std::vector<float>(9)).experts,
            (std::vector<int32_t>{3, 1, 6}));
}

}  // namespace
}  // namespace braid
