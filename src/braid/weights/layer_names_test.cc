#include "braid/weights/layer_names.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(LayerNames, NamesOfCompressedTensorsAreExactOrRegularExpressions) {
  const QuantizationConfig config{
      .method = "compressed-tensors",
      .schemes = {{.bits = 8, .targets = {"re:.*down_proj", "model.layers.1.mlp.up_proj"}}, {.bits = 4}},
      .ignored = {"lm_head", "re:.*mlp.gate$", "re:visual.*", "mlp.down_proj"},
      .notes = {}};
  const auto names = LayerNames::make(config);
  ASSERT_TRUE(names.ok()) << names.error().message;
  const auto bits_of = [&](const char* layer) {
    const QuantizationScheme* const scheme = names->scheme_of(layer);
    return scheme == nullptr ? 0 : scheme->bits;
  };
  EXPECT_EQ(bits_of("lm_head"), 0);
  EXPECT_EQ(bits_of("model.lm_head"), 4);
  EXPECT_EQ(bits_of("model.layers.0.mlp.gate"), 0);
  EXPECT_EQ(bits_of("model.layers.0.mlp.gate_proj"), 4);
  EXPECT_EQ(bits_of("visual.blocks.0"), 0);
  EXPECT_EQ(bits_of("model.visual.blocks.0"), 4);  // a regular expression matches the beginning
  EXPECT_EQ(bits_of("model.layers.0.mlp.down_proj"), 8);
  EXPECT_EQ(bits_of("model.layers.1.mlp.up_proj"), 8);
  EXPECT_EQ(bits_of("model.layers.11.mlp.up_proj"), 4);
  EXPECT_EQ(*names->ignored_by("visual.x"), "re:visual.*");
}

TEST(LayerNames, TheMostSpecificTargetOfCompressedTensorsHolds) {
  const QuantizationConfig config{.method = "compressed-tensors",
                                  .schemes = {{.bits = 4},
                                              {.bits = 5, .targets = {"re:.*down_proj"}},
                                              {.bits = 6, .targets = {"re:.*2.mlp.*"}},
                                              {.bits = 8, .targets = {"model.layers.1.mlp.down_proj"}}},
                                  .ignored = {},
                                  .notes = {}};
  const auto names = LayerNames::make(config);
  ASSERT_TRUE(names.ok()) << names.error().message;
  EXPECT_EQ(names->scheme_of("model.layers.0.mlp.up_proj")->bits, 4);
  EXPECT_EQ(names->scheme_of("model.layers.0.mlp.down_proj")->bits, 5);
  EXPECT_EQ(names->scheme_of("model.layers.1.mlp.down_proj")->bits, 8);
  EXPECT_EQ(names->scheme_of("model.layers.2.mlp.down_proj")->bits, 6);  // ".*2" is before ".*d"
}

TEST(LayerNames, TheFirstPatternOfGptqHolds) {
  const QuantizationConfig config{.method = "gptq",
                                  .schemes = {{.bits = 8, .targets = {"re:.*2.mlp.*"}},
                                              {.targets = {"re:.*mlp.down.*"}, .is_excluded = true},
                                              {.bits = 5, .targets = {"re:.*_proj"}},
                                              {.bits = 4}},
                                  .ignored = {},
                                  .notes = {}};
  const auto names = LayerNames::make(config);
  ASSERT_TRUE(names.ok()) << names.error().message;
  EXPECT_EQ(names->scheme_of("model.layers.2.mlp.down_proj")->bits, 8);
  EXPECT_EQ(names->scheme_of("model.layers.1.mlp.down_proj"), nullptr);
  EXPECT_EQ(*names->ignored_by("model.layers.1.mlp.down_proj"), "re:.*mlp.down.*");
  EXPECT_EQ(names->scheme_of("model.layers.1.mlp.up_proj")->bits, 5);
  EXPECT_EQ(names->scheme_of("lm_head")->bits, 4);
  EXPECT_EQ(names->ignored_by("lm_head"), nullptr);
}

TEST(LayerNames, OtherListsHavePartsOfNames) {
  const QuantizationConfig config{.method = "awq",
                                  .schemes = {{}},
                                  .ignored = {"gate", "layers.1", "model.layers.*.self_attn", "lm_head"},
                                  .notes = {}};
  const auto names = LayerNames::make(config);
  ASSERT_TRUE(names.ok());
  for (const char* const ignored : {"model.layers.0.mlp.gate", "model.layers.1.mlp.up_proj", "lm_head",
                                    "model.layers.7.self_attn.q_proj", "model.layers.7.self_attn"}) {
    EXPECT_EQ(names->scheme_of(ignored), nullptr) << ignored;
  }
  for (const char* const converted : {"model.layers.0.mlp.gate_proj", "model.layers.11.mlp.up_proj",
                                      "model.layers.0.mlp.shared_gate", "model.lm_heads"}) {
    EXPECT_NE(names->scheme_of(converted), nullptr) << converted;
  }
}

TEST(LayerNames, TooManyRegularExpressionsAreAnError) {
  QuantizationConfig config{
      .method = "compressed-tensors", .schemes = {{.targets = {"re:a"}}}, .ignored = {}, .notes = {}};
  config.ignored.assign(3000, "lm_head");
  config.ignored.insert(config.ignored.end(), 1999, "re:b");
  EXPECT_TRUE(LayerNames::make(config).ok());
  config.ignored.emplace_back("re:b");
  const auto names = LayerNames::make(config);
  ASSERT_FALSE(names.ok());
  EXPECT_EQ(names.error().message, "config.json: quantization_config has more than 2000 regular expressions");
}

TEST(LayerNames, ABadRegularExpressionIsAnError) {
  const QuantizationConfig config{.method = "compressed-tensors", .schemes = {{}}, .ignored = {"re:["}, .notes = {}};
  const auto names = LayerNames::make(config);
  ASSERT_FALSE(names.ok());
  EXPECT_TRUE(names.error().message.starts_with("config.json: quantization_config: ")) << names.error().message;
}

}  // namespace
}  // namespace braid
