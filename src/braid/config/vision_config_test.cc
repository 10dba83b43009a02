#include "braid/config/vision_config.h"

#include <gtest/gtest.h>

#include "tests/support/config/hf_configs.h"

namespace braid {
namespace {

using testing::expect_part;

Result<std::optional<VisionConfig>> read_vision(std::string_view architecture, std::string_view keys,
                                                int64_t text_hidden = 2048, int64_t vocab_size = 262208) {
  const auto json = parse_json(testing::with(architecture, keys));
  CHECK(json.ok(), "{}", json.error().message);
  const auto whole = JsonObject::of(*json, "config.json");
  return read_hf_vision_config(*whole, architecture, text_hidden, vocab_size);
}

std::string vision_error(std::string_view architecture, std::string_view vision_keys, std::string_view other = "") {
  const auto config = read_vision(
      architecture, fmt::format(R"("vision_config": {{{}}}{}{})", vision_keys, other.empty() ? "" : ", ", other));
  return config.ok() ? "" : config.error().message;
}

constexpr std::string_view kQwen3 = "Qwen3VLForConditionalGeneration";
constexpr std::string_view kQwen25 = "Qwen2_5_VLForConditionalGeneration";
constexpr std::string_view kGemma3 = "Gemma3ForConditionalGeneration";

// As published with Qwen3-VL-2B-Instruct.
constexpr std::string_view kQwen3Keys =
    R"("deepstack_visual_indexes": [5, 11, 17], "depth": 24, "hidden_act": "gelu_pytorch_tanh", "hidden_size": 1024,
       "in_channels": 3, "intermediate_size": 4096, "num_heads": 16, "num_position_embeddings": 2304,
       "out_hidden_size": 2048, "patch_size": 16, "spatial_merge_size": 2, "temporal_patch_size": 2)";

TEST(VisionConfig, Qwen3VlHasItsKeysAndTokens) {
  for (const std::string_view architecture : {kQwen3, std::string_view("Qwen3VLMoeForConditionalGeneration")}) {
    const auto config =
        read_vision(architecture, fmt::format(R"("image_token_id": 7, "vision_config": {{{}}})", kQwen3Keys));
    ASSERT_TRUE(config.ok()) << config.error().message;
    ASSERT_TRUE(config->has_value());
    const VisionConfig& vision = **config;
    EXPECT_EQ(vision.kind, VisionKind::kQwen3Vl);
    EXPECT_EQ(vision.depth, 24);
    EXPECT_EQ(vision.hidden, 1024);
    EXPECT_EQ(vision.head_dim(), 64);
    EXPECT_EQ(vision.ffn, 4096);
    EXPECT_EQ(vision.out_hidden, 2048);
    EXPECT_EQ(vision.patch_values(), 1536);
    EXPECT_EQ(vision.position_side, 48);
    EXPECT_EQ(vision.deepstack_blocks, (std::vector<int32_t>{5, 11, 17}));
    EXPECT_EQ(vision.activation, VisionActivation::kGeluTanh);
    EXPECT_EQ(vision.image_token, 7);
    EXPECT_EQ(vision.start_token, 151652);
    EXPECT_EQ(vision.end_token, 151653);
    EXPECT_EQ(vision.video_token, 151656);
    EXPECT_EQ(vision.num_tokens({.rows = 44, .cols = 70}), 770);
    EXPECT_TRUE(vision.reads_squares());
  }
}

TEST(VisionConfig, Qwen25VlHasFullAttentionInTheListedBlocks) {
  const auto config = read_vision(kQwen25, R"("vision_config": {"depth": 9, "hidden_size": 1280, "num_heads": 16,
      "out_hidden_size": 2048, "fullatt_block_indexes": [3, 7, 31], "in_chans": 3, "hidden_act": "silu"})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  const VisionConfig& vision = config->value();
  EXPECT_EQ(vision.kind, VisionKind::kQwen25Vl);
  EXPECT_EQ(vision.patch_size, 14);
  EXPECT_EQ(vision.window_size, 112);
  EXPECT_EQ(vision.has_full_attention,
            (std::vector<bool>{false, false, false, true, false, false, false, true, false}));
  EXPECT_EQ(vision.ffn, 3420);
  EXPECT_EQ(vision.position_side, 0);
  EXPECT_TRUE(vision.deepstack_blocks.empty());
  EXPECT_EQ(vision.normalisation, kClipNormalisation);
}

