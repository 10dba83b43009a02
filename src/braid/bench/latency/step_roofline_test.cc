#include "braid/bench/latency/step_roofline.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

ModelConfig small_config() {
  return {.vocab_size = 100,
          .hidden = 8,
          .num_layers = 1,
          .num_heads = 2,
          .num_kv_heads = 1,
          .head_dim = 4,
          .ffn = 16,
          .is_moe_layer = {false}};
}

StepPlan one_sequence(int32_t first_position, size_t num_new) {
  SequencePlan sequence{.first_position = first_position, .samples = true};
  sequence.new_tokens.resize(num_new);
  StepPlan plan;
  plan.sequences.push_back(sequence);
  return plan;
}

TEST(StepRoofline, CountsEveryWeightOnceAndTheKeysAndValuesOfTheContext) {
  const StepWork work = work_of_step(small_config(), DType::kBFloat16, DType::kBFloat16, one_sequence(9, 1), 0);
  double bytes = 0;
  double flops = 0;
  for (const auto& operation : work.operations) {
    bytes += operation.bytes;
    flops += operation.flops;
  }
  const double weights = 16 * 8 + 8 * 8 + 32 * 8 + 8 * 16 + 100 * 8;  // qkv, o, gate/up, down, head
  EXPECT_EQ(bytes, 2 * weights + 10 * (2 * 4 * 2));
  EXPECT_EQ(flops, 2 * weights + 4 * 8 * 10);
}

TEST(StepRoofline, TakesTheLongerOfBytesAndFlopsForEachOperationByItself) {
  const Roofline roofline{.bf16_flops_per_s = 10, .f32_flops_per_s = 5, .read_bytes_per_s = 2};
  StepWork work;
  work.operations = {{.bytes = 4, .flops = 10}, {.bytes = 2, .flops = 50}, {.flops = 50, .dtype = DType::kFloat32}};
  EXPECT_DOUBLE_EQ(roofline_seconds(work, roofline), 2 + 5 + 10);
}

TEST(StepRoofline, EqualOperationsAreCountedAndHaveTheSameRoofline) {
  ModelConfig config = small_config();
  config.num_layers = 3;
  config.is_moe_layer = {false, false, false};
  const StepWork work = work_of_step(config, DType::kBFloat16, DType::kFloat32, one_sequence(9, 2), 0);
  const std::vector<CountedOperation> counted = count_operations(work);
  ASSERT_EQ(work.operations.size(), 16U);
  EXPECT_EQ(counted.size(), 5U);  // a layer's qkv and down products have equal sizes here; and the head
  const Roofline roofline{.bf16_flops_per_s = 3, .f32_flops_per_s = 2, .read_bytes_per_s = 2};
  double bound_s = 0;
  for (const auto& [operation, count] : counted) {
    bound_s += static_cast<double>(count) * roofline.bound_s(operation.bytes, operation.flops, operation.dtype);
  }
  EXPECT_DOUBLE_EQ(bound_s, roofline_seconds(work, roofline));
}

TEST(StepRoofline, CountsOnlyTheExpertsThatWereTouched) {
  ModelConfig config = small_config();
  config.is_moe_layer = {true};
  config.moe = {.num_experts = 64, .experts_per_token = 2, .expert_ffn = 16};
  const auto bytes_with = [&](int64_t touched) {
    double bytes = 0;
    for (const auto& operation :
         work_of_step(config, DType::kBFloat16, DType::kBFloat16, one_sequence(0, 3), touched).operations) {
      bytes += operation.bytes;
    }
    return bytes;
  };
  EXPECT_EQ(bytes_with(5) - bytes_with(4), 2 * (32 * 8 + 8 * 16));
}

}  // namespace
}  // namespace braid
