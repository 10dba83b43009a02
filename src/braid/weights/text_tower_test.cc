#include "braid/weights/text_tower.h"

#include <gtest/gtest.h>

#include "tests/support/weights/written_checkpoint.h"

namespace braid {
namespace {

using testing::ModelFixture;
using testing::open_written;
using testing::TemporaryFolder;

TEST(TextTower, TensorsOfBothFormsHaveTheTextModelsNames) {
  EXPECT_EQ(text_tower_name("language_model.model.layers.0.mlp.up_proj.weight"), "model.layers.0.mlp.up_proj.weight");
  EXPECT_EQ(text_tower_name("model.language_model.embed_tokens.weight"), "model.embed_tokens.weight");
  EXPECT_EQ(text_tower_name("language_model.lm_head.weight"), "lm_head.weight");
  EXPECT_EQ(text_tower_name("lm_head.weight"), "lm_head.weight");
  EXPECT_TRUE(is_vision_tensor("vision_tower.vision_model.post_layernorm.bias"));
  EXPECT_TRUE(is_vision_tensor("model.vision_tower.vision_model.post_layernorm.bias"));
  EXPECT_TRUE(is_vision_tensor("multi_modal_projector.mm_soft_emb_norm.weight"));
  EXPECT_TRUE(is_vision_tensor("model.multi_modal_projector.mm_soft_emb_norm.weight"));
  EXPECT_TRUE(is_vision_tensor("visual.blocks.0.attn.qkv.weight"));
  EXPECT_TRUE(is_vision_tensor("model.visual.deepstack_merger_list.0.norm.weight"));
  EXPECT_FALSE(is_vision_tensor("model.layers.0.mlp.up_proj.weight"));
}

// In one file, or in several with an index, which has the stored names.
TEST(TextTower, UnusedTensorsAreReportedInOneLine) {
  for (const char* const name : {"gemma3_vision", "gemma3_vision_new_names"}) {
    for (const int num_shards : {1, 3}) {
      const ModelFixture fixture = testing::read_model_fixture(name);
      const TemporaryFolder folder;
      const auto checkpoint = open_written(fixture, folder, num_shards);
      ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
      EXPECT_EQ(checkpoint->config().notes,
                (std::vector<std::string>{"its vision part (23 tensors) is not used: text alone goes in"}));
    }
  }
}

}  // namespace
}  // namespace braid
