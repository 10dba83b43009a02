// Checked checkpoints, and shared weights: what ranks have in common exists once in each NUMA domain.
#include "braid/model/load_model.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "braid/hub/model_path.h"
#include "braid/model/least_weight_bytes.h"
#include "braid/weights/text_tower.h"
#include "braid/weights/vision_tensors.h"
#include "tests/support/model_fixture.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

class WeightDomains : public ::testing::TestWithParam<std::string> {
 protected:
  WeightDomains() {
    write_checkpoint(testing::read_model_fixture(GetParam()), folder_.path());
    checkpoint_ =
        std::make_unique<Checkpoint>(Checkpoint::open(resolve_model_path(folder_.path().string(), {}).value()).value());
  }
  int64_t least_bytes(const ParallelLayout& layout, IndexRange own) const {
    return least_weight_bytes(*checkpoint_, DType::kBFloat16, {}, layout, own).value();
  }
  int64_t loaded_bytes(const ParallelLayout& layout, IndexRange own) {
    ThreadTeam team(2);
    return load_model(*checkpoint_, DType::kBFloat16, 64, layout, own, {}, team, {}).value().weight_bytes;
  }
  // Domains are only numbers here, bound to no CPU: this machine may have one domain.
  int64_t weight_bytes(const ParallelLayout& layout, const std::vector<int32_t>& domains) {
    std::vector<RankCpus> places;
    for (const int32_t domain : domains) places.push_back({.domain = domain, .cpus = {}});
    ThreadTeam team(2);
    return load_model(*checkpoint_, DType::kBFloat16, 64, layout, {.begin = 0, .end = layout.num_ranks()}, places, team,
                      {})
        .value()
        .weight_bytes;
  }

  const testing::TemporaryFolder folder_;
  std::unique_ptr<Checkpoint> checkpoint_;
};

TEST(LoadModel, APartOfAVisionTowerCountsAsAPart) {
  const testing::TemporaryFolder folder;
  write_checkpoint(testing::read_model_fixture("qwen3_vl_tied"), folder.path());
  const Checkpoint checkpoint = Checkpoint::open(resolve_model_path(folder.path().string(), {}).value()).value();
  const ParallelLayout layout{.tp_size = 2};
  const IndexRange own{.begin = 0, .end = 1};
  const auto least = [&](const VisionShard& shard) {
    return least_weight_bytes(checkpoint, DType::kBFloat16, {}, layout, own, shard).value();
  };
  const auto loaded = [&](const VisionShard& shard) {
    ThreadTeam team(1);
    return load_model(checkpoint, DType::kBFloat16, 64, layout, own, {}, team, {}, nullptr, {}, shard)
        .value()
        .weight_bytes;
  };
  const VisionShard half{.num_parts = 2, .own = {.begin = 0, .end = 1}};
  EXPECT_LT(least(half), least({}));
  EXPECT_LT(loaded(half), loaded({}));
  EXPECT_LE(least(half), loaded(half));
}

TEST_P(WeightDomains, ReplicasShareTheirWeightsWithinADomain) {
  const ParallelLayout replicas{.dp_size = 4};
  const int64_t once = weight_bytes(replicas, {});
  const int64_t of_vectors = 1 << 16;  // norms are small and exist once for all domains
  EXPECT_EQ(weight_bytes(replicas, {1, 1, 1, 1}), once);
  const int64_t twice = weight_bytes(replicas, {0, 0, 1, 1});
  EXPECT_GT(twice, 2 * once - of_vectors);
  EXPECT_LE(twice, 2 * once);
  EXPECT_EQ(weight_bytes(replicas, {0, 1, 0, 1}), twice);
}

