#include "braid/weights/load.h"

#include <gtest/gtest.h>

#include "tests/support/model_fixture.h"
#include "tests/support/seeded_weights.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

using testing::FixtureTensor;
using testing::ModelFixture;
using testing::TemporaryFolder;

// The values that the checkpoint was written from.
std::vector<float> expected_values(const ModelFixture& fixture, const FixtureTensor& tensor) {
  int64_t count = 1;
  for (const int64_t size : tensor.shape) count *= size;
  const auto bytes = testing::seeded_bytes(testing::seeded_key(fixture.seed, tensor.seeded_as), count, tensor.scale,
                                           tensor.offset, tensor.dtype);
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    const std::byte* const at = bytes.data() + i * dtype_bytes(tensor.dtype);
    if (tensor.dtype == DType::kFloat32) {
      values.push_back(*reinterpret_cast<const float*>(at));
    } else if (tensor.dtype == DType::kBFloat16) {
      values.push_back(to_float(*reinterpret_cast<const BFloat16*>(at)));
    } else {
      values.push_back(to_float(*reinterpret_cast<const Float16*>(at)));
    }
  }
  return values;
}

Result<Checkpoint> open_written(const ModelFixture& fixture, const TemporaryFolder& folder, int num_shards) {
  write_checkpoint(fixture, folder.path(), {.num_shards = num_shards});
  TRY(const auto model, resolve_model_path(folder.path().string(), {}));
  return Checkpoint::open(model);
}

TEST(Checkpoint, EveryFixtureOpensAndGivesTheValuesItWasWrittenFrom) {
  for (const std::string& name : testing::checkpoint_fixture_names()) {
    SCOPED_TRACE(name);
    const ModelFixture fixture = testing::read_model_fixture(name);
    const TemporaryFolder folder;
    const auto checkpoint = open_written(fixture, folder, 1);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    EXPECT_EQ(checkpoint->tensors().size(), fixture.tensors.size());
    EXPECT_EQ(checkpoint->config().vocab_size, fixture.vocab);
    for (const FixtureTensor& expected : fixture.tensors) {
      const StoredTensor* const tensor = checkpoint->find(expected.name);
      ASSERT_NE(tensor, nullptr) << expected.name;
      EXPECT_EQ(tensor->shape, expected.shape);
      std::vector<float> values(static_cast<size_t>(tensor->num_elements()));
      tensor->read_rows(0, make_rows(values.data(), tensor->rows(), tensor->cols()));
      EXPECT_EQ(values, expected_values(fixture, expected)) << expected.name;
    }
  }
}

TEST(WeightLoader, PacksStackedMatricesInTheirOrder) {
  for (const char* name : {"qwen3_odd_sizes", "llama_multi_head"}) {
    for (const int threads : {1, 3}) {
      const ModelFixture fixture = testing::read_model_fixture(name);
      const TemporaryFolder folder;
      const auto checkpoint = open_written(fixture, folder, 3);
      ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
      ThreadTeam team(threads);
      int64_t last_done = 0;
      const WeightLoader loader(*checkpoint, team, [&](int64_t done, int64_t total) {
        EXPECT_GE(done, last_done);
        EXPECT_LE(done, total);
        last_done = done;
      });
      const std::string prefix = "model.layers.0.";
      const std::vector<std::string> names = {prefix + "self_attn.q_proj.weight", prefix + "self_attn.k_proj.weight",
                                              prefix + "self_attn.v_proj.weight"};
      std::vector<float> all;
      for (const std::string& part : names) {
        for (const FixtureTensor& tensor : fixture.tensors) {
          if (tensor.name != part) continue;
          const auto values = expected_values(fixture, tensor);
          all.insert(all.end(), values.begin(), values.end());
        }
      }
      const auto packed = loader.matrix(names, DType::kFloat32);
      ASSERT_TRUE(packed.ok()) << packed.error().message;
      ASSERT_EQ(packed->n() * packed->k(), static_cast<int64_t>(all.size()));
      std::vector<float> row(static_cast<size_t>(packed->k()));
      for (int64_t i = 0; i < packed->n(); ++i) {
        packed->read_column(i, row.data());
        EXPECT_TRUE(std::equal(row.begin(), row.end(), all.begin() + i * packed->k())) << i;
      }
      EXPECT_GT(last_done, 0);
    }
  }
}

}  // namespace
}  // namespace braid
