// The rotary embedding's part of config.json.
#include <gtest/gtest.h>

#include <array>

#include "tests/support/config/hf_configs.h"

namespace braid {
namespace {

using testing::error_of;
using testing::expect_part;
using testing::read;
using testing::with;

TEST(HfRope, BothNotationsOfTwoRopesAreRead) {
  const auto old_one = read(with("Gemma3ForCausalLM", R"("rope_theta": 2e6, "rope_local_base_freq": 5e3,
      "rope_scaling": {"rope_type": "linear", "factor": 8.0})"));
  const auto new_one = read(with("Gemma3ForCausalLM", R"("rope_parameters": {
      "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 2e6},
      "sliding_attention": {"rope_type": "default", "rope_theta": 5e3}})"));
  for (const auto& config : {old_one, new_one}) {
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->rope.kind, RopeConfig::Kind::kLinear);
    EXPECT_EQ(config->rope.theta, 2e6);
    EXPECT_EQ(config->rope.factor, 8);
    EXPECT_EQ(config->local_rope.kind, RopeConfig::Kind::kDefault);
    EXPECT_EQ(config->local_rope.theta, 5e3);
  }
  const auto one_alone = read(with("Gemma3ForCausalLM", R"("rope_local_base_freq": 5e3, "rope_parameters": {
      "full_attention": {"rope_type": "default"}})"));
  ASSERT_TRUE(one_alone.ok()) << one_alone.error().message;
  EXPECT_EQ(one_alone->rope.theta, 1e6);
  EXPECT_EQ(one_alone->local_rope.theta, 5e3);
  expect_part(error_of("Gemma3ForCausalLM", R"("rope_parameters": {"rope_type": "default", "rope_theta": 1e6})"),
              "\"rope_type\" is not one of the dictionaries");
  expect_part(error_of("Gemma3ForCausalLM", R"("rope_parameters": {"sliding_attention": {"rope_type": "ntk"}})"),
              "\"ntk\" is not supported");
  expect_part(error_of("Gemma3ForCausalLM", R"("rope_local_base_freq": 0)"), "rope_theta is 0");
}

TEST(HfRope, BothNotationsOfTheRopeAreRead) {
  const auto old_one = read(with("LlamaForCausalLM", R"("rope_theta": 5e5, "rope_scaling": {"rope_type": "llama3",
      "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 4096})"));
  const auto new_one = read(with("LlamaForCausalLM", R"("rope_parameters": {"rope_type": "llama3", "rope_theta": 5e5,
      "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 4096})"));
  for (const auto& config : {old_one, new_one}) {
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->rope.kind, RopeConfig::Kind::kLlama3);
    EXPECT_EQ(config->rope.theta, 5e5);
    EXPECT_EQ(config->rope.factor, 8);
    EXPECT_EQ(config->rope.original_max_position, 4096);
  }
  const auto linear = read(with("LlamaForCausalLM", R"("rope_scaling": {"type": "linear", "factor": 2.5})"));
  EXPECT_EQ(linear->rope.kind, RopeConfig::Kind::kLinear);
  EXPECT_EQ(linear->rope.factor, 2.5);
}

TEST(HfRope, ScaledRopesHaveTransformersDefaults) {
  const auto yarn = read(with("Qwen2ForCausalLM", R"("max_position_embeddings": 32768, "rope_scaling": {"type": "yarn",
      "factor": 4.0, "original_max_position_embeddings": 8192})"));
  ASSERT_TRUE(yarn.ok()) << yarn.error().message;
  EXPECT_EQ(yarn->rope.kind, RopeConfig::Kind::kYarn);
  EXPECT_EQ(yarn->rope.original_max_position, 8192);
  EXPECT_EQ(yarn->rope.beta_fast, 32);
  EXPECT_EQ(yarn->rope.beta_slow, 1);
  EXPECT_TRUE(yarn->rope.truncates_range);
  EXPECT_NEAR(yarn->rope.attention_factor, 1.138629, 1e-6);  // 0.1 ln 4 + 1
  const auto mscale = read(with("Qwen2ForCausalLM", R"("rope_scaling": {"type": "yarn", "factor": 40, "mscale": 0.707,
      "mscale_all_dim": 1.0, "truncate": false, "beta_fast": 24})"));
  EXPECT_NEAR(mscale->rope.attention_factor, 1.2608046 / 1.3688879, 1e-6);
  EXPECT_EQ(mscale->rope.original_max_position, 32768);
  EXPECT_EQ(mscale->rope.beta_fast, 24);
  EXPECT_FALSE(mscale->rope.truncates_range);

  // No request is longer than max_position_embeddings, so "dynamic" is the plain rope.
  const auto dynamic = read(with("LlamaForCausalLM", R"("rope_scaling": {"type": "dynamic", "factor": 2.0})"));
  ASSERT_TRUE(dynamic.ok()) << dynamic.error().message;
  EXPECT_EQ(dynamic->rope.kind, RopeConfig::Kind::kDefault);
  EXPECT_EQ(dynamic->max_position, 2048);
}

TEST(HfRope, LongropeHasShortAndLongFactors) {
  const std::string keys = R"("hidden_size": 64, "num_attention_heads": 4, "max_position_embeddings": 131072,
      "rope_scaling": {"type": "su", "short_factor": [1, 1, 1.5, 2, 2, 2, 2, 2.5],
                       "long_factor": [1, 2, 3, 4, 5, 6, 7, 8]})";
  const auto phi3 = read(with("Phi3ForCausalLM", keys));
  ASSERT_TRUE(phi3.ok()) << phi3.error().message;
  EXPECT_EQ(phi3->rope.kind, RopeConfig::Kind::kLongRope);
  EXPECT_EQ(phi3->rope.frequency_factors, (std::vector<float>{1, 1, 1.5F, 2, 2, 2, 2, 2.5F}));
  EXPECT_NEAR(phi3->rope.attention_factor, 1.190238, 1e-6);  // sqrt(1 + ln 32 / ln 4096)
  EXPECT_EQ(phi3->rope.long_factors, (std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(phi3->max_position, 131072);
  EXPECT_EQ(phi3->long_rope_from(), 4096);
  EXPECT_EQ(read(with("Phi3ForCausalLM", ""))->long_rope_from(), 0);
}

// As published, and as transformers 5 saves it.
TEST(HfRope, MropeHasSectionsThatDivideAHead) {
  const auto qwen3 = read(with("Qwen3VLForConditionalGeneration", R"("text_config": {"rope_theta": 5e6, "rope_scaling":
      {"mrope_interleaved": true, "mrope_section": [26, 20, 18], "rope_type": "default"}})"));
  const auto qwen3_new = read(with("Qwen3VLForConditionalGeneration", R"("text_config": {"rope_parameters": {
      "mrope_interleaved": true, "mrope_section": [26, 20, 18], "rope_type": "default", "rope_theta": 5e6}})"));
  for (const auto& config : {qwen3, qwen3_new}) {
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->rope.kind, RopeConfig::Kind::kDefault);
    EXPECT_EQ(config->rope.theta, 5e6);
    EXPECT_EQ(config->rope.mrope_sections, (std::array<int32_t, 3>{26, 20, 18}));
    EXPECT_TRUE(config->rope.interleaves_mrope);
  }
  const auto qwen2 = read(with("Qwen2_5_VLForConditionalGeneration", R"("num_attention_heads": 64,
      "rope_scaling": {"type": "mrope", "mrope_section": [20, 24, 20]})"));
  ASSERT_TRUE(qwen2.ok()) << qwen2.error().message;
  EXPECT_EQ(qwen2->rope.kind, RopeConfig::Kind::kDefault);
  EXPECT_EQ(qwen2->rope.mrope_sections, (std::array<int32_t, 3>{20, 24, 20}));
  EXPECT_FALSE(qwen2->rope.interleaves_mrope);
  const auto yarn = read(with("Qwen2_5_VLForConditionalGeneration", R"("rope_scaling": {"type": "yarn", "factor": 4.0,
      "mrope_section": [16, 24, 24], "original_max_position_embeddings": 32768})"));
  ASSERT_TRUE(yarn.ok()) << yarn.error().message;
  EXPECT_EQ(yarn->rope.kind, RopeConfig::Kind::kYarn);
  EXPECT_TRUE(yarn->rope.has_mrope());
  EXPECT_FALSE(read(with("Qwen3ForCausalLM", ""))->rope.has_mrope());

  const auto error = [](std::string_view rope) {
    return error_of("Qwen3VLForConditionalGeneration", fmt::format(R"("text_config": {{"rope_scaling": {}}})", rope));
  };
  expect_part(error(R"({"mrope_section": [24, 20]})"), "\"mrope_section\" is [24,20], must be three numbers of pairs");
  expect_part(error(R"({"mrope_section": [24, 40, -1]})"), "must be three numbers of pairs");
  expect_part(error(R"({"mrope_section": [24, 20, 21]})"),
              "M-RoPE's sections (mrope_section) are [24, 20, 21], must add up to 64, half of a head's 128 rotated");
  expect_part(error(R"({"mrope_interleaved": false})"), "\"mrope_interleaved\" is false, must be true, as in every");
  expect_part(error(R"({"rope_type": "mrope2"})"), "\"mrope2\" is not supported");
  expect_part(error_of("Qwen2ForCausalLM", R"("rope_scaling": {"type": "mrope"})"), "\"mrope\" is not supported");
}

// Otherwise some position's angle is infinite, and its cosine NaN.
TEST(HfRope, FactorsThatAreTooSmallOrTooLargeAreRefused) {
  for (const std::string_view wrong : {"1e-7", "1e-300", "2e9", "1e39", "1e300"}) {
    for (const bool is_long : {false, true}) {
      const std::string rope = fmt::format(R"("hidden_size": 64, "num_attention_heads": 4, "rope_scaling": {{
          "type": "longrope", "short_factor": [1, 1, 1, 1, 1, 1, 1, {}], "long_factor": [1, 1, 1, 1, 1, 1, 1, {}]}})",
                                           is_long ? "1" : wrong, is_long ? wrong : "1");
      expect_part(error_of("Phi3ForCausalLM", rope), "must be between 1e-06 and 1000000000");
    }
    expect_part(
        error_of("LlamaForCausalLM", fmt::format(R"("rope_scaling": {{"rope_type": "linear", "factor": {}}})", wrong)),
        "must be between 1e-06 and 1000000000");
  }
  expect_part(error_of("LlamaForCausalLM", R"("rope_theta": 1e-7)"), "rope_theta is 1e-07, must be between 1e-06");
}

}  // namespace
}  // namespace braid
