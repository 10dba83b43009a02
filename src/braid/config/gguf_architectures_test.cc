// A GGUF file of the architecture gpt-oss: its keys, and the facts that no key says.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "braid/config/gguf_config.h"
#include "tests/support/formats/gguf_writer.h"

namespace braid {
namespace {

constexpr uint32_t kFloatKey = 6;

// A file with metadata and an embedding of 32 tokens.
Result<ModelConfig> read_gpt_oss_file(uint32_t gating) {
  struct Key {
    std::string name;
    uint32_t value;
  };
  const std::vector<Key> keys = {{"embedding_length", 64},
                                 {"block_count", 3},
                                 {"attention.head_count", 2},
                                 {"context_length", 512},
                                 {"feed_forward_length", 96},
                                 {"expert_count", 8},
                                 {"expert_used_count", 2},
                                 {"expert_gating_func", gating},
                                 {"rope.scaling.original_context_length", 64},
                                 {"attention.sliding_window", 40}};
  testing::GgufWriter file;
  file.preamble(3, 1, keys.size() + 4).text("general.architecture").put<uint32_t>(8).text("gpt-oss");
  for (const Key& key : keys) file.number_key("gpt-oss." + key.name, key.value);
  file.text("gpt-oss.attention.layer_norm_rms_epsilon").put(kFloatKey).put(1e-5F);
  file.text("gpt-oss.rope.scaling.factor").put(kFloatKey).put(8.0F);
  file.text("gpt-oss.rope.scaling.type").put<uint32_t>(8).text("yarn");
  file.tensor("token_embd.weight", {64, 32}, 0, 0).data(size_t{32} * 64 * sizeof(float));
  TRY(const GgufFile gguf, GgufFile::parse(file.file()));
  return read_gguf_config(gguf);
}

TEST(GgufArchitectures, GptOssHasAWindowInEverySecondLayerAndARopeWhoseRangeIsNotRounded) {
  for (const uint32_t gating : {0, 3}) {
    const auto config = read_gpt_oss_file(gating);
    ASSERT_TRUE(config.ok()) << config.error().message;
    EXPECT_EQ(config->architecture, "GptOssForCausalLM");
    EXPECT_EQ(config->layer_windows, (std::vector<int32_t>{40, 0, 40}));
    EXPECT_EQ(config->rope.kind, RopeConfig::Kind::kYarn);
    EXPECT_FALSE(config->rope.truncates_range);
    EXPECT_EQ(config->moe.num_experts, 8);
    EXPECT_EQ(config->moe.experts_per_token, 2);
    EXPECT_EQ(config->moe.expert_ffn, 96) << "where no key says it, as wide as feed_forward_length";
    EXPECT_TRUE(config->moe.normalize_top_k);
    EXPECT_EQ(config->is_moe_layer, std::vector<bool>(3, true));
  }
}

TEST(GgufArchitectures, AnotherRouterOfGptOssIsRefused) {
  const auto refused = read_gpt_oss_file(2);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.error().message.find("expert_gating_func"), std::string::npos) << refused.error().message;
}

}  // namespace
}  // namespace braid
