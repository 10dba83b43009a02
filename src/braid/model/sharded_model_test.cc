// Every fixture's model split over ranks, in every layout that divides it: the logits of one rank, whoever computes
// what. The ranks are threads over a plain exchange (exchange_testing.h).
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "braid/config/model_path.h"
#include "braid/kernels/isa.h"
#include "braid/kernels/make_ops.h"
#include "braid/kv/kv_cache.h"
#include "braid/model/exchange_testing.h"
#include "braid/model/load_model.h"
#include "braid/model/registry.h"
#include "tests/support/model_fixture.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

using testing::ExchangeWorld;
using testing::FixturePrompt;
using testing::ModelFixture;
using testing::TemporaryFolder;
using testing::ThreadExchange;

constexpr int32_t kPageSize = 16;
constexpr int32_t kContext = 256;
constexpr int32_t kPagesAPrompt = kContext / kPageSize;
constexpr size_t kChunk = 48;            // of a prompt in one step: the longest takes several
constexpr size_t kLogitRows = 5;         // at once: a step takes several
constexpr double kMaxDifference = 1e-3;  // of float32 logits, as a part of the largest

ParallelLayout layout(int32_t tp, int32_t dp, MoeParallel moe = MoeParallel::kTp) {
  return {.tp_size = tp, .dp_size = dp, .enable_dp_attention = dp > 1, .moe_parallel = moe};
}

std::vector<ParallelLayout> layouts() {
  std::vector<ParallelLayout> all;
  for (const MoeParallel moe : {MoeParallel::kTp, MoeParallel::kEp}) {
    for (const auto& [tp, dp] :
         {std::pair{2, 1}, {3, 1}, {4, 1}, {8, 1}, {2, 2}, {3, 3}, {4, 2}, {4, 4}, {6, 2}, {6, 3}, {8, 2}}) {
      all.push_back(layout(tp, dp, moe));
    }
  }
  return all;
}

std::string name_of(const ParallelLayout& layout) {
  return fmt::format("tp {} dp {} {}", layout.tp_size, layout.dp_size,
                     layout.moe_parallel == MoeParallel::kEp ? "ep" : "tp");
}

bool is_mixture(const ModelConfig& config) {
  return config.moe.num_experts > 0;
}

bool fits(const ModelConfig& config, const ParallelLayout& layout) {
  if (!is_mixture(config) && layout.moe_parallel == MoeParallel::kEp) return false;
  const bool has_dense = std::ranges::count(config.is_moe_layer, false) > 0;
  return check_layout(layout, {.num_heads = config.num_heads,
                               .num_kv_heads = config.num_kv_heads,
                               .ffn = has_dense ? config.ffn : 0,
                               .num_experts = config.moe.num_experts,
                               .expert_ffn = config.moe.expert_ffn})
      .ok();
}

std::vector<RankPlace> places_of(const ParallelLayout& layout) {
  std::vector<RankPlace> places;
  for (int32_t rank = 0; rank < layout.tp_size; ++rank) places.push_back(place_of(layout, rank));
  return places;
}

// What one group computes in one step, and the rows whose logits are compared.
struct GroupStep {
  std::vector<TokenId> ids;
  std::vector<int32_t> positions;
  std::vector<AttentionSequence> sequences;
  std::vector<int32_t> wanted;
  std::vector<size_t> prompts;  // of each wanted row
};

