// The defaults of keys that config.json leaves out.
#include <gtest/gtest.h>

#include <array>

#include "tests/support/config/hf_configs.h"

namespace braid {
namespace {

using testing::error_of;
using testing::expect_part;
using testing::read;
using testing::with;

// Values of transformers 5.23's configuration classes.
TEST(HfClasses, AbsentKeysHaveTransformersDefaults) {
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

  const auto qwen2 = read(with("Qwen2ForCausalLM", R"("attention_bias": false)"));  // ignored by this class
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

TEST(HfClasses, AbsentKeysOfLaterFamiliesHaveTransformersDefaults) {
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

TEST(HfClasses, AbsentKeysOfGptOssHaveTransformersDefaults) {
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

TEST(HfClasses, AbsentKeysOfGemmaHaveTransformersDefaults) {
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

TEST(HfClasses, AbsentKeysOfQwensVisionLanguageModelsHaveTransformersDefaults) {
  const auto qwen3 = read(with("Qwen3VLForConditionalGeneration", ""));
  ASSERT_TRUE(qwen3.ok()) << qwen3.error().message;
  EXPECT_EQ(qwen3->vocab_size, 151936);
  EXPECT_EQ(qwen3->hidden, 4096);
  EXPECT_EQ(qwen3->ffn, 22016);
  EXPECT_EQ(qwen3->num_kv_heads, 32);
  EXPECT_EQ(qwen3->head_dim, 128);
  EXPECT_EQ(qwen3->max_position, 128000);
  EXPECT_EQ(qwen3->rope.theta, 5e5);
  EXPECT_EQ(qwen3->rope.mrope_sections, (std::array<int32_t, 3>{24, 20, 20}));
  EXPECT_TRUE(qwen3->rope.interleaves_mrope);
  EXPECT_FALSE(qwen3->tie_embeddings);
  EXPECT_FALSE(qwen3->sees_whole_images);

  const auto moe = read(with("Qwen3VLMoeForConditionalGeneration", R"("text_config": {"norm_topk_prob": false})"));
  ASSERT_TRUE(moe.ok()) << moe.error().message;
  EXPECT_EQ(moe->hidden, 2048);
  EXPECT_EQ(moe->ffn, 5632);
  EXPECT_EQ(moe->num_layers, 24);
  EXPECT_EQ(moe->num_kv_heads, 16);
  EXPECT_EQ(moe->head_dim, 128);
  EXPECT_EQ(moe->moe.num_experts, 60);
  EXPECT_EQ(moe->moe.experts_per_token, 4);
  EXPECT_EQ(moe->moe.expert_ffn, 1408);
  EXPECT_TRUE(moe->moe.normalize_top_k) << "its class does so whatever the key says";
  EXPECT_FALSE(moe->tie_embeddings);
  expect_part(error_of("Qwen3VLMoeForConditionalGeneration", R"("text_config": {"num_experts": 0})"),
              "\"num_experts\" is 0, must be at least 1");

  const auto qwen2 = read(with("Qwen2_5_VLForConditionalGeneration", R"("text_config": {"use_sliding_window": true})"));
  ASSERT_TRUE(qwen2.ok()) << qwen2.error().message;
  EXPECT_EQ(qwen2->vocab_size, 152064);
  EXPECT_EQ(qwen2->hidden, 8192);
  EXPECT_EQ(qwen2->num_layers, 80);
  EXPECT_EQ(qwen2->num_kv_heads, 8);
  EXPECT_EQ(qwen2->max_position, 32768);
  EXPECT_EQ(qwen2->norm_eps, 1e-5F);
  EXPECT_EQ(qwen2->rope.theta, 1e6);
  EXPECT_EQ(qwen2->rope.mrope_sections, (std::array<int32_t, 3>{16, 24, 24}));
  EXPECT_FALSE(qwen2->rope.interleaves_mrope);
  EXPECT_TRUE(qwen2->qkv_bias);
  EXPECT_FALSE(qwen2->output_bias);
  EXPECT_TRUE(qwen2->layer_windows.empty()) << "max_window_layers is 80";
  EXPECT_EQ(qwen2->bos_token_id, 151643);
  EXPECT_EQ(qwen2->eos_token_ids, std::vector<TokenId>{151645});
}

}  // namespace
}  // namespace braid
