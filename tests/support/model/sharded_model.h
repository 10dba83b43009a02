// Runs a checkpoint's model on the ranks of a layout, as threads, with prompts spread over its groups: for tests of
// sharded models.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "braid/hub/model_path.h"
#include "braid/kernels/isa.h"
#include "braid/kernels/make_ops.h"
#include "braid/kv/kv_cache.h"
#include "braid/model/load_model.h"
#include "braid/parallel/dp_token_exchange.h"
#include "braid/parallel/local_world.h"
#include "braid/parallel/message_world.h"
#include "tests/support/model_fixture.h"
#include "tests/support/sanitizer.h"

namespace braid::testing {

inline constexpr int32_t kPageSize = 16;
inline constexpr int32_t kContext = 256;
inline constexpr int32_t kPagesAPrompt = kContext / kPageSize;
inline constexpr size_t kChunk = 48;            // tokens of a prompt in one step: the longest prompt takes several
inline constexpr size_t kLogitRows = 5;         // per product: a step takes several
inline constexpr double kMaxDifference = 1e-3;  // of float32 logits, relative to the largest

inline ParallelLayout layout(int32_t tp, int32_t dp, MoeParallel moe = MoeParallel::kTp) {
  return {.tp_size = tp, .dp_size = dp, .enable_dp_attention = dp > 1, .moe_parallel = moe};
}

// Sanitizers slow ranks that share cores (ThreadSanitizer a hundredfold). Under them, only layouts that together use
// every way of ranks to meet.
inline std::vector<ParallelLayout> layouts() {
  std::vector<std::pair<int32_t, int32_t>> sizes = {{2, 2}, {4, 2}};
  if (kUnderAddressSanitizer) sizes = {{3, 1}, {2, 2}, {4, 2}, {6, 3}};
  if (!kUnderSanitizer) {
    sizes = {{2, 1}, {3, 1}, {4, 1}, {8, 1}, {2, 2}, {3, 3}, {4, 2}, {4, 4}, {6, 2}, {6, 3}, {8, 2}};
  }
  std::vector<ParallelLayout> all;
  for (const MoeParallel moe : {MoeParallel::kTp, MoeParallel::kEp}) {
    for (const auto& [tp, dp] : sizes) all.push_back(layout(tp, dp, moe));
  }
  return all;
}

inline std::string name_of(const ParallelLayout& layout) {
  return fmt::format("tp {} dp {} {}{}", layout.tp_size, layout.dp_size,
                     layout.moe_parallel == MoeParallel::kEp ? "ep" : "tp",
                     layout.head_parallel == HeadParallel::kGroup ? ", no shared memory" : "");
}

inline bool is_mixture(const ModelConfig& config) {
  return config.moe.num_experts > 0;
}

inline bool fits(const ModelConfig& config, const ParallelLayout& layout) {
  if (!is_mixture(config) && layout.moe_parallel == MoeParallel::kEp) return false;
  return check_layout(layout, layout_model(config)).ok();
}

// The same layout with ranks that share no memory.
inline ParallelLayout over_messages(ParallelLayout layout) {
  layout.head_parallel = HeadParallel::kGroup;
  return layout;
}

using PromptLogits = std::map<size_t, std::vector<float>>;  // by prompt: [kept rows, vocab]

// One group's input in one step, and the rows whose logits are compared.
struct GroupStep {
  std::vector<TokenId> ids;
  std::vector<int32_t> positions;
  std::vector<AttentionSequence> sequences;
  std::vector<int32_t> wanted;
  std::vector<size_t> prompts;  // by wanted row
};

class ShardedRuns {
 public:
  // `path`: a directory or a GGUF file. Only ids and rows of the prompts are read.
  ShardedRuns(const std::string& path, std::span<const FixturePrompt> prompts) : prompts_(prompts) {
    auto model = resolve_model_path(path, {});
    CHECK(model.ok(), "{}", model.error().message);
    auto checkpoint = Checkpoint::open(*model);
    CHECK(checkpoint.ok(), "{}", checkpoint.error().message);
    checkpoint_ = std::make_unique<Checkpoint>(std::move(checkpoint).value());
    for (size_t i = 0; i < prompts.size(); ++i) {
      auto& pages = pages_.emplace_back(kPagesAPrompt);
      std::iota(pages.begin(), pages.end(), static_cast<PageId>(i) * kPagesAPrompt);
    }
  }

  const ModelConfig& config() const { return checkpoint_->config(); }

  // Quantized weights times exact rows: the bits of weights that are widened.
  static constexpr QuantizedWeights kExactRows{.activations = ActivationBits::kExact,
                                               .quantization = Quantization::kNone};

  Result<LoadedModel> try_load(const ParallelLayout& layout, const QuantizedWeights& quantized = kExactRows) const {
    ThreadTeam team(2);
    return load_model(*checkpoint_, DType::kFloat32, kContext, layout, {.begin = 0, .end = layout.num_ranks()}, {},
                      team, {}, nullptr, quantized);
  }

  LoadedModel load(const ParallelLayout& layout, const QuantizedWeights& quantized = kExactRows) const {
    auto model = try_load(layout, quantized);
    EXPECT_TRUE(model.ok()) << model.error().message;
    return std::move(model).value();
  }

  // Prompts with group -1 are left out.
  PromptLogits logits(const ParallelLayout& layout, const std::vector<int32_t>& group_of_prompt) {
    return logits(load(layout), layout, DpPaddingMode::kExact, group_of_prompt);
  }

  PromptLogits logits(const LoadedModel& model, const ParallelLayout& layout, DpPaddingMode padding,
                      const std::vector<int32_t>& group_of_prompt) {
    if (layout.head_parallel == HeadParallel::kGroup) {
      return logits(MessageWorld(layout), model, layout, padding, group_of_prompt);
    }
    return logits(LocalWorld(layout), model, layout, padding, group_of_prompt);
  }

