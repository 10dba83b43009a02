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

  const auto mixtral = read(with("MixtralForCausalLM", ""));
  ASSERT_TRUE(mixtral.ok()) << mixtral.error().message;
  EXPECT_EQ(mixtral->rope.theta, 1e6);
  EXPECT_EQ(mixtral->norm_eps, 1e-5F);
  EXPECT_EQ(mixtral->moe.num_experts, 8);
  EXPECT_EQ(mixtral->moe.expert_ffn, 14336);
  EXPECT_TRUE(mixtral->moe.normalize_top_k);
  EXPECT_TRUE(mixtral->is_moe_layer.back());
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

TEST(HfConfig, SparseLayersFollowStepAndList) {
  const auto config =
      read(with("Qwen3MoeForCausalLM", R"("num_hidden_layers": 6, "decoder_sparse_step": 2, "mlp_only_layers": [3])"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->is_moe_layer, (std::vector<bool>{false, true, false, false, false, true}));
}

TEST(HfConfig, WhatIsAbsurdOrNotSupportedIsNamed) {
  expect_part(error_of("Qwen2ForCausalLM", ""), "\"Qwen2ForCausalLM\" is not supported, these are: Qwen3ForCausalLM");
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
  expect_part(error_of("LlamaForCausalLM", R"("rope_scaling": {"rope_type": "yarn", "factor": 4})"), "\"yarn\"");
  expect_part(error_of("LlamaForCausalLM", R"("rope_scaling": {"rope_type": "linear"})"), "\"factor\" is missing");
  expect_part(error_of("LlamaForCausalLM", R"("rope_scaling": {"rope_type": "llama3", "factor": 8})"), "is missing");
  expect_part(error_of("Qwen3ForCausalLM", R"("use_sliding_window": true, "max_window_layers": 0)"), "sliding-window");
  expect_part(error_of("MixtralForCausalLM", R"("sliding_window": 4096)"), "sliding-window");
  expect_part(error_of("MixtralForCausalLM", R"("num_experts_per_tok": 9)"), "between 1 and 8");
  expect_part(error_of("MixtralForCausalLM", R"("num_local_experts": 0)"), "at least 1");
  EXPECT_EQ(error_of("Qwen3ForCausalLM", R"("use_sliding_window": false, "sliding_window": 4096)"), "");
  EXPECT_EQ(error_of("MixtralForCausalLM", R"("sliding_window": null)"), "");
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
