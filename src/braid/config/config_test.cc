#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "braid/config/hf_config.h"
#include "braid/config/model_path.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

Result<ModelConfig> read(std::string_view text) {
  const auto json = parse_json(text);
  CHECK(json.ok(), "{}", json.error().message);
  return read_hf_config(*json);
}

std::string with(std::string_view architecture, std::string_view rest) {
  return fmt::format(R"({{"architectures": ["{}"]{}{}}})", architecture, rest.empty() ? "" : ", ", rest);
}

std::string error_of(std::string_view architecture, std::string_view rest) {
  const auto config = read(with(architecture, rest));
  return config.ok() ? "" : config.error().message;
}

void expect_part(const std::string& text, std::string_view part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << " should say " << part;
}

// Values of transformers 5.23's configuration classes.
TEST(HfConfig, AbsentKeysHaveTransformersDefaults) {
  const auto qwen3 = read(with("Qwen3ForCausalLM", ""));
  ASSERT_TRUE(qwen3.ok()) << qwen3.error().message;
  EXPECT_EQ(qwen3->vocab_size, 151936);
  EXPECT_EQ(qwen3->hidden, 4096);
  EXPECT_EQ(qwen3->ffn, 22016);
  EXPECT_EQ(qwen3->num_kv_heads, 32);
  EXPECT_EQ(qwen3->head_dim, 128);
  EXPECT_EQ(qwen3->max_position, 32768);
  EXPECT_EQ(qwen3->rope.theta, 10000);
  EXPECT_FALSE(qwen3->tie_embeddings);
  EXPECT_TRUE(qwen3->eos_token_ids.empty());
  EXPECT_FALSE(qwen3->checkpoint_dtype.has_value());

  const auto llama = read(with("LlamaForCausalLM", R"("num_attention_heads": 64)"));
  ASSERT_TRUE(llama.ok()) << llama.error().message;
  EXPECT_EQ(llama->num_kv_heads, 64);
  EXPECT_EQ(llama->head_dim, 64);
  EXPECT_EQ(llama->max_position, 2048);
  EXPECT_EQ(llama->eos_token_ids, std::vector<TokenId>{2});
  EXPECT_EQ(llama->bos_token_id, 1);

  const auto moe = read(with("Qwen3MoeForCausalLM", ""));
  ASSERT_TRUE(moe.ok()) << moe.error().message;
  EXPECT_EQ(moe->num_layers, 24);
  EXPECT_EQ(moe->num_kv_heads, 4);
  EXPECT_EQ(moe->head_dim, 64);
  EXPECT_EQ(moe->moe.num_experts, 128);
  EXPECT_EQ(moe->moe.experts_per_token, 8);
  EXPECT_EQ(moe->moe.expert_ffn, 768);
  EXPECT_FALSE(moe->moe.normalize_top_k);

  const auto qwen2_moe = read(with("Qwen2MoeForCausalLM", ""));
  ASSERT_TRUE(qwen2_moe.ok()) << qwen2_moe.error().message;
  EXPECT_EQ(qwen2_moe->num_heads, 16);
  EXPECT_EQ(qwen2_moe->moe.num_experts, 60);
  EXPECT_EQ(qwen2_moe->moe.shared_ffn, 5632);
  EXPECT_TRUE(qwen2_moe->qkv_bias);
  EXPECT_FALSE(qwen2_moe->output_bias);
  EXPECT_FALSE(read(with("Qwen2MoeForCausalLM", R"("qkv_bias": false)"))->qkv_bias);

  const auto qwen2 = read(with("Qwen2ForCausalLM", R"("attention_bias": false)"));  // which its class does not read
  ASSERT_TRUE(qwen2.ok()) << qwen2.error().message;
  EXPECT_TRUE(qwen2->qkv_bias);
  EXPECT_FALSE(qwen2->output_bias);
  EXPECT_EQ(qwen2->head_dim, 128);

  const auto mixtral = read(with("MixtralForCausalLM", ""));
  ASSERT_TRUE(mixtral.ok()) << mixtral.error().message;
  EXPECT_EQ(mixtral->rope.theta, 1e6);
  EXPECT_EQ(mixtral->norm_eps, 1e-5F);
  EXPECT_EQ(mixtral->moe.num_experts, 8);
  EXPECT_EQ(mixtral->moe.expert_ffn, 14336);
  EXPECT_TRUE(mixtral->moe.normalize_top_k);
  EXPECT_TRUE(mixtral->is_moe_layer.back());
}

