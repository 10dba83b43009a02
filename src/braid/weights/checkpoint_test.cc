#include "braid/weights/checkpoint.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "braid/hub/model_path.h"
#include "braid/weights/text_tower.h"
#include "tests/support/weights/written_checkpoint.h"

namespace braid {
namespace {

using testing::expected_values;
using testing::FixtureTensor;
using testing::ModelFixture;
using testing::open_written;
using testing::TemporaryFolder;

TEST(Checkpoint, EveryFixtureOpensWithTheValuesItWasWrittenFrom) {
  for (const std::string& name : testing::checkpoint_fixture_names()) {
    SCOPED_TRACE(name);
    const ModelFixture fixture = testing::read_model_fixture(name);
    const TemporaryFolder folder;
    const auto checkpoint = open_written(fixture, folder, 1);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    const bool has_stacked_experts = std::ranges::any_of(fixture.tensors, [](const FixtureTensor& one) {
      return one.name.find(".experts.gate_up_proj") != std::string::npos;
    });
    const bool is_text_tower = checkpoint->config().is_text_tower;
    if (!has_stacked_experts) {
      EXPECT_EQ(checkpoint->tensors().size(), fixture.tensors.size());
    }
    EXPECT_EQ(checkpoint->config().vocab_size, fixture.vocab);
    for (const FixtureTensor& expected : fixture.tensors) {
      if (is_text_tower && is_vision_tensor(expected.name)) continue;  // vision_tensors_test.cc
      if (has_stacked_experts && expected.name.find(".experts.") != std::string::npos) continue;
      const StoredTensor* const tensor =
          checkpoint->find(is_text_tower ? text_tower_name(expected.name) : expected.name);
      ASSERT_NE(tensor, nullptr) << expected.name;
      EXPECT_EQ(tensor->shape, expected.shape);
      std::vector<float> values(static_cast<size_t>(tensor->num_elements()));
      ASSERT_TRUE(tensor->read_rows(0, make_rows(values.data(), tensor->rows(), tensor->cols())).ok());
      EXPECT_EQ(values, expected_values(fixture, expected)) << expected.name;
    }
  }
}

TEST(Checkpoint, EveryGgufFixtureOpensWithHuggingFacesNames) {
  for (const std::string& name : testing::gguf_fixture_names()) {
    SCOPED_TRACE(name);
    const ModelFixture fixture = testing::read_model_fixture(name);
    const auto model = resolve_model_path(fixture.gguf().string(), {});
    ASSERT_TRUE(model.ok());
    EXPECT_EQ(model->kind, ResolvedModel::Kind::kGguf);
    const auto checkpoint = Checkpoint::open(*model);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    EXPECT_EQ(checkpoint->config().vocab_size, fixture.vocab);
    for (const auto& [tensor, stored] : checkpoint->tensors()) {
      EXPECT_TRUE(tensor.starts_with("model.") || tensor == "lm_head.weight") << tensor;
      EXPECT_TRUE(stored.is_usable());
    }
  }
}

}  // namespace
}  // namespace braid
