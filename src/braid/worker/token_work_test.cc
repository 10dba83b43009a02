#include "braid/worker/token_work.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

ModelConfig layers_of(int32_t hidden, int32_t num_heads, int32_t num_kv_heads, int32_t ffn) {
  ModelConfig config;
  config.hidden = hidden;
  config.num_layers = 2;
  config.num_heads = num_heads;
  config.num_kv_heads = num_kv_heads;
  config.head_dim = 128;
  config.ffn = ffn;
  config.is_moe_layer = {false, false};
  return config;
}

TEST(TokenWork, TheLargerTheModelTheMorePositionsWeighAsMuchAsAToken) {
  EXPECT_EQ(positions_of_a_token(layers_of(1024, 16, 8, 3072)), 3840);     // Qwen3-0.6B's
  EXPECT_EQ(positions_of_a_token(layers_of(4096, 32, 8, 14336)), 26'624);  // Llama-3.1-8B's
}

TEST(TokenWork, OnlyTheExpertsOfATokenCount) {
  ModelConfig config = layers_of(1024, 16, 8, 3072);
  config.moe = {.num_experts = 64, .experts_per_token = 4, .expert_ffn = 512, .shared_ffn = 1024};
  config.is_moe_layer = {true, true};
  EXPECT_EQ(positions_of_a_token(config), 3840);
  config.moe.shared_ffn = 0;
  EXPECT_EQ(positions_of_a_token(config), 3072);
}

TEST(TokenWork, LayersWithAWindowHaveNoAttentionThatGrows) {
  ModelConfig config = layers_of(1024, 16, 8, 3072);
  config.layer_windows = {512, 0};
  EXPECT_EQ(positions_of_a_token(config), 2 * 3840);
  config.layer_windows = {512, 512};
  EXPECT_EQ(positions_of_a_token(config), kMaxInt32);
}

}  // namespace
}  // namespace braid
