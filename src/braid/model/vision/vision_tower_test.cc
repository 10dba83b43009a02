// Every kind of tower computes transformers' features of images, alone, on any number of threads.
#include "braid/model/vision/vision_tower.h"

#include <gtest/gtest.h>

#include <cmath>

#include "braid/kernels/make_ops.h"
#include "braid/model/vision/vision_scratch.h"
#include "braid/parallel/group_row_exchange.h"
#include "braid/parallel/message_world.h"
#include "braid/weights/weight_table.h"
#include "tests/support/model/vision_fixture.h"
#include "tests/support/parallel/on_each_rank.h"
#include "tests/support/tested_isas.h"

namespace braid::testing {
namespace {

// The root of the mean square of the differences, relative to that of the expected values.
double mean_difference(std::span<const float> got, std::span<const float> expected) {
  double differences = 0;
  double squares = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    differences += std::pow(static_cast<double>(got[i]) - expected[i], 2);
    squares += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(differences / squares);
}

class VisionTowers : public ::testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<const VisionTower> load(DType dtype, const VisionShard& shard = {}) {
    ThreadTeam team(2);
    const WeightLoader weights(checkpoint_, team, {});
    auto tower = load_vision_tower(weights, *checkpoint_.config().vision, dtype, shard);
    CHECK(tower.ok(), "{}", tower.error().message);
    return *tower;
  }

  ImageFeatures encode(const VisionTower& tower, size_t image, CpuIsa isa = available_isas().back(), int threads = 2) {
    ThreadTeam team(threads);
    const auto ops = make_cpu_ops(isa, team);
    return tower.encode(*ops, fixture_.patches(image, tower.config()));
  }

  const VisionFixture fixture_{GetParam()};
  const TemporaryFolder folder_;
  const Checkpoint checkpoint_ = fixture_.open(folder_).value();
};
INSTANTIATE_TEST_SUITE_P(Fixtures, VisionTowers, ::testing::ValuesIn(vision_fixture_names()),
                         [](const auto& name) { return name.param; });

TEST_P(VisionTowers, HaveTransformersFeaturesInFloat32) {
  const auto tower = load(DType::kFloat32);
  for (const CpuIsa isa : tested_isas()) {
    for (size_t i = 0; i < fixture_.images().size(); ++i) {
      const VisionFixtureImage& image = fixture_.images()[i];
      ASSERT_TRUE(check_grid(tower->config(), image.grid).ok());
      EXPECT_EQ(tower->config().num_tokens(image.grid), image.tokens);
      const auto levels = levels_of(encode(*tower, i, isa));
      ASSERT_EQ(levels.size(), image.levels.size());
      for (size_t level = 0; level < levels.size(); ++level) {
        ASSERT_EQ(levels[level].size(), image.levels[level].size());
        EXPECT_LE(relative_difference(levels[level], image.levels[level]), 1e-5)
            << isa_name(isa) << ", image " << i << ", level " << level;
      }
    }
  }
}

TEST_P(VisionTowers, AreAsCloseInBfloat16AsTransformersIs) {
  const auto tower = load(DType::kBFloat16);
  for (const CpuIsa isa : tested_isas()) {
    for (size_t i = 0; i < fixture_.images().size(); ++i) {
      const VisionFixtureImage& image = fixture_.images()[i];
      const auto levels = levels_of(encode(*tower, i, isa));
      for (size_t level = 0; level < levels.size(); ++level) {
        const double difference = mean_difference(levels[level], image.levels[level]);
        EXPECT_LE(difference, 1.1 * image.bfloat16_differences[level])
            << isa_name(isa) << ", image " << i << ", level " << level;
        EXPECT_GT(difference, 1e-4) << "it computed in float32";
      }
    }
  }
}

TEST_P(VisionTowers, HaveTheSameBitsOnAnyNumberOfThreadsAndAfterOtherImages) {
  for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
    const auto tower = load(dtype);
    ThreadTeam team(1);
    const auto ops = make_cpu_ops(available_isas().back(), team);
    for (size_t i = 0; i < fixture_.images().size(); ++i) {
      const auto first = levels_of(tower->encode(*ops, fixture_.patches(i, tower->config())));
      EXPECT_EQ(first, levels_of(encode(*tower, i, available_isas().back(), 3))) << "image " << i;
    }
    const auto again = levels_of(tower->encode(*ops, fixture_.patches(0, tower->config())));
    EXPECT_EQ(again, levels_of(encode(*tower, 0))) << dtype_name(dtype);
  }
}

// The numbers of parts above 1 that the tower's sizes allow.
std::vector<int32_t> part_counts(const VisionConfig& config) {
  std::vector<int32_t> counts;
  for (const int32_t count : {2, 3, 4}) {
    if (num_vision_parts(config, count) == count) counts.push_back(count);
  }
  return counts;
}

TEST_P(VisionTowers, HaveTransformersFeaturesInParts) {
  if (GetParam().find("4_heads") != std::string::npos) {
    EXPECT_EQ(part_counts(*checkpoint_.config().vision), (std::vector<int32_t>{2, 4}));
  }
  for (const int32_t count : part_counts(*checkpoint_.config().vision)) {
    const auto tower = load(DType::kFloat32, {.num_parts = count, .own = {.begin = 0, .end = count}});
    for (size_t i = 0; i < fixture_.images().size(); ++i) {
      const auto levels = levels_of(encode(*tower, i));
      for (size_t level = 0; level < levels.size(); ++level) {
        EXPECT_LE(relative_difference(levels[level], fixture_.images()[i].levels[level]), 1e-5)
            << count << " parts, image " << i << ", level " << level;
      }
    }
  }
}