class ShardedModel : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    fixture_ = testing::read_model_fixture(GetParam());
    std::string path = fixture_.gguf().string();
    if (!fixture_.tensors.empty()) {
      testing::write_checkpoint(fixture_, folder_.path());
      path = folder_.path().string();
    }
    auto model = resolve_model_path(path, {});
    ASSERT_TRUE(model.ok()) << model.error().message;
    auto checkpoint = Checkpoint::open(*model);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    checkpoint_ = std::make_unique<Checkpoint>(std::move(checkpoint).value());
    for (size_t i = 0; i < fixture_.prompts.size(); ++i) {
      auto& pages = pages_.emplace_back(kPagesAPrompt);
      std::iota(pages.begin(), pages.end(), static_cast<PageId>(i) * kPagesAPrompt);
    }
  }

  const ModelConfig& config() const { return checkpoint_->config(); }

  LoadedModel load(std::span<const RankPlace> places) {
    ThreadTeam team(2);
    auto model = load_model(*checkpoint_, DType::kFloat32, kContext, places, team, {});
    EXPECT_TRUE(model.ok()) << model.error().message;
    return std::move(model).value();
  }

  // The step that begins at token `first` of every prompt of `group`; empty when all are shorter.
  GroupStep make_step(const std::vector<int32_t>& group_of_prompt, int32_t group, size_t first) const {
    GroupStep step;
    for (size_t index = 0; index < fixture_.prompts.size(); ++index) {
      const FixturePrompt& prompt = fixture_.prompts[index];
      if (group_of_prompt[index] != group || first >= prompt.ids.size()) continue;
      const size_t count = std::min(kChunk, prompt.ids.size() - first);
      const auto first_row = static_cast<int32_t>(step.ids.size());
      step.sequences.push_back({.first_row = first_row,
                                .num_new = static_cast<int32_t>(count),
                                .first_position = static_cast<int32_t>(first),
                                .pages = pages_[index]});
      for (size_t i = first; i < first + count; ++i) {
        step.ids.push_back(prompt.ids[i]);
        step.positions.push_back(static_cast<int32_t>(i));
      }
      for (const int32_t row : prompt.rows) {
        if (row < static_cast<int32_t>(first) || row >= static_cast<int32_t>(first + count)) continue;
        step.wanted.push_back(first_row + row - static_cast<int32_t>(first));
        step.prompts.push_back(index);
      }
    }
    return step;
  }

  // Each prompt's logits [kept rows, vocab]; prompts of group -1 are left out.
  std::map<size_t, std::vector<float>> logits(const ParallelLayout& layout,
                                              const std::vector<int32_t>& group_of_prompt) {
    const std::vector<RankPlace> places = places_of(layout);
    const LoadedModel model = load(places);
    size_t num_tokens = 0;
    size_t longest = 0;
    for (const FixturePrompt& prompt : fixture_.prompts) {
      num_tokens += prompt.ids.size();
      longest = std::max(longest, prompt.ids.size());
    }
    std::vector<std::vector<GroupStep>> steps;  // of all groups
    for (size_t first = 0; first < longest; first += kChunk) {
      auto& step = steps.emplace_back();
      for (int32_t group = 0; group < layout.num_groups(); ++group) {
        step.push_back(make_step(group_of_prompt, group, first));
      }
    }
    const StepLimits limits{.group_tokens = static_cast<int64_t>(num_tokens),
                            .all_tokens = static_cast<int64_t>(num_tokens),
                            .group_logit_rows = kLogitRows,
                            .all_logit_rows = static_cast<int64_t>(kLogitRows) * layout.num_groups()};
    ExchangeWorld world(layout.tp_size, limits.all_logit_rows, local_shape(config(), places[0]).vocab_rows);
    std::vector<std::map<size_t, std::vector<float>>> by_rank(places.size());
    std::vector<std::thread> ranks;
    for (size_t rank = 0; rank < places.size(); ++rank) {
      ranks.emplace_back(
          [&, rank] { by_rank[rank] = run_rank(*model.ranks[rank], places[rank], world, limits, steps); });
    }
    for (std::thread& rank : ranks) rank.join();

    std::map<size_t, std::vector<float>> all;
    for (size_t rank = 0; rank < places.size(); ++rank) {
      for (const auto& [prompt, values] : by_rank[rank]) {
        const auto [found, is_new] = all.emplace(prompt, values);
        EXPECT_TRUE(is_new || found->second == values) << "the ranks of a group have other logits";
      }
    }
    return all;
  }

  std::map<size_t, std::vector<float>> run_rank(const Model& model, const RankPlace& place, ExchangeWorld& world,
                                                const StepLimits& limits,
                                                const std::vector<std::vector<GroupStep>>& steps) const {
    ThreadTeam team(1);
    const auto ops = make_cpu_ops(available_isas().back(), team);
    const auto backend = make_attention_backend("fa", *ops).value();
    const LocalShape shape = local_shape(config(), place);
    Workspace workspace(config(), shape, DType::kFloat32, limits);
    const KvCache kv_cache({.num_layers = config().num_layers,
                            .num_kv_heads = shape.num_kv_heads(),
                            .head_dim = config().head_dim,
                            .dtype = DType::kFloat32,
                            .page_size = kPageSize},
                           kPagesAPrompt * static_cast<int32_t>(fixture_.prompts.size()));
    std::vector<KvLayer> kv_layers;
    for (int32_t layer = 0; layer < config().num_layers; ++layer) kv_layers.push_back(kv_cache.layer(layer));
    SingleRankExchange alone;
    ThreadExchange with_others(world, place);
    TokenExchange& exchange = place.tp_size == 1 ? static_cast<TokenExchange&>(alone) : with_others;

    std::map<size_t, std::vector<float>> out;
    for (const std::vector<GroupStep>& groups : steps) {
      const GroupStep& own = groups[static_cast<size_t>(place.attn_dp_rank)];
      Step step{.ops = *ops,
                .exchange = exchange,
                .attention_backend = *backend,
                .workspace = workspace,
                .kv_layers = kv_layers,
                .sequences = own.sequences,
                .positions = own.positions};
      const Rows hidden = model.forward(step, own.ids);
      size_t most = 0;
      for (const GroupStep& group : groups) most = std::max(most, group.wanted.size());
      for (size_t first = 0; first < most; first += kLogitRows) {
        const size_t begin = std::min(first, own.wanted.size());
        const size_t count = std::min(kLogitRows, own.wanted.size() - begin);
        const ConstRows values = model.logits(step, hidden, std::span(own.wanted).subspan(begin, count));
        EXPECT_EQ(values.rows, static_cast<int64_t>(count));
        EXPECT_EQ(values.cols, config().vocab_size);
        for (size_t i = 0; i < count; ++i) {
          auto& prompt = out[own.prompts[begin + i]];
          const float* const row = values.row<float>(static_cast<int64_t>(i));
          prompt.insert(prompt.end(), row, row + values.cols);
        }
      }
    }
    return out;
  }

  // Prompt i in group (i + shift) % dp_size.
  std::vector<int32_t> in_turn(const ParallelLayout& layout, int32_t shift = 0) const {
    std::vector<int32_t> groups;
    for (size_t i = 0; i < fixture_.prompts.size(); ++i) {
      groups.push_back((static_cast<int32_t>(i) + shift) % layout.num_groups());
    }
    return groups;
  }

  TemporaryFolder folder_;
  ModelFixture fixture_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::vector<std::vector<PageId>> pages_;
};

