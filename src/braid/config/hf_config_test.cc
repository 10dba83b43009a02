#include <gtest/gtest.h>

#include "tests/support/config/hf_configs.h"

namespace braid {
namespace {

using testing::error_of;
using testing::expect_part;
using testing::read;
using testing::with;

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

TEST(HfConfig, ATextTowerHasItsOwnKeysAndTheCheckpointsTokens) {
  const auto config =
      read(with("Gemma3ForConditionalGeneration", R"("eos_token_id": [1, 106], "torch_dtype": "bfloat16",
      "text_config": {"hidden_size": 2560, "num_hidden_layers": 12, "sliding_window": 1024, "eos_token_id": 7,
                      "dtype": "float32", "rope_scaling": {"factor": 8.0, "rope_type": "linear"}},
      "vision_config": {"hidden_size": 1152, "image_size": 896, "patch_size": 14}, "mm_tokens_per_image": 256)"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_TRUE(config->is_text_tower);
  EXPECT_TRUE(config->sees_whole_images);
  EXPECT_EQ(config->hidden, 2560);
  EXPECT_EQ(config->num_heads, 8);
  EXPECT_EQ(config->layer_windows[4], 1024);
  EXPECT_EQ(config->layer_windows[5], 0);
  EXPECT_EQ(config->rope.factor, 8);
  ASSERT_TRUE(config->vision);
  EXPECT_EQ(config->vision->hidden, 1152);
  EXPECT_EQ(config->vision->out_hidden, 2560);
  EXPECT_EQ(config->eos_token_ids, (std::vector<TokenId>{1, 106}));
  EXPECT_TRUE(config->tie_embeddings);
  EXPECT_EQ(config->checkpoint_dtype, DType::kBFloat16);
  EXPECT_EQ(read(R"({"model_type": "gemma3", "text_config": {"num_hidden_layers": 3}})")->num_layers, 3);
  EXPECT_EQ(read(R"({"model_type": "gemma3"})")->num_layers, 26);
  EXPECT_FALSE(read(R"({"model_type": "gemma3_text"})")->is_text_tower);
  expect_part(error_of("Gemma3ForConditionalGeneration", R"("text_config": {"hidden_size": -1})"),
              "config.json: text_config: \"hidden_size\" is -1");
  expect_part(error_of("Gemma3ForConditionalGeneration", R"("text_config": 3)"), "\"text_config\"");
  expect_part(error_of("Gemma3ForConditionalGeneration", R"("quantization_config": {"quant_method": "awq"})"),
              "\"awq\"");
}

// Qwen2.5-VL as first published has its text's keys beside the others.
TEST(HfConfig, ATextTowersKeysMayBeFlat) {
  const auto flat = read(with("Qwen2_5_VLForConditionalGeneration", R"("hidden_size": 2048, "num_attention_heads": 16,
      "num_key_value_heads": 2, "tie_word_embeddings": true, "torch_dtype": "bfloat16",
      "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]})"));
  ASSERT_TRUE(flat.ok()) << flat.error().message;
  EXPECT_TRUE(flat->is_text_tower);
  EXPECT_EQ(flat->hidden, 2048);
  EXPECT_EQ(flat->num_kv_heads, 2);
  EXPECT_TRUE(flat->tie_embeddings);
  EXPECT_EQ(flat->checkpoint_dtype, DType::kBFloat16);
  const auto tied_in_text = read(with("Qwen2_5_VLForConditionalGeneration", R"("tie_word_embeddings": false,
      "text_config": {"hidden_size": 1024, "num_attention_heads": 8, "tie_word_embeddings": true})"));
  ASSERT_TRUE(tied_in_text.ok()) << tied_in_text.error().message;
  EXPECT_EQ(tied_in_text->hidden, 1024);
  EXPECT_TRUE(tied_in_text->tie_embeddings);
  EXPECT_FALSE(
      read(with("Qwen3VLForConditionalGeneration", R"("text_config": {"tie_word_embeddings": true})"))->tie_embeddings)
      << "its class asks the whole checkpoint only";
}

TEST(HfConfig, NullKvHeadsMeansAsManyAsHeads) {
  EXPECT_EQ(read(with("MixtralForCausalLM", R"("num_key_value_heads": null)"))->num_kv_heads, 32);
}

TEST(HfConfig, SparseLayersFollowStepAndList) {
  const auto config = read(with("Qwen3MoeForCausalLM",
                                R"("num_hidden_layers": 6, "decoder_sparse_step": 2, "mlp_only_layers": [3, -1, 6])"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->is_moe_layer, (std::vector<bool>{false, true, false, false, false, true}));
}

TEST(HfConfig, ErrorsNameWhatIsAbsurdOrNotSupported) {
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

}  // namespace
}  // namespace braid
