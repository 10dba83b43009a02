#include "braid/bench/latency/step_roofline.h"

#include <gtest/gtest.h>

#include "braid/model/registry.h"

namespace braid {
namespace {

ModelConfig small_config() {
  return {.architecture = "LlamaForCausalLM",
          .vocab_size = 100,
          .hidden = 8,
          .num_layers = 1,
          .num_heads = 2,
          .num_kv_heads = 1,
          .head_dim = 4,
          .ffn = 16,
          .is_moe_layer = {false}};
}

std::vector<WeightProduct> products_of(const ModelConfig& config, const std::optional<QuantizedFormat>& format) {
  const WeightTable table = find_family(config.architecture)->weights(config);
  return weight_products(table, config, DType::kBFloat16, ActivationBits::k8, [&](const WeightSpec& spec) {
    return matrix_use(spec.shard) == MatrixUse::kExact ? std::nullopt : format;
  });
}

StepWork bf16_work(const ModelConfig& config, KvDType kv_dtype, const StepPlan& plan, int64_t touched_experts) {
  return work_of_step(config, products_of(config, std::nullopt), kv_dtype, plan, touched_experts);
}

StepPlan one_sequence(int32_t first_position, size_t num_new) {
  SequencePlan sequence{.first_position = first_position, .samples = true};
  sequence.new_tokens.resize(num_new);
  StepPlan plan;
  plan.sequences.push_back(sequence);
  return plan;
}

TEST(StepRoofline, CountsEveryWeightOnceAndTheKeysAndValuesOfTheContext) {
  const StepWork work = bf16_work(small_config(), DType::kBFloat16, one_sequence(9, 1), 0);
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
  work.operations = {
      {.bytes = 4, .flops = 10}, {.bytes = 2, .flops = 50}, {.flops = 50, .arithmetic = Arithmetic::kFloat32}};
  EXPECT_DOUBLE_EQ(roofline_seconds(work, roofline), 2 + 5 + 10);
}

TEST(StepRoofline, EqualOperationsAreCountedAndHaveTheSameRoofline) {
  ModelConfig config = small_config();
  config.num_layers = 3;
  config.is_moe_layer = {false, false, false};
  const StepWork work = bf16_work(config, DType::kFloat32, one_sequence(9, 2), 0);
  const std::vector<CountedOperation> counted = count_operations(work);
  ASSERT_EQ(work.operations.size(), 25U);
  EXPECT_EQ(counted.size(), 5U);  // q and o, k and v, gate, up and down have equal sizes here; attention, and the head
  const Roofline roofline{.bf16_flops_per_s = 3, .f32_flops_per_s = 2, .read_bytes_per_s = 2};
  double bound_s = 0;
  for (const auto& [operation, count] : counted) {
    bound_s += static_cast<double>(count) * roofline.bound_s(operation.bytes, operation.flops, operation.arithmetic);
  }
  EXPECT_DOUBLE_EQ(bound_s, roofline_seconds(work, roofline));
}

TEST(StepRoofline, CountsQuantizedWeightsAsTheyArePackedBesideTheirOwnPeak) {
  ModelConfig config = small_config();
  config.hidden = 64;
  config.ffn = 96;
  config.head_dim = 32;
  const QuantizedFormat q4_0 = {.bits = 4, .fixed_zero = 8, .group = 32};
  const StepWork work = work_of_step(config, products_of(config, q4_0), DType::kBFloat16, one_sequence(0, 1), 0);
  double bytes = 0;
  for (const auto& operation : work.operations) {
    if (operation.arithmetic == Arithmetic::kFewBits) bytes += operation.bytes;
  }
  // Codes of 4 bits, and a scale of 16 bits for each 32 of them.
  const double weights = 64 * 64 + 2 * 32 * 64 + 64 * 64 + 3 * 96 * 64 + 100 * 64;
  EXPECT_EQ(bytes, weights * 4.5 / 8);
  const Roofline roofline{.bf16_flops_per_s = 1e9, .few_bits_ops_per_s = 1e3, .read_bytes_per_s = 1e9};
  EXPECT_NEAR(roofline_seconds(work, roofline), 2 * weights / 1e3, 1e-3);
}

TEST(StepRoofline, CountsOnlyTheExpertsThatWereTouched) {
  ModelConfig config = small_config();
  config.architecture = "Qwen3MoeForCausalLM";
  config.is_moe_layer = {true};
  config.moe = {.num_experts = 64, .experts_per_token = 2, .expert_ffn = 16};
  const auto bytes_with = [&](int64_t touched) {
    double bytes = 0;
    for (const auto& operation : bf16_work(config, DType::kBFloat16, one_sequence(0, 3), touched).operations) {
      bytes += operation.bytes;
    }
    return bytes;
  };
  EXPECT_EQ(bytes_with(5) - bytes_with(4), 2 * (32 * 8 + 8 * 16));
}

}  // namespace
}  // namespace braid