TEST(VisionConfig, Gemma3PoolsToTheTokensOfAnImage) {
  const auto config =
      read_vision(kGemma3, R"("mm_tokens_per_image": 256, "vision_config": {"hidden_size": 1152, "image_size": 896,
      "intermediate_size": 4304, "num_attention_heads": 16, "num_hidden_layers": 27, "patch_size": 14})");
  ASSERT_TRUE(config.ok()) << config.error().message;
  const VisionConfig& vision = config->value();
  EXPECT_EQ(vision.kind, VisionKind::kSiglip);
  EXPECT_EQ(vision.out_hidden, 2048);
  EXPECT_EQ(vision.position_side, 64);
  EXPECT_EQ(vision.merge_size, 4);
  EXPECT_EQ(vision.num_tokens({.rows = 64, .cols = 64}), 256);
  EXPECT_EQ(vision.image_token, 262144);
  EXPECT_EQ(vision.start_token, 255999);
  EXPECT_FALSE(vision.video_token);
  EXPECT_FALSE(vision.reads_squares());
}

TEST(VisionConfig, WithoutVisionConfigThereIsNoTower) {
  EXPECT_FALSE(read_vision(kQwen3, "")->has_value());
  EXPECT_FALSE(read_vision("LlamaForCausalLM", R"("vision_config": {"depth": 3})")->has_value());
  EXPECT_FALSE(testing::read(R"({"model_type": "gemma3"})")->vision);
  const auto gemma3 = testing::read(testing::with(
      kGemma3,
      R"("mm_tokens_per_image": 4, "vision_config": {"image_size": 64}, "text_config": {"hidden_size": 640})"));
  ASSERT_TRUE(gemma3.ok()) << gemma3.error().message;
  EXPECT_EQ(gemma3->vision->out_hidden, 640);
}

TEST(VisionConfig, ErrorsNameTheKeyAndWhatIsAllowed) {
  expect_part(vision_error(kQwen3, R"("out_hidden_size": 1024)"), "have 1024 values, the text's hidden_size is 2048");
  expect_part(vision_error(kQwen3, R"("out_hidden_size": 2048, "hidden_size": 1000)"), "multiple of 8 for each");
  expect_part(vision_error(kQwen3, R"("num_heads": 0)"),
              "heads (num_heads, num_attention_heads) is 0, must be between");
  expect_part(vision_error(kQwen3, R"("num_position_embeddings": 2300)"), "must be a square");
  expect_part(vision_error(kQwen3, R"("deepstack_visual_indexes": [27])"), "blocks below 27");
  expect_part(vision_error(kQwen3, R"("out_hidden_size": 2048, "deepstack_visual_indexes": [4, 4])"), "ascending");
  expect_part(vision_error(kQwen3, R"("hidden_act": "relu")"), "\"gelu_pytorch_tanh\" or \"gelu\"");
  expect_part(vision_error(kQwen3, R"("patch_size": [16, 16])"), "\"patch_size\"");
  expect_part(vision_error(kQwen3, R"("in_channels": 4)"), "must be 3");
  expect_part(vision_error(kQwen3, R"("depth": 1000000)"), "must be between 1 and 1024");
  expect_part(vision_error(kQwen3, R"("rope_parameters": {"rope_type": "yarn"})"), "must be \"axial\"");
  expect_part(vision_error(kQwen3, R"("out_hidden_size": 2048)", R"("image_token_id": 300000)"),
              "image_token_id is 300000, the vocabulary has 262208 tokens");
  expect_part(vision_error(kQwen25, R"("hidden_act": "gelu")"), "must be \"silu\"");
  expect_part(vision_error(kQwen25, R"("window_size": 20, "out_hidden_size": 2048)"), "must be at least 28");
  expect_part(vision_error(kQwen25, R"("fullatt_block_indexes": [-1])"), "at least 0");
  expect_part(vision_error(kGemma3, ""), "must be the square of a number that divides the 14 patches");
  expect_part(vision_error(kGemma3, R"("image_size": 8)"), "at least patch_size, which is 16");
  expect_part(vision_error(kGemma3, R"("image_size": 256, "layer_norm_eps": 0)"), "layer_norm_eps");
}

TEST(VisionConfig, GridsThatDoNotFitAreErrors) {
  VisionConfig qwen{.merge_size = 2};
  EXPECT_TRUE(check_grid(qwen, {.frames = 3, .rows = 2, .cols = 8}).ok());
  expect_part(check_grid(qwen, {.rows = 3, .cols = 8}).error().message, "multiples of 2");
  EXPECT_FALSE(check_grid(qwen, {.rows = 2, .cols = 0}).ok());
  VisionConfig siglip{.kind = VisionKind::kSiglip, .patch_size = 14, .merge_size = 4, .image_size = 896};
  EXPECT_TRUE(check_grid(siglip, {.rows = 64, .cols = 64}).ok());
  expect_part(check_grid(siglip, {.rows = 32, .cols = 64}).error().message, "must be 64 x 64");
}

}  // namespace
}  // namespace braid