TEST_P(ShardedModel, HasTheLogitsOfOneRank) {
  const auto expected = logits(layout(1, 1), in_turn(layout(1, 1)));
  ASSERT_EQ(expected.size(), fixture_.prompts.size());
  int num_layouts = 0;
  for (const ParallelLayout& layout : layouts()) {
    if (!fits(config(), layout)) continue;
    SCOPED_TRACE(name_of(layout));
    ++num_layouts;
    const auto got = logits(layout, in_turn(layout));
    ASSERT_EQ(got.size(), expected.size());
    for (const auto& [prompt, values] : expected) {
      ASSERT_EQ(got.at(prompt).size(), values.size());
      EXPECT_LE(testing::relative_difference(got.at(prompt), values), kMaxDifference) << "prompt " << prompt;
    }
  }
  EXPECT_GE(num_layouts, 2);
}

// Whatever runs beside it, and in whichever group; the other groups idle.
TEST_P(ShardedModel, HasTheSameBitsInEveryGroupAndAlone) {
  for (const ParallelLayout& layout : {layout(2, 2), layout(4, 2)}) {
    if (!fits(config(), layout)) continue;
    SCOPED_TRACE(name_of(layout));
    const auto together = logits(layout, in_turn(layout));
    EXPECT_EQ(logits(layout, in_turn(layout, 1)), together);
    for (int32_t group = 0; group < layout.num_groups(); ++group) {
      std::vector<int32_t> alone(fixture_.prompts.size(), -1);
      alone.back() = group;
      EXPECT_EQ(logits(layout, alone).at(alone.size() - 1), together.at(alone.size() - 1));
    }
  }
}

// Packed float32 bytes of a model of which every different part exists once.
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
  }
  for (const WeightSpec& spec : find_family(config.architecture)->weights(config)) {
    if (spec.shape.size() == 1) elements += spec.shape[0];  // norms and biases
  }
  return elements * static_cast<int64_t>(sizeof(float));
}

TEST_P(ShardedModel, HoldsWhatRanksShareOnce) {
  const std::array<RankPlace, 1> one = {};
  const std::array<RankPlace, 3> replicas = {};
  EXPECT_EQ(load(one).weight_bytes, bytes_held_once(config(), layout(1, 1)));
  EXPECT_EQ(load(replicas).weight_bytes, bytes_held_once(config(), layout(1, 1)));
  for (const ParallelLayout& layout : layouts()) {
    if (!fits(config(), layout)) continue;
    const LoadedModel model = load(places_of(layout));
    EXPECT_EQ(model.ranks.size(), static_cast<size_t>(layout.tp_size));
    EXPECT_EQ(model.weight_bytes, bytes_held_once(config(), layout)) << name_of(layout);
  }
}

std::string fixture_name(const ::testing::TestParamInfo<std::string>& info) {
  return info.param;
}

INSTANTIATE_TEST_SUITE_P(Directories, ShardedModel, ::testing::ValuesIn(testing::checkpoint_fixture_names()),
                         fixture_name);
INSTANTIATE_TEST_SUITE_P(Gguf, ShardedModel, ::testing::ValuesIn(testing::gguf_fixture_names()), fixture_name);

}  // namespace
}  // namespace braid