  // Prompt i in group (i + shift) % dp_size.
  std::vector<int32_t> in_turn(const ParallelLayout& layout, int32_t shift = 0) const {
    std::vector<int32_t> groups;
    for (size_t i = 0; i < prompts_.size(); ++i) {
      groups.push_back((static_cast<int32_t>(i) + shift) % layout.num_groups());
    }
    return groups;
  }

 private:
  // The step that begins at token `first` of every prompt of `group`; empty if all prompts are shorter.
  GroupStep make_step(const std::vector<int32_t>& group_of_prompt, int32_t group, size_t first) const {
    GroupStep step;
    for (size_t index = 0; index < prompts_.size(); ++index) {
      const FixturePrompt& prompt = prompts_[index];
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

  PromptLogits logits(const ThreadWorld& world, const LoadedModel& model, const ParallelLayout& layout,
                      DpPaddingMode padding, const std::vector<int32_t>& group_of_prompt) {
    size_t longest = 0;
    for (const FixturePrompt& prompt : prompts_) longest = std::max(longest, prompt.ids.size());
    std::vector<std::vector<GroupStep>> steps;  // by step and group
    for (size_t first = 0; first < longest; first += kChunk) {
      auto& step = steps.emplace_back();
      for (int32_t group = 0; group < layout.num_groups(); ++group) {
        step.push_back(make_step(group_of_prompt, group, first));
      }
    }
    std::vector<PromptLogits> by_rank(static_cast<size_t>(layout.tp_size));
    std::vector<std::thread> ranks;
    for (int32_t rank = 0; rank < layout.tp_size; ++rank) {
      ranks.emplace_back([&, rank] {
        const auto index = static_cast<size_t>(rank);
        const Status passed = until_world_ends(
            [&] { by_rank[index] = run_rank(*model.ranks[index], place_of(layout, rank), world, padding, steps); });
        EXPECT_TRUE(passed.ok()) << passed.error().message;
      });
    }
    for (std::thread& rank : ranks) rank.join();
    EXPECT_FALSE(world.has_failed()) << world.failure();

    PromptLogits all;
    for (const PromptLogits& of_rank : by_rank) {
      for (const auto& [prompt, values] : of_rank) {
        const auto [found, is_new] = all.emplace(prompt, values);
        EXPECT_TRUE(is_new || found->second == values) << "the ranks of a group have other logits";
      }
    }
    return all;
  }

  PromptLogits run_rank(const Model& model, const RankPlace& place, const ThreadWorld& world, DpPaddingMode padding,
                        const std::vector<std::vector<GroupStep>>& steps) const {
    ThreadTeam team(1);
    const auto ops = make_cpu_ops(available_isas().back(), team);
    const auto backend = make_attention_backend("fa", *ops).value();
    const LocalShape shape = local_shape(config(), place);
    int64_t num_tokens = 0;
    for (const FixturePrompt& prompt : prompts_) num_tokens += static_cast<int64_t>(prompt.ids.size());
    const DpAttentionConfig exchange_config{.place = place,
                                            .hidden = config().hidden,
                                            .dtype = DType::kFloat32,
                                            .max_group_tokens = num_tokens,
                                            .padding = DpPadding::fixed(padding),
                                            .vocab_rows = shape.vocab_rows,
                                            .max_logit_rows = kLogitRows};
    Workspace workspace(
        config(), shape, DType::kFloat32,
        {.group_tokens = num_tokens, .all_tokens = exchange_config.max_rows(), .group_logit_rows = kLogitRows});
    const KvCache kv_cache(local_kv_shape(config(), shape, DType::kFloat32, kPageSize),
                           kPagesAPrompt * static_cast<int32_t>(prompts_.size()));
    std::vector<KvLayer> kv_layers;
    for (int32_t layer = 0; layer < config().num_layers; ++layer) kv_layers.push_back(kv_cache.layer(layer));
    const WorldCommunicator comm = world.world(place.tp_rank);
    SingleRankExchange alone;
    auto with_others = initialize_dp_attention(exchange_config, *ops, comm, world.group(place.tp_rank));
    EXPECT_TRUE(with_others.ok()) << with_others.error().message;
    if (!with_others.ok()) return {};
    TokenExchange& exchange = place.tp_size == 1 ? static_cast<TokenExchange&>(alone) : **with_others;

    PromptLogits out;
    int64_t number = 0;
    for (const std::vector<GroupStep>& groups : steps) {
      const GroupStep& own = groups[static_cast<size_t>(place.attn_dp_rank)];
      comm.begin_step(number);
      DpAttentionMetadata metadata{.step = number++, .padding = padding};
      for (const GroupStep& group : groups) metadata.group_tokens.push_back(static_cast<int32_t>(group.ids.size()));
      (*with_others)->begin_step(metadata);
      // No pages behind windows are freed, so all KV groups have the same pages.
      const std::vector<std::vector<AttentionSequence>> sequences(static_cast<size_t>(kv_cache.kv_groups().count()),
                                                                  own.sequences);
      Step step{.ops = *ops,
                .exchange = exchange,
                .attention_backend = *backend,
                .workspace = workspace,
                .kv_layers = kv_layers,
                .sequences = sequences,
                .positions = own.positions};
      const Rows hidden = model.forward(std::span(&step, 1), own.ids);
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
    EXPECT_TRUE(comm.barrier().ok());  // all ranks have read this rank's buffers
    return out;
  }

  std::span<const FixturePrompt> prompts_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::vector<std::vector<PageId>> pages_;
};

}  // namespace braid::testing
