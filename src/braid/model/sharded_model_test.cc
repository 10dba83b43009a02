// Every fixture's model, split over ranks in every layout that divides it. It has the logits of one rank, wherever a
// prompt is computed, and the same bits in every padding mode, with and without shared memory.
#include "tests/support/model/sharded_model.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "braid/model/registry.h"
#include "tests/support/model/model_shapes.h"
#include "tests/support/temporary_folder.h"

namespace braid::testing {
namespace {

// A fixture's checkpoint, or one of model_shapes().
class ShardedCheckpoint {
 public:
  explicit ShardedCheckpoint(const std::string& name)
      : fixture_(is_model_shape(name) ? make_model_shape(name, config_folder_.path()) : read_model_fixture(name)) {
    std::string path = fixture_.gguf().string();
    if (!fixture_.tensors.empty()) {
      write_checkpoint(fixture_, folder_.path());
      path = folder_.path().string();
    }
    runs_ = std::make_unique<ShardedRuns>(path, fixture_.prompts);
  }

  const ModelFixture& fixture() const { return fixture_; }
  ShardedRuns& runs() const { return *runs_; }

 private:
  TemporaryFolder folder_;
  TemporaryFolder config_folder_;
  ModelFixture fixture_;
  std::unique_ptr<ShardedRuns> runs_;
};

class ShardedModel : public ::testing::TestWithParam<std::string> {
 protected:
  const ShardedCheckpoint checkpoint_{GetParam()};
  const ModelFixture& fixture_ = checkpoint_.fixture();
  ShardedRuns* const runs_ = &checkpoint_.runs();
};

TEST_P(ShardedModel, HasTheLogitsOfOneRank) {
  const auto expected = runs_->logits(layout(1, 1), runs_->in_turn(layout(1, 1)));
  ASSERT_EQ(expected.size(), fixture_.prompts.size());
  size_t num_layouts = 0;
  for (const ParallelLayout& layout : layouts()) {
    if (!fits(runs_->config(), layout)) continue;
    SCOPED_TRACE(name_of(layout));
    ++num_layouts;
    const LoadedModel model = runs_->load(layout);
    const auto got = runs_->logits(model, layout, DpPaddingMode::kExact, runs_->in_turn(layout));
    for (const DpPaddingMode padding : {DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen}) {
      EXPECT_EQ(runs_->logits(model, layout, padding, runs_->in_turn(layout)), got) << padding_mode_name(padding);
    }
    ASSERT_EQ(got.size(), expected.size());
    for (const auto& [prompt, values] : expected) {
      ASSERT_EQ(got.at(prompt).size(), values.size());
      EXPECT_LE(relative_difference(got.at(prompt), values), kMaxDifference) << "prompt " << prompt;
    }
  }
  EXPECT_GE(num_layouts, is_model_shape(GetParam()) ? layouts().size() / 4 : 1U);
}

// Copied by each mode's own collectives, and with the head split over each group.
TEST_P(ShardedModel, HasTheSameBitsWithoutSharedMemory) {
  for (const ParallelLayout& shared : layouts()) {
    if (!fits(runs_->config(), shared)) continue;
    const ParallelLayout layout = over_messages(shared);
    SCOPED_TRACE(name_of(layout));
    const auto expected = runs_->logits(shared, runs_->in_turn(shared));
    const LoadedModel model = runs_->load(layout);
    for (const auto padding : {DpPaddingMode::kExact, DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen}) {
      EXPECT_EQ(runs_->logits(model, layout, padding, runs_->in_turn(layout)), expected) << padding_mode_name(padding);
    }
  }
}

// A prompt has the same bits beside any other prompts and in any group, and alone while other groups idle.
TEST_P(ShardedModel, HasTheSameBitsInEveryGroupAndAlone) {
  for (const ParallelLayout& layout : layouts()) {
    if (!layout.enable_dp_attention || !fits(runs_->config(), layout)) continue;
    SCOPED_TRACE(name_of(layout));
    const LoadedModel model = runs_->load(layout);
    const auto together = runs_->logits(model, layout, DpPaddingMode::kExact, runs_->in_turn(layout));
    EXPECT_EQ(runs_->logits(model, layout, DpPaddingMode::kExact, runs_->in_turn(layout, 1)), together);
    for (const int32_t group : {0, layout.num_groups() - 1}) {
      std::vector<int32_t> alone(fixture_.prompts.size(), -1);
      alone.back() = group;
      const auto padding = group == 0 ? DpPaddingMode::kMaxLen : DpPaddingMode::kExact;
      EXPECT_EQ(runs_->logits(model, layout, padding, alone).at(alone.size() - 1), together.at(alone.size() - 1));
    }
  }
}

// Packed float32 bytes of a model if every distinct part exists once.
int64_t bytes_held_once(const ModelConfig& config, const ParallelLayout& layout) {
  const int64_t tp = layout.tp_size;
  const int64_t attn_tp = layout.attn_tp_size();
  const auto packed = [](int64_t n, int64_t k) {
    constexpr int64_t kPanel = PackedMatrix::kPanelCols;
    return (n + kPanel - 1) / kPanel * kPanel * k;
  };
  const auto feed_forward = [&](int64_t ffn) {
    return packed(2 * ffn, config.hidden) + packed(config.hidden, ffn);  // gate/up, down
  };
  const int64_t q_rows = config.num_heads / attn_tp * config.head_dim;
  const int64_t kv_rows = kv_heads_per_rank(config.num_kv_heads, static_cast<int32_t>(attn_tp)) * config.head_dim;
  const bool has_whole_experts = layout.moe_parallel == MoeParallel::kEp;
  int64_t elements = tp * packed((config.vocab_size + tp - 1) / tp, config.hidden);
  if (!config.tie_embeddings) elements += config.vocab_size * config.hidden;
  for (const bool is_moe : config.is_moe_layer) {
    elements += attn_tp * (packed(q_rows + 2 * kv_rows, config.hidden) + packed(config.hidden, q_rows));
    if (!is_moe) {
      elements += tp * feed_forward(config.ffn / tp);
      continue;
    }
    const MoeConfig& moe = config.moe;
    elements += packed(moe.num_experts, config.hidden);
    elements +=
        moe.num_experts * (has_whole_experts ? feed_forward(moe.expert_ffn) : tp * feed_forward(moe.expert_ffn / tp));
    if (moe.shared_ffn > 0) elements += tp * feed_forward(moe.shared_ffn / tp);
  }
  for (const WeightSpec& spec : find_family(config.architecture)->weights(config)) {
    const int64_t count = is_expert(spec.shard) ? config.moe.num_experts : 1;
    if (spec.shape.size() == 1) elements += count * spec.shape[0];  // norms and biases
    if (spec.name.ends_with("shared_expert_gate.weight")) elements += packed(1, config.hidden);
  }
  return elements * static_cast<int64_t>(sizeof(float));
}

// Of the vision tower's matrices. (Its vectors are in bytes_held_once, like all others.)
int64_t tower_bytes(const LoadedModel& model) {
  if (model.vision == nullptr) return 0;
  std::set<std::string> matrices;
  for (const WeightSpec& spec : vision_tensors(model.vision->config())) {
    if (spec.shape.size() > 1) matrices.insert(spec.name);
  }
  WeightList weights;
  model.vision->list_weights(weights);
  int64_t bytes = 0;
  for (const ListedWeight& weight : weights.listed()) {
    const bool is_matrix = matrices.contains(weight.tensors.substr(0, weight.tensors.find(", ")));
    if (is_matrix) bytes += std::ssize(weight.bytes);
  }
  return bytes;
}

TEST_P(ShardedModel, HoldsWhatRanksShareOnce) {
  constexpr QuantizedWeights kWidened;
  const LoadedModel alone = runs_->load(layout(1, 1), kWidened);
  const int64_t of_tower = tower_bytes(alone);  // one for all ranks
  EXPECT_EQ(of_tower > 0, runs_->config().vision.has_value());
  EXPECT_EQ(alone.weight_bytes - of_tower, bytes_held_once(runs_->config(), layout(1, 1)));
  const LoadedModel replicas = runs_->load({.tp_size = 1, .dp_size = 3}, kWidened);
  EXPECT_EQ(replicas.ranks.size(), 3U);
  EXPECT_EQ(replicas.weight_bytes, alone.weight_bytes);
  for (const ParallelLayout& layout : layouts()) {
    if (!fits(runs_->config(), layout)) continue;
    const LoadedModel model = runs_->load(layout, kWidened);
    EXPECT_EQ(model.ranks.size(), static_cast<size_t>(layout.tp_size));
    EXPECT_EQ(model.weight_bytes - of_tower, bytes_held_once(runs_->config(), layout)) << name_of(layout);
  }
}

// The bytes of one token's keys and values over all ranks that hold them.
int64_t kv_bytes_of_a_token(const ModelConfig& config, const ParallelLayout& layout) {
  int64_t bytes = 0;
  for (int32_t rank = 0; rank < layout.tp_size; ++rank) {
    const RankPlace place = place_of(layout, rank);
    if (place.attn_dp_rank != 0) continue;  // only a token's own group holds it
    bytes += kv_bytes_per_token(local_kv_shape(config, local_shape(config, place), DType::kFloat32, kPageSize)).value();
  }
  return bytes;
}

TEST(LocalKvShape, EachRankOfATokensGroupHoldsItsKvHeadOnce) {
  const ShardedCheckpoint checkpoint("qwen3_8_heads_1_kv_tied");
  const ModelConfig& config = checkpoint.runs().config();
  const int64_t alone = kv_bytes_of_a_token(config, layout(1, 1));
  EXPECT_EQ(alone, int64_t{2} * 4 * 3 * 16);  // keys and values, float32, 3 layers, a head of 16
  for (const auto& [tp, dp] : {std::pair{2, 2}, {4, 2}, {4, 4}, {8, 4}}) {
    const int64_t replicated = kv_bytes_of_a_token(config, layout(tp, 1));
    EXPECT_EQ(replicated, tp * alone);
    EXPECT_EQ(kv_bytes_of_a_token(config, layout(tp, dp)), replicated / dp);
  }
}

TEST(LoadModel, ErrorsForALayoutThatDoesNotDivideListSizesThatWork) {
  const ShardedCheckpoint checkpoint("llama_grouped_9_to_3");
  const auto refused = checkpoint.runs().try_load(layout(2, 1));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().message,
            "9 attention heads with 3 KV heads are not divisible over the 2 ranks of a group (attn_tp_size): "
            "attn_tp_size 1, 3 or 9 divides them; --tp-size 1 or 3 works");
  EXPECT_TRUE(checkpoint.runs().try_load(layout(2, 2)).ok());
  const auto feed_forward = checkpoint.runs().try_load(layout(5, 5));
  ASSERT_FALSE(feed_forward.ok());
  EXPECT_EQ(feed_forward.error().message,
            "the feed-forward size, 192, is not divisible by --tp-size 5: no --tp-size works with --dp-size 5");
}

std::string fixture_name(const ::testing::TestParamInfo<std::string>& info) {
  return info.param;
}

INSTANTIATE_TEST_SUITE_P(Directories, ShardedModel, ::testing::ValuesIn(tested_checkpoint_names()), fixture_name);
INSTANTIATE_TEST_SUITE_P(ManyHeads, ShardedModel, ::testing::ValuesIn(model_shape_names()), fixture_name);
INSTANTIATE_TEST_SUITE_P(Gguf, ShardedModel, ::testing::ValuesIn(tested_gguf_names()), fixture_name);

}  // namespace
}  // namespace braid::testing