// Members of a group with one part each, or several.
TEST_P(VisionTowers, HaveTheBitsOfTheirPartsWhoeverHasThem) {
  for (const int32_t count : part_counts(*checkpoint_.config().vision)) {
    for (const DType dtype : {DType::kFloat32, DType::kBFloat16}) {
      const auto whole = load(dtype, {.num_parts = count, .own = {.begin = 0, .end = count}});
      for (const int32_t num_own : {1, 2}) {
        const int32_t num_members = count / num_own;
        if (num_members < 2 || count % num_own != 0) continue;
        MessageWorld world({.tp_size = num_members});
        on_each_rank(num_members, [&](int32_t member) {
          const int64_t first = int64_t{member} * num_own;
          const auto own = load(dtype, {.num_parts = count, .own = {.begin = first, .end = first + num_own}});
          GroupRowExchange exchange(world.group(member));
          ThreadTeam team(1);
          const auto ops = make_cpu_ops(available_isas().back(), team);
          for (size_t i = 0; i < fixture_.images().size(); ++i) {
            const auto levels = levels_of(own->encode(*ops, fixture_.patches(i, own->config()), &exchange));
            EXPECT_EQ(levels, levels_of(encode(*whole, i))) << count << " parts, image " << i;
          }
        });
      }
    }
  }
}

TEST_P(VisionTowers, APartIsSmaller) {
  const auto bytes_of = [](const VisionTower& tower) {
    WeightList list;
    tower.list_weights(list);
    return list.num_bytes();
  };
  const auto whole = load(DType::kBFloat16);
  const PatchGrid grid = fixture_.images()[0].grid;
  for (const int32_t count : part_counts(whole->config())) {
    const auto part = load(DType::kBFloat16, {.num_parts = count, .own = {.begin = 1, .end = 2}});
    EXPECT_LT(bytes_of(*part), bytes_of(*whole));
    EXPECT_LT(part->encode_bytes(grid), whole->encode_bytes(grid) + grid.count() * whole->config().hidden * 4);
  }
}

TEST_P(VisionTowers, EachFrameIsEncodedLikeAnImage) {
  const auto tower = load(DType::kBFloat16);
  if (tower->config().image_size > 0) return;  // frames are images of their own there
  ImagePatches one = fixture_.patches(0, tower->config());
  ImagePatches three = one;
  three.grid.frames = 3;
  for (int i = 0; i < 2; ++i) three.pixels.insert(three.pixels.end(), one.pixels.begin(), one.pixels.end());
  ThreadTeam team(2);
  const auto ops = make_cpu_ops(available_isas().back(), team);
  const auto of_one = levels_of(tower->encode(*ops, one));
  const auto of_three = levels_of(tower->encode(*ops, three));
  for (size_t level = 0; level < of_one.size(); ++level) {
    std::vector<float> expected;
    for (int i = 0; i < 3; ++i) expected.insert(expected.end(), of_one[level].begin(), of_one[level].end());
    EXPECT_EQ(of_three[level], expected);
  }
}

TEST_P(VisionTowers, EveryTensorIsNeededInItsShapeAndListed) {
  const VisionConfig config = *checkpoint_.config().vision;
  const WeightTable table = vision_tensors(config);
  const std::vector<std::string> ignored = {"vision_tower.head.*"};
  EXPECT_TRUE(check_weights(table, ignored, checkpoint_).ok());
  const auto tower = load(DType::kBFloat16);
  WeightList list;
  tower->list_weights(list);
  std::string listed;
  for (const ListedWeight& weight : list.listed()) listed += weight.tensors + ", ";
  for (const WeightSpec& spec : table) EXPECT_NE(listed.find(spec.name + ", "), std::string::npos) << spec.name;

  VisionFixture changed(GetParam());
  for (size_t i = 0; i < changed.checkpoint().tensors.size(); ++i) {
    const FixtureTensor tensor = fixture_.checkpoint().tensors[i];
    if (tensor.name.find("head.") != std::string::npos) continue;
    changed.checkpoint().tensors[i].shape[0] += 8;
    const TemporaryFolder folder;
    const auto misshapen = check_weights(table, ignored, *changed.open(folder));
    ASSERT_FALSE(misshapen.ok()) << tensor.name;
    EXPECT_NE(misshapen.error().message.find(tensor.name + "\""), std::string::npos) << misshapen.error().message;
    EXPECT_NE(misshapen.error().message.find("has shape"), std::string::npos) << misshapen.error().message;
    changed.checkpoint().tensors[i] = tensor;
  }
}

TEST_P(VisionTowers, StateTheMemoryThatAnImageNeeds) {
  const auto tower = load(DType::kBFloat16);
  const PatchGrid grid = fixture_.images()[0].grid;
  const int64_t page_tokens = (grid.count() + 15) / 16 * 16;
  const VisionScratch scratch(tower->config(), {}, DType::kBFloat16, grid.count(), page_tokens);
  const int64_t bytes = scratch.residual.bytes() + scratch.normed.bytes() + scratch.qkv.bytes() + scratch.keys.bytes() +
                        scratch.values.bytes() + scratch.stretch.bytes() + scratch.stretch_sums.bytes();
  EXPECT_GE(tower->encode_bytes(grid), bytes);
  EXPECT_LE(tower->encode_bytes(grid), 2 * bytes);
}

}  // namespace
}  // namespace braid::testing
