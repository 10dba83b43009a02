#include "braid/weights/text_tower.h"

#include <gtest/gtest.h>

#include <fstream>

#include "braid/formats/input_file.h"
#include "braid/formats/json.h"
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

// In one file, or in several with an index, which has the stored names. Without a vision_config there is no tower.
TEST(TextTower, UnusedTensorsAreReportedInOneLine) {
  for (const char* const name : {"gemma3_vision", "gemma3_vision_new_names"}) {
    for (const int num_shards : {1, 3}) {
      const ModelFixture fixture = testing::read_model_fixture(name);
      const TemporaryFolder folder;
      write_checkpoint(fixture, folder.path(), {.num_shards = num_shards});
      const auto open = [&] { return Checkpoint::open(resolve_model_path(folder.path().string(), {}).value()); };
      const auto whole = open();
      ASSERT_TRUE(whole.ok()) << whole.error().message;
      EXPECT_TRUE(whole->config().vision);
      EXPECT_TRUE(whole->config().notes.empty());

      Json config = *parse_json(*read_text_file((folder.path() / "config.json").string(), 1 << 20));
      config.erase("vision_config");
      std::ofstream(folder.path() / "config.json") << config.dump();
      const auto checkpoint = open();
      ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
      EXPECT_EQ(checkpoint->config().notes,
                (std::vector<std::string>{"its vision part (23 tensors) is not used: text alone goes in"}));
    }
  }
}

TEST(TextTower, WithoutVisionTensorsThereIsNoTower) {
  ModelFixture fixture = testing::read_model_fixture("gemma3_vision");
  std::erase_if(fixture.tensors, [](const auto& tensor) { return is_vision_tensor(tensor.name); });
  const TemporaryFolder folder;
  const auto checkpoint = open_written(fixture, folder);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_FALSE(checkpoint->config().vision);
  EXPECT_EQ(checkpoint->config().notes,
            (std::vector<std::string>{"it has no tensors of its vision part: text alone goes in"}));
}

}  // namespace
}  // namespace braid