TEST_P(WeightDomains, SplitWeightsExistOnce) {
  const ParallelLayout split{.tp_size = 2};
  EXPECT_EQ(weight_bytes(split, {0, 0}), weight_bytes(split, {}));
  const ParallelLayout groups{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const int64_t in_one = weight_bytes(groups, {0, 0});
  const int64_t in_two = weight_bytes(groups, {0, 1});
  EXPECT_GT(in_two, in_one) << "attention's weights are in both domains";
  EXPECT_LT(in_two, 2 * in_one) << "the feed-forward layers' are split";
}

// Known before anything is read, and never more than there is: what fits is never refused.
TEST_P(WeightDomains, TheLeastWeightsAreAFewPercentLessThanAll) {
  const ParallelLayout groups{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const ParallelLayout split{.tp_size = 2};
  const ParallelLayout experts{
      .tp_size = 2, .dp_size = 2, .enable_dp_attention = true, .moe_parallel = MoeParallel::kEp};
  for (const ParallelLayout& layout : {groups, split, experts}) {
    for (const IndexRange own :
         {IndexRange{.begin = 0, .end = 1}, IndexRange{.begin = 1, .end = 2}, IndexRange{.begin = 0, .end = 2}}) {
      const int64_t least = least_bytes(layout, own);
      const int64_t loaded = loaded_bytes(layout, own);
      EXPECT_LE(least, loaded);
      EXPECT_GT(least, loaded / 2) << "the kernels pad what is as small as this";
    }
    EXPECT_LT(least_bytes(layout, {.begin = 0, .end = 1}), least_bytes(layout, {.begin = 0, .end = 2}));
  }
}

// check_model's error for the fixture's checkpoint after `change` to tensor `index`.
template <typename Change>
std::string problem_with(const std::string& name, size_t index, Change change) {
  testing::ModelFixture fixture = testing::read_model_fixture(name);
  change(fixture.tensors, fixture.tensors.begin() + static_cast<ptrdiff_t>(index));
  const testing::TemporaryFolder folder;
  write_checkpoint(fixture, folder.path());
  const auto checkpoint = Checkpoint::open(resolve_model_path(folder.path().string(), {}).value());
  CHECK(checkpoint.ok(), "{}", checkpoint.error().message);
  const auto family = check_model(*checkpoint);
  return family.ok() ? "" : family.error().message;
}

TEST(CheckModel, EveryTensorOfAFamilyIsNeededInItsShape) {
  for (const char* const name : {"gemma2_layer_types", "gemma3_two_ropes", "gemma3_vision"}) {
    const testing::ModelFixture fixture = testing::read_model_fixture(name);
    for (size_t i = 0; i < fixture.tensors.size(); ++i) {
      const std::string& tensor = fixture.tensors[i].name;
      SCOPED_TRACE(tensor);
      const std::string missing = problem_with(name, i, [](auto& all, auto at) { all.erase(at); });
      const std::string own = is_vision_tensor(tensor) ? vision_tensor_name(tensor) : text_tower_name(tensor);
      EXPECT_NE(missing.find(own + "\" is missing"), std::string::npos) << missing;
      const std::string misshapen = problem_with(name, i, [](auto&, auto at) { at->shape[0] += 8; });
      EXPECT_NE(misshapen.find(tensor + "\""), std::string::npos) << misshapen;
      EXPECT_NE(misshapen.find("has shape"), std::string::npos) << misshapen;
    }
  }
}

// Split over ranks, every tensor that the model computes with is found in memory by its name, and each rank's part.
TEST(LoadModel, ListsTheMemoryOfEveryTensor) {
  for (const char* const name :
       {"qwen3_tied", "qwen3_moe_normalized", "llama_biases", "gpt_oss_plain", "glm4_moe_plain", "gguf_qwen2_moe",
        "olmo2_plain", "gemma2_plain", "gemma3_vision", "qwen3_vl_tied", "qwen2_5_vl_flat"}) {
    SCOPED_TRACE(name);
    const testing::ModelFixture fixture = testing::read_model_fixture(name);
    const testing::TemporaryFolder folder;
    std::string path = fixture.gguf().string();
    if (!fixture.tensors.empty()) {
      write_checkpoint(fixture, folder.path());
      path = folder.path().string();
    }
    const auto checkpoint = Checkpoint::open(resolve_model_path(path, {}).value()).value();
    ThreadTeam team(1);
    const LoadedModel model =
        load_model(checkpoint, DType::kBFloat16, 64, {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true},
                   {.begin = 0, .end = 2}, {}, team, {})
            .value();
    std::map<std::string, std::set<int32_t>> ranks_of;
    int64_t matrix_bytes = 0;
    for (const WeightMemory& memory : model.memory) {
      EXPECT_FALSE(memory.ranks.empty());
      matrix_bytes += std::ssize(memory.bytes);
      for (size_t begin = 0; begin < memory.tensors.size();) {
        const size_t end = std::min(memory.tensors.find(", ", begin), memory.tensors.size());
        ranks_of[memory.tensors.substr(begin, end - begin)].insert(memory.ranks.begin(), memory.ranks.end());
        begin = end + 2;
      }
    }
    EXPECT_GE(matrix_bytes, model.weight_bytes) << "vectors are copied for each rank and layer";
    for (const auto& [tensor, stored] : checkpoint.tensors()) {
      const auto ignored = ignored_tensors(checkpoint);
      if (std::ranges::any_of(ignored, [&](const auto& pattern) { return matches_pattern(pattern, tensor); })) continue;
      const bool is_expert_part = tensor.find(".experts.") != std::string::npos;
      EXPECT_TRUE(ranks_of.contains(tensor)) << tensor;
      EXPECT_TRUE(is_expert_part || tensor.ends_with("bias") || ranks_of[tensor].size() == 2) << tensor;
      ranks_of.erase(tensor);
    }
    EXPECT_TRUE(ranks_of.empty()) << ranks_of.begin()->first << " is no tensor";
  }
}

INSTANTIATE_TEST_SUITE_P(Models, WeightDomains, ::testing::Values("qwen3_tied", "qwen3_moe_normalized", "llama_biases"),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace braid