TEST(HfConfig, AbsentKeysOfLaterFamiliesHaveTransformersDefaults) {
  const auto olmo2 = read(with("Olmo2ForCausalLM", ""));
  ASSERT_TRUE(olmo2.ok()) << olmo2.error().message;
  EXPECT_EQ(olmo2->norm_eps, 1e-5F);
  EXPECT_EQ(olmo2->eos_token_ids, std::vector<TokenId>{50279});

  const auto granite = read(with("GraniteForCausalLM", R"("residual_multiplier": 0.22)"));
  ASSERT_TRUE(granite.ok()) << granite.error().message;
  EXPECT_EQ(granite->residual_multiplier, 0.22F);
  EXPECT_EQ(granite->attention_scale, 1.0F);  // not 1 / sqrt(head_dim)
  EXPECT_EQ(granite->embedding_multiplier, 1.0F);
  EXPECT_EQ(granite->logits_divisor, 1.0F);

  const auto smollm3 = read(with("SmolLM3ForCausalLM", R"("num_hidden_layers": 5)"));
  ASSERT_TRUE(smollm3.ok()) << smollm3.error().message;
  EXPECT_TRUE(smollm3->tie_embeddings);
  EXPECT_EQ(smollm3->rope.theta, 2e6);
  EXPECT_EQ(smollm3->has_rope, (std::vector<bool>{true, true, true, false, true}));
  EXPECT_EQ(read(with("SmolLM3ForCausalLM", R"("num_hidden_layers": 2, "no_rope_layers": [0, 1, 1])"))->has_rope,
            (std::vector<bool>{false, true}));

  const auto phi3 = read(with("Phi3ForCausalLM", R"("partial_rotary_factor": 0.75, "num_attention_heads": 24)"));
  ASSERT_TRUE(phi3.ok()) << phi3.error().message;
  EXPECT_EQ(phi3->head_dim, 128);
  EXPECT_EQ(phi3->rotary_dim(), 96);
  EXPECT_EQ(phi3->num_kv_heads, 24);

  const auto glm = read(with("Glm4MoeForCausalLM", R"("head_dim": 128, "num_nextn_predict_layers": 1,
      "attention_bias": true, "n_shared_experts": 2)"));
  ASSERT_TRUE(glm.ok()) << glm.error().message;
  EXPECT_EQ(glm->rotary_dim(), 64);
  EXPECT_TRUE(glm->qkv_bias);
  EXPECT_FALSE(glm->output_bias);
  EXPECT_EQ(glm->moe.router, MoeRouter::kSigmoid);
  EXPECT_EQ(glm->moe.shared_ffn, 2816);
  EXPECT_TRUE(glm->moe.normalize_top_k);
  EXPECT_FALSE(glm->is_moe_layer.front());
  EXPECT_TRUE(glm->is_moe_layer[1]);
  ASSERT_EQ(glm->notes.size(), 1U);
  expect_part(glm->notes.front(), "next-token-prediction layer is not used");
}

TEST(HfConfig, AbsentKeysOfGptOssHaveTransformersDefaults) {
  const auto config = read(with("GptOssForCausalLM", R"("num_hidden_layers": 3)"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->vocab_size, 201088);
  EXPECT_EQ(config->hidden, 2880);
  EXPECT_EQ(config->num_heads, 64);
  EXPECT_EQ(config->num_kv_heads, 8);
  EXPECT_EQ(config->head_dim, 64);
  EXPECT_EQ(config->max_position, 131072);
  EXPECT_EQ(config->norm_eps, 1e-5F);
  EXPECT_EQ(config->moe.num_experts, 128);
  EXPECT_EQ(config->moe.experts_per_token, 4);
  EXPECT_EQ(config->moe.expert_ffn, 2880);
  EXPECT_EQ(config->is_moe_layer, std::vector<bool>(3, true));
  EXPECT_EQ(config->layer_windows, (std::vector<int32_t>{128, 0, 128}));
  EXPECT_TRUE(config->qkv_bias);
  EXPECT_TRUE(config->output_bias);
  EXPECT_FALSE(config->tie_embeddings);
  EXPECT_EQ(config->rope.kind, RopeConfig::Kind::kYarn);
  EXPECT_EQ(config->rope.theta, 150000);
  EXPECT_EQ(config->rope.factor, 32);
  EXPECT_EQ(config->rope.original_max_position, 4096);
  EXPECT_FALSE(config->rope.truncates_range);
  EXPECT_NEAR(config->rope.attention_factor, 1.3465736, 1e-6);  // 0.1 ln 32 + 1

  EXPECT_FALSE(read(with("GptOssForCausalLM", R"("attention_bias": false)"))->output_bias);
  EXPECT_EQ(read(with("GptOssForCausalLM", R"("rope_parameters": {}, "rope_theta": 10000)"))->rope.kind,
            RopeConfig::Kind::kDefault);
  EXPECT_EQ(read(with("GptOssForCausalLM", R"("rope_scaling": null, "rope_theta": 10000)"))->rope.kind,
            RopeConfig::Kind::kYarn);
  EXPECT_TRUE(read(with("GptOssForCausalLM", R"("quantization_config": {"quant_method": "mxfp4",
      "modules_to_not_convert": ["lm_head"]}, "swiglu_limit": 7.0, "swiglu_alpha": 1.702)"))
                  .ok());
}

TEST(HfConfig, AbsentKeysOfGemmaHaveTransformersDefaults) {
  const auto gemma2 = read(with("Gemma2ForCausalLM", ""));
  ASSERT_TRUE(gemma2.ok()) << gemma2.error().message;
  EXPECT_EQ(gemma2->vocab_size, 256000);
  EXPECT_EQ(gemma2->hidden, 2304);
  EXPECT_EQ(gemma2->ffn, 9216);
  EXPECT_EQ(gemma2->num_layers, 26);
  EXPECT_EQ(gemma2->num_heads, 8);
  EXPECT_EQ(gemma2->num_kv_heads, 4);
  EXPECT_EQ(gemma2->head_dim, 256);
  EXPECT_EQ(gemma2->max_position, 8192);
  EXPECT_EQ(gemma2->norm_eps, 1e-6F);
  EXPECT_EQ(gemma2->rope.theta, 1e4);
  EXPECT_TRUE(gemma2->tie_embeddings);
  EXPECT_FALSE(gemma2->qkv_bias);
  EXPECT_EQ(gemma2->eos_token_ids, std::vector<TokenId>{1});
  EXPECT_EQ(gemma2->bos_token_id, 2);
  EXPECT_EQ(gemma2->attention_scale, 0.0625F);
  EXPECT_EQ(gemma2->attention_soft_cap, 50);
  EXPECT_EQ(gemma2->logits_soft_cap, 30);
  EXPECT_EQ(gemma2->embedding_multiplier, 48);
  EXPECT_EQ(gemma2->norm_offset, 1);
  EXPECT_EQ(gemma2->layer_windows[0], 4096);
  EXPECT_EQ(gemma2->layer_windows[1], 0);
  EXPECT_TRUE(gemma2->has_local_rope.empty());

  const auto gemma3 = read(with("Gemma3ForCausalLM", ""));
  ASSERT_TRUE(gemma3.ok()) << gemma3.error().message;
  EXPECT_EQ(gemma3->vocab_size, 262208);
  EXPECT_EQ(gemma3->head_dim, 256);
  EXPECT_EQ(gemma3->num_kv_heads, 4);
  EXPECT_EQ(gemma3->max_position, 131072);
  EXPECT_EQ(gemma3->rope.theta, 1e6);
  EXPECT_EQ(gemma3->local_rope.theta, 1e4);
  EXPECT_EQ(gemma3->attention_soft_cap, 0);
  EXPECT_EQ(gemma3->logits_soft_cap, 0);
  for (int32_t layer = 0; layer < gemma3->num_layers; ++layer) {
    EXPECT_EQ(gemma3->layer_windows[static_cast<size_t>(layer)], layer % 6 == 5 ? 0 : 4096);
    EXPECT_EQ(gemma3->uses_local_rope(layer), layer % 6 != 5);
  }
}

TEST(HfConfig, GemmasSoftCapsMayBeNone) {
  const auto gemma2 =
      read(with("Gemma2ForCausalLM", R"("attn_logit_softcapping": null, "final_logit_softcapping": 12.5)"));
  ASSERT_TRUE(gemma2.ok()) << gemma2.error().message;
  EXPECT_EQ(gemma2->attention_soft_cap, 0);
  EXPECT_EQ(gemma2->logits_soft_cap, 12.5F);
  const auto gemma3 =
      read(with("Gemma3ForCausalLM", R"("attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0)"));
  ASSERT_TRUE(gemma3.ok()) << gemma3.error().message;
  EXPECT_EQ(gemma3->attention_soft_cap, 0);
  EXPECT_EQ(gemma3->logits_soft_cap, 30);
  ASSERT_EQ(gemma3->notes.size(), 1U);
  expect_part(gemma3->notes.front(), "attn_logit_softcapping is not used");
  expect_part(error_of("Gemma2ForCausalLM", R"("final_logit_softcapping": 0)"), "above 0, or null");
  expect_part(error_of("Gemma2ForCausalLM", R"("attn_logit_softcapping": -1)"), "above 0, or null");
  expect_part(error_of("Gemma2ForCausalLM", R"("query_pre_attn_scalar": 0)"), "above 0");
  expect_part(error_of("Gemma3ForCausalLM", R"("use_bidirectional_attention": true)"), "sees no later tokens");
  expect_part(error_of("Gemma2ForCausalLM", R"("hidden_activation": "silu")"), "must be \"gelu_pytorch_tanh\"");
  EXPECT_EQ(error_of("Gemma2ForCausalLM", R"("hidden_act": "silu")"), "") << "a key that its class does not read";
}

TEST(HfConfig, BothNotationsOfTwoRopesAreRead) {
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

TEST(HfConfig, ATextPartHasItsOwnKeysAndTheWholesTokens) {
  const auto config =
      read(with("Gemma3ForConditionalGeneration", R"("eos_token_id": [1, 106], "torch_dtype": "bfloat16",
      "text_config": {"hidden_size": 2560, "num_hidden_layers": 12, "sliding_window": 1024, "eos_token_id": 7,
                      "dtype": "float32", "rope_scaling": {"factor": 8.0, "rope_type": "linear"}},
      "vision_config": {"hidden_size": 1152}, "mm_tokens_per_image": 256)"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_TRUE(config->is_text_part);
  EXPECT_EQ(config->hidden, 2560);
  EXPECT_EQ(config->num_heads, 8);
  EXPECT_EQ(config->layer_windows[4], 1024);
  EXPECT_EQ(config->layer_windows[5], 0);
  EXPECT_EQ(config->rope.factor, 8);
  EXPECT_EQ(config->eos_token_ids, (std::vector<TokenId>{1, 106}));
  EXPECT_TRUE(config->tie_embeddings);
  EXPECT_EQ(config->checkpoint_dtype, DType::kBFloat16);
  EXPECT_EQ(read(R"({"model_type": "gemma3", "text_config": {"num_hidden_layers": 3}})")->num_layers, 3);
  EXPECT_EQ(read(R"({"model_type": "gemma3"})")->num_layers, 26);
  EXPECT_FALSE(read(R"({"model_type": "gemma3_text"})")->is_text_part);
  expect_part(error_of("Gemma3ForConditionalGeneration", R"("text_config": {"hidden_size": -1})"),
              "config.json: text_config: \"hidden_size\" is -1");
  expect_part(error_of("Gemma3ForConditionalGeneration", R"("text_config": 3)"), "\"text_config\"");
  expect_part(error_of("Gemma3ForConditionalGeneration", R"("quantization_config": {"quant_method": "awq"})"),
              "\"awq\"");
}

TEST(HfConfig, NullKvHeadsMeansAsManyAsHeads) {
  EXPECT_EQ(read(with("MixtralForCausalLM", R"("num_key_value_heads": null)"))->num_kv_heads, 32);
}

TEST(HfConfig, BothNotationsOfTheRopeAreRead) {
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

TEST(HfConfig, ScaledRopesHaveTransformersDefaults) {
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

  // Longer than max_position_embeddings no request is, so that "dynamic" is the plain rope.
  const auto dynamic = read(with("LlamaForCausalLM", R"("rope_scaling": {"type": "dynamic", "factor": 2.0})"));
  ASSERT_TRUE(dynamic.ok()) << dynamic.error().message;
  EXPECT_EQ(dynamic->rope.kind, RopeConfig::Kind::kDefault);
  EXPECT_EQ(dynamic->max_position, 2048);
}

TEST(HfConfig, LongropeHasShortAndLongFactors) {
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

// Else some position's angle is infinite, and its cosine not a number.
TEST(HfConfig, WhatDividesTheRopesFrequenciesIsNeitherTooSmallNorTooLarge) {
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

TEST(HfConfig, SparseLayersFollowStepAndList) {
  const auto config = read(with("Qwen3MoeForCausalLM",
                                R"("num_hidden_layers": 6, "decoder_sparse_step": 2, "mlp_only_layers": [3, -1, 6])"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->is_moe_layer, (std::vector<bool>{false, true, false, false, false, true}));
}

TEST(HfConfig, WhatIsAbsurdOrNotSupportedIsNamed) {
  expect_part(error_of("PhiForCausalLM", ""), "\"PhiForCausalLM\" is not supported, these are: Qwen3ForCausalLM");
  expect_part(error_of("LlamaForCausalLM", R"("num_hidden_layers": 1000000000)"), "between 1 and 4096");
  expect_part(error_of("LlamaForCausalLM", R"("num_attention_heads": 0)"), "at least 1");
  expect_part(error_of("LlamaForCausalLM", R"("num_key_value_heads": 0)"),
              "key/value heads (num_key_value_heads) is 0");
  expect_part(error_of("LlamaForCausalLM", R"("num_key_value_heads": 5)"), "not a multiple of 5");
  expect_part(error_of("LlamaForCausalLM", R"("hidden_size": 9223372036854775808)"), "\"hidden_size\"");
  expect_part(error_of("LlamaForCausalLM", R"("hidden_size": -1)"), "\"hidden_size\" is -1");
  expect_part(error_of("LlamaForCausalLM", R"("hidden_size": "big")"), "must be an integer");
  expect_part(error_of("LlamaForCausalLM", R"("head_dim": 12)"), "multiple of 8");
  expect_part(error_of("LlamaForCausalLM", R"("head_dim": 0)"), "\"head_dim\"");
  expect_part(error_of("LlamaForCausalLM", R"("rms_norm_eps": -1)"), "epsilon");
  expect_part(error_of("LlamaForCausalLM", R"("rope_theta": 0)"), "rope_theta is 0");
  expect_part(error_of("LlamaForCausalLM", R"("eos_token_id": 32000)"), "the vocabulary has 32000");
  expect_part(error_of("LlamaForCausalLM", R"("eos_token_id": [2, "x"])"), "a token id, or a list");
  expect_part(error_of("LlamaForCausalLM", R"("hidden_act": "gelu")"), "\"hidden_act\" is \"gelu\"");
  expect_part(error_of("LlamaForCausalLM", R"("torch_dtype": "int8")"), "bfloat16, float16 or float32");
  expect_part(error_of("LlamaForCausalLM", R"("quantization_config": {"quant_method": "awq"})"), "\"awq\"");
  expect_part(error_of("LlamaForCausalLM", R"("rope_scaling": {"rope_type": "ntk", "factor": 4})"), "\"ntk\"");
  expect_part(error_of("LlamaForCausalLM", R"("rope_scaling": {"rope_type": "dynamic"})"), "\"factor\" is missing");
  expect_part(error_of("LlamaForCausalLM", R"("rope_scaling": {"rope_type": "yarn", "factor": 4, "beta_fast": 0.5})"),
              "beta_slow is 1 and beta_fast 0.5");
  expect_part(error_of("LlamaForCausalLM", R"("partial_rotary_factor": 0.5)"), "rotates whole heads");
  expect_part(error_of("Phi3ForCausalLM", R"("partial_rotary_factor": 1.5)"), "\"partial_rotary_factor\" is 1.5");
  expect_part(error_of("Phi3ForCausalLM", R"("rope_scaling": {"type": "longrope", "short_factor": [1, 2]})"),
              "48 numbers above 0");
  expect_part(error_of("SmolLM3ForCausalLM", R"("no_rope_layers": [1, 0])"), "\"no_rope_layers\" has 2 entries");
  expect_part(error_of("GraniteForCausalLM", R"("logits_scaling": 0)"), "logits_scaling is 0");
  expect_part(error_of("Glm4MoeForCausalLM", R"("head_dim": 128, "n_group": 3)"), "128 experts in 3 groups");
  expect_part(error_of("Glm4MoeForCausalLM", R"("head_dim": 128, "n_group": 32, "topk_group": 1)"),
              "8 experts come from 1 groups");
  expect_part(error_of("Glm4MoeForCausalLM", R"("head_dim": 128, "n_routed_experts": 0)"), "at least 1");
  expect_part(error_of("LlamaForCausalLM", R"("rope_scaling": {"rope_type": "linear"})"), "\"factor\" is missing");
  expect_part(error_of("LlamaForCausalLM", R"("rope_scaling": {"rope_type": "llama3", "factor": 8})"), "is missing");
  expect_part(error_of("Qwen3ForCausalLM", R"("num_hidden_layers": 2, "layer_types": ["full_attention", "sideways"])"),
              "or \"sliding_attention\" in every layer");
  expect_part(error_of("Qwen3ForCausalLM", R"("num_hidden_layers": 1, "layer_types": ["sliding_attention"])"),
              "where there is no sliding_window");
  expect_part(error_of("MixtralForCausalLM", R"("sliding_window": -1)"), "sliding_window");
  expect_part(error_of("MixtralForCausalLM", R"("num_experts_per_tok": 9)"), "between 1 and 8");
  expect_part(error_of("MixtralForCausalLM", R"("num_local_experts": 0)"), "at least 1");
  EXPECT_EQ(error_of("Qwen3ForCausalLM", R"("use_sliding_window": false, "sliding_window": 4096)"), "");
  EXPECT_EQ(error_of("MixtralForCausalLM", R"("sliding_window": null)"), "");
  expect_part(error_of("MistralForCausalLM", R"("num_hidden_layers": 2, "layer_types": ["sliding_attention",
      "full_attention"])"),
              "this class has its window in all");
  expect_part(error_of("Qwen2MoeForCausalLM", R"("shared_expert_intermediate_size": 0)"), "at least 1");
  expect_part(error_of("LlamaForCausalLM", R"("quantization_config": {"quant_method": "mxfp4"})"), "F32 are, and GGUF");
  expect_part(error_of("GptOssForCausalLM", R"("quantization_config": {"quant_method": "awq"})"), "and \"mxfp4\"");
  expect_part(error_of("GptOssForCausalLM", R"("swiglu_limit": 5.0)"), "\"swiglu_limit\" is 5.0, must be 7");
  expect_part(error_of("GptOssForCausalLM", R"("swiglu_alpha": 1.5)"), "\"swiglu_alpha\" is 1.5, must be 1.702");
  expect_part(error_of("GptOssForCausalLM", R"("num_local_experts": 0)"), "at least 1");
}

TEST(HfConfig, LayersHaveTheWindowsOfTheirClass) {
  const auto windows = [](std::string_view architecture, const std::string& keys) {
    const std::string rest = keys.empty() ? "" : ", " + keys;
    const auto config = read(with(architecture, R"("num_hidden_layers": 4, "max_position_embeddings": 1000)" + rest));
    EXPECT_TRUE(config.ok()) << config.error().message;
    return config.ok() ? config->layer_windows : std::vector<int32_t>{-1};
  };
  const std::vector<int32_t> none;
  const std::string used = R"("use_sliding_window": true, )";
  EXPECT_EQ(windows("MixtralForCausalLM", R"("sliding_window": 64)"), (std::vector<int32_t>{64, 64, 64, 64}));
  EXPECT_EQ(windows("MixtralForCausalLM", R"("sliding_window": null)"), none);
  EXPECT_EQ(windows("MixtralForCausalLM", R"("sliding_window": 1000)"), none) << "no position outgrows it";
  EXPECT_EQ(windows("LlamaForCausalLM", R"("sliding_window": 64)"), none) << "a key that its class does not read";
  EXPECT_EQ(windows("Qwen3MoeForCausalLM", R"("sliding_window": 64)"), none);
  EXPECT_EQ(windows("Qwen3MoeForCausalLM", used + R"("sliding_window": 64)"), (std::vector<int32_t>{64, 64, 64, 64}));
  EXPECT_EQ(windows("Qwen3ForCausalLM", used + R"("sliding_window": 64)"), none) << "from layer 28 on";
  EXPECT_EQ(windows("Qwen3ForCausalLM", used + R"("sliding_window": 64, "max_window_layers": 3)"),
            (std::vector<int32_t>{0, 0, 0, 64}));
  EXPECT_EQ(windows("Qwen3ForCausalLM", used + R"("sliding_window": 64, "max_window_layers": 3, "layer_types":
      ["sliding_attention", "full_attention", "sliding_attention", "full_attention"])"),
            (std::vector<int32_t>{64, 0, 64, 0}));
  EXPECT_EQ(windows("Qwen2ForCausalLM", R"("sliding_window": 64, "max_window_layers": 2)"), none);
  EXPECT_EQ(windows("Qwen2ForCausalLM", used + R"("sliding_window": 64, "max_window_layers": 2)"),
            (std::vector<int32_t>{0, 0, 64, 64}));
  EXPECT_EQ(windows("Qwen2MoeForCausalLM", used + R"("sliding_window": 64)"), (std::vector<int32_t>{64, 0, 64, 0}));
  EXPECT_EQ(windows("Qwen2MoeForCausalLM", used + R"("sliding_window": 64, "max_window_layers": 2)"),
            (std::vector<int32_t>{64, 0, 0, 0}));
  EXPECT_EQ(windows("Gemma2ForCausalLM", R"("sliding_window": 64)"), (std::vector<int32_t>{64, 0, 64, 0}));
  EXPECT_EQ(windows("Gemma2ForCausalLM", ""), none) << "its 4096 no position outgrows";
  EXPECT_EQ(windows("Gemma2ForCausalLM", R"("sliding_window": 64, "layer_types":
      ["full_attention", "full_attention", "sliding_attention", "full_attention"])"),
            (std::vector<int32_t>{0, 0, 64, 0}));
  EXPECT_EQ(windows("Gemma3ForCausalLM", R"("sliding_window": 64)"), (std::vector<int32_t>{64, 64, 64, 64}));
  EXPECT_EQ(windows("Gemma3ForCausalLM", R"("sliding_window": 64, "sliding_window_pattern": 2)"),
            (std::vector<int32_t>{64, 0, 64, 0}));
  const auto mistral = read(with("MistralForCausalLM", R"("num_hidden_layers": 2)"));
  EXPECT_EQ(mistral->layer_windows, (std::vector<int32_t>{4096, 4096})) << "by default";
  EXPECT_EQ(windows("MistralForCausalLM", ""), none) << "its 4096 no position outgrows";
  EXPECT_EQ(windows("MistralForCausalLM", R"("sliding_window": 64)"), (std::vector<int32_t>{64, 64, 64, 64}));
  EXPECT_EQ(windows("MistralForCausalLM", R"("sliding_window": null)"), none);
  EXPECT_EQ(windows("Phi3ForCausalLM", ""), none);
  EXPECT_EQ(windows("Phi3ForCausalLM", R"("sliding_window": 64)"), (std::vector<int32_t>{64, 64, 64, 64}));
  EXPECT_EQ(windows("SmolLM3ForCausalLM", R"("sliding_window": 64)"), none);
  EXPECT_EQ(windows("SmolLM3ForCausalLM", R"("use_sliding_window": true, "no_rope_layer_interval": 2)"), none);
  EXPECT_EQ(windows("SmolLM3ForCausalLM", used + R"("sliding_window": 64, "no_rope_layer_interval": 2)"),
            (std::vector<int32_t>{0, 64, 0, 64}));
}

TEST(GenerationConfig, GivesDefaultsAndEndTokens) {
  const auto json = parse_json(R"({"eos_token_id": [7, 9], "temperature": 0.6, "top_k": 20, "top_p": 0.95})");
  const auto defaults = read_generation_config(*json);
  ASSERT_TRUE(defaults.ok()) << defaults.error().message;
  EXPECT_EQ(defaults->eos_token_ids, (std::vector<TokenId>{7, 9}));
  EXPECT_EQ(defaults->top_k, 20);
  EXPECT_EQ(defaults->temperature, 0.6F);
  EXPECT_EQ(read_generation_config(*parse_json(R"({"do_sample": false, "temperature": 0.6})"))->temperature, 0.0F);
  expect_part(read_generation_config(*parse_json(R"({"top_p": 2})")).error().message,
              "generation_config.json: \"top_p\"");
}

TEST(ModelPath, FindsDirectoriesFilesAndTheHubsCache) {
  const testing::TemporaryFolder folder;
  const std::string root = folder.path().string();
  const std::string repository = root + "/hub/models--org--name";
  std::filesystem::create_directories(repository + "/snapshots/abc");
  std::filesystem::create_directories(repository + "/snapshots/def");
  std::filesystem::create_directories(repository + "/refs");
  std::ofstream(repository + "/refs/main") << "def\n";
  std::ofstream(root + "/model.gguf") << "x";
  EXPECT_EQ(resolve_model_path(root, {})->kind, ResolvedModel::Kind::kDirectory);
  EXPECT_EQ(resolve_model_path(root + "/model.gguf", {})->kind, ResolvedModel::Kind::kGguf);
  const ModelPathEnvironment by_home{.hf_home = root};
  EXPECT_EQ(resolve_model_path("org/name", by_home)->path, repository + "/snapshots/def");
  const ModelPathEnvironment by_cache{.hf_hub_cache = root + "/hub"};
  EXPECT_EQ(resolve_model_path("org/name", by_cache)->path, repository + "/snapshots/def");
  std::ofstream(repository + "/refs/main") << "../../..";
  expect_part(resolve_model_path("org/name", by_home).error().message, "does not name a snapshot");
  expect_part(resolve_model_path("org/other", by_home).error().message, "hf download org/other");
  expect_part(resolve_model_path(root + "/absent", {}).error().message, "no such directory");
  EXPECT_FALSE(resolve_model_path("../x", by_home).ok());
  EXPECT_FALSE(resolve_model_path("/dev/null", {}).ok());
}

TEST(ModelPath, ARevisionAndAVariantAreFoundInTheCache) {
  const testing::TemporaryFolder folder;
  const std::string commit = "0123456789abcdef0123456789abcdef01234567";
  const std::string snapshot = folder.path().string() + "/models--org--name/snapshots/" + commit;
  std::filesystem::create_directories(snapshot + "/big");
  std::filesystem::create_directories(folder.path() / "models--org--name/refs/refs/pr");
  std::ofstream(folder.path() / "models--org--name/refs/refs/pr/1") << commit;
  std::ofstream(snapshot + "/big/model-Q8_0-00001-of-00002.gguf") << "x";
  std::ofstream(snapshot + "/model-Q4_K_M.gguf") << "x";
  const ModelPathEnvironment environment{.hf_hub_cache = folder.path().string()};
  for (const std::string& name : {std::string("org/name"), "org/name@" + commit, std::string("org/name@refs/pr/1")}) {
    EXPECT_EQ(resolve_model_path(name, environment)->path, snapshot) << name;
    const auto file = resolve_model_path(name + ":Q4_K_M", environment);
    ASSERT_TRUE(file.ok()) << file.error().message;
    EXPECT_EQ(file->kind, ResolvedModel::Kind::kGguf);
    EXPECT_EQ(file->path, snapshot + "/model-Q4_K_M.gguf");
    EXPECT_EQ(resolve_model_path(name + ":Q8_0", environment)->path, snapshot + "/big/model-Q8_0-00001-of-00002.gguf");
  }
  expect_part(resolve_model_path("org/name:Q2_K", environment).error().message, "only for Q4_K_M, Q8_0");
  expect_part(resolve_model_path("org/name@v2", environment).error().message, "no complete snapshot of org/name@v2");
}

TEST(ModelPath, NamesFromAnIndexArePlain) {
  using namespace std::string_view_literals;
  for (const std::string_view name : {""sv, "."sv, ".."sv, "a/b"sv, "/a"sv, "a\0b"sv}) {
    EXPECT_FALSE(is_plain_file_name(name)) << name;
  }
  EXPECT_TRUE(is_plain_file_name("model-00001-of-00002.safetensors"));
}

}  // namespace
}  // namespace braid
