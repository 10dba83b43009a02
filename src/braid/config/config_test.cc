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

TEST(HfConfig, SparseLayersFollowStepAndList) {
  const auto config =
      read(with("Qwen3MoeForCausalLM", R"("num_hidden_layers": 6, "decoder_sparse_step": 2, "mlp_only_layers": [3])"));
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
}

TEST(HfConfig, LayersHaveTheWindowsOfTheirClass) {
  const auto windows = [](std::string_view architecture, const std::string& keys) {
    const auto config = read(with(architecture, R"("num_hidden_layers": 4, "max_position_embeddings": 1000, )" + keys));
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
  const auto mistral = read(with("MistralForCausalLM", R"("num_hidden_layers": 2)"));
  EXPECT_EQ(mistral->layer_windows, (std::vector<int32_t>{4096, 4096})) << "by default";
  EXPECT_EQ(windows("MistralForCausalLM", ""), none) << "its 4096 no position outgrows";
  EXPECT_EQ(windows("MistralForCausalLM", R"("sliding_window": 64)"), (std::vector<int32_t>{64, 64, 64, 64}));
  EXPECT_EQ(windows("MistralForCausalLM", R"("sliding_window": null)"), none);
  EXPECT_EQ(windows("Phi3ForCausalLM", ""), none);
  EXPECT_EQ(windows("Phi3ForCausalLM", R"("sliding_window": 64)"), (std::vector<int32_t>{64, 64, 64, 64}));
  EXPECT_EQ(windows("SmolLM3ForCausalLM", R"("sliding_window": 64)"), none);
  EXPECT_EQ(windows("SmolLM3ForCausalLM", used + R"("no_rope_layer_interval": 2)"), none);
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

TEST(ModelPath, NamesFromAnIndexArePlain) {
  using namespace std::string_view_literals;
  for (const std::string_view name : {""sv, "."sv, ".."sv, "a/b"sv, "/a"sv, "a\0b"sv}) {
    EXPECT_FALSE(is_plain_file_name(name)) << name;
  }
  EXPECT_TRUE(is_plain_file_name("model-00001-of-00002.safetensors"));
}

}  // namespace
}  // namespace braid
