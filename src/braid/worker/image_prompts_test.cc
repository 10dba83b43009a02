// Prompts with images, held to transformers. The features of the images are those of transformers' own vision tower,
// so that this tests the text side alone: placeholders, M-RoPE, deepstack, images whose tokens see each other.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "braid/base/log.h"
#include "braid/hub/model_path.h"
#include "braid/scheduler/static_page_tables.h"
#include "braid/weights/checkpoint.h"
#include "braid/worker/rank_set.h"
#include "tests/support/sanitizer.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tested_isas.h"
#include "tests/support/worker/image_prompt_fixture.h"

namespace braid {
namespace {

using testing::ImagePrompt;
using testing::ImagePromptFixture;
using testing::ModelFixture;
using testing::TemporaryFolder;

constexpr double kMaxLogitDifference = 2e-4;      // relative to the largest
constexpr double kMaxDifferenceOfLayouts = 1e-3;  // the same, to another layout's
constexpr int32_t kImageTestContext = 128;

// A rank or several with the weights of a fixture, and pages for every prompt: [0] is the first image prompt, behind
// them is one of text alone.
class ImageRanks {
 public:
  explicit ImageRanks(const std::string& name)
      : model_(testing::read_model_fixture(name)), fixture_(testing::read_image_prompts(name, model_.vocab)) {
    testing::write_checkpoint(model_, folder_.path());
    checkpoint_.emplace(Checkpoint::open(resolve_model_path(folder_.path().string(), {}).value()).value());
    text_.ids.assign(model_.prompts.at(2).ids.begin(), model_.prompts.at(2).ids.end());
  }

  const ModelConfig& config() const { return checkpoint_->config(); }
  const ImagePromptFixture& fixture() const { return fixture_; }
  int64_t vocab() const { return model_.vocab; }
  size_t num_prompts() const { return fixture_.prompts.size() + 1; }
  const ImagePrompt& prompt(size_t index) const {
    return index < fixture_.prompts.size() ? fixture_.prompts[index] : text_;
  }

  std::unique_ptr<RankSet> load(RankOptions options, bool shares_memory = true) {
    options.threads_per_rank = options.layout.num_ranks() == 1 ? 2 : 1;
    options.dtype = DType::kFloat32;
    options.context_length = kImageTestContext;
    options.max_running_requests = 32;  // pages for all prompts, also in layers with windows
    std::shared_ptr<const RankTransport> transport = std::make_shared<const MessageTransport>();
    if (shares_memory) transport = std::make_shared<const SharedMemoryTransport>();
    auto placed = place_own_ranks(options, std::move(transport));
    CHECK(placed.ok(), "{}", placed.error().message);
    auto ranks = RankSet::load(*checkpoint_, options, std::move(*placed), make_null_logger(), {});
    CHECK(ranks.ok(), "{}", ranks.error().message);
    const Status used = (*ranks)->on_all_ranks([&](Rank& rank, int32_t) -> Status {
      rank.use_image_features(fixture_.features);
      return {};
    });
    CHECK(used.ok());
    pages_.emplace((*ranks)->scheduler_config(), kImageTestContext);
    CHECK(pages_->check_room(static_cast<int64_t>(num_prompts())).ok());
    return std::move(*ranks);
  }

  // Tokens [first, end) of a prompt and of what follows it, in the prompt's own pages.
  SequencePlan part(size_t index, std::span<const TokenId> all, size_t first, size_t end) const {
    SequencePlan plan;
    plan.request = index;
    plan.new_tokens.assign(all.begin() + static_cast<ptrdiff_t>(first), all.begin() + static_cast<ptrdiff_t>(end));
    plan.first_position = static_cast<int32_t>(first);
    plan.page_tables = pages_->tables(static_cast<int64_t>(index), plan.first_position, static_cast<int64_t>(end));
    plan.images = prompt(index).images_before(static_cast<int64_t>(end));
    return plan;
  }

  // Whether a step may end before this token of the prompt.
  bool may_cut(size_t index, size_t at) const {
    if (!config().sees_whole_images) return true;
    return std::ranges::none_of(prompt(index).images, [&](const ImageSpan& image) {
      return image.first < static_cast<int64_t>(at) && static_cast<int64_t>(at) < image.end();
    });
  }

  // The logits of all tokens of a prompt, computed in steps that end at `cuts` and at its end.
  std::vector<float> logits(Rank& rank, size_t index, const std::vector<size_t>& cuts = {}) const {
    const std::span<const TokenId> ids = prompt(index).ids;
    std::vector<float> out;
    size_t first = 0;
    for (size_t i = 0; i <= cuts.size(); ++i) {
      const size_t end = i < cuts.size() ? cuts[i] : ids.size();
      rank.runner().for_each_logits(
          {.step = 0, .sequences = {part(index, ids, first, end)}},
          [&](int64_t, std::span<const float> values) { out.insert(out.end(), values.begin(), values.end()); });
      first = end;
    }
    return out;
  }

  // The rows of `all` for which the fixture has expected ones.
  std::vector<float> kept(size_t index, const std::vector<float>& all) const {
    std::vector<float> out;
    for (const int32_t row : prompt(index).rows) {
      const auto begin = all.begin() + row * vocab();
      out.insert(out.end(), begin, begin + vocab());
    }
    return out;
  }

 private:
  TemporaryFolder folder_;
  ModelFixture model_;
  ImagePromptFixture fixture_;
  ImagePrompt text_;
  std::optional<Checkpoint> checkpoint_;
  std::optional<StaticPageTables> pages_;  // of the ranks that were loaded last
};

class ImagePrompts : public ::testing::TestWithParam<std::string> {
 protected:
  // Its rank 0.
  Rank& load(const RankOptions& options = {}) {
    loaded_ = ranks_.load(options);
    return loaded_->first();
  }

  // The greedy output after every image prompt: all in one batch, prefilled whole, then decoded together.
  std::vector<std::vector<TokenId>> greedy(Rank& rank) const {
    const auto& prompts = ranks_.fixture().prompts;
    std::vector<std::vector<TokenId>> output(prompts.size());
    for (size_t step = 0; step < prompts[0].greedy.size(); ++step) {
      StepPlan plan{.step = step, .sequences = {}};
      for (size_t index = 0; index < output.size(); ++index) {
        std::vector<TokenId> all = prompts[index].ids;
        all.insert(all.end(), output[index].begin(), output[index].end());
        SequencePlan sequence = ranks_.part(index, all, step == 0 ? 0 : all.size() - 1, all.size());
        sequence.samples = true;
        sequence.sampling.params.temperature = 0;
        plan.sequences.push_back(std::move(sequence));
      }
      const StepResult result = rank.runner().execute(plan);
      for (size_t index = 0; index < output.size(); ++index) {
        EXPECT_EQ(result.sequences[index].error, "");
        output[index].push_back(result.sequences[index].sampled.token);
      }
    }
    return output;
  }

  ImageRanks ranks_{GetParam()};
  std::unique_ptr<RankSet> loaded_;
};

TEST_P(ImagePrompts, HaveTheLogitsAndGreedyIdsOfTransformers) {
  for (const CpuIsa isa : testing::tested_isas()) {
    for (const char* backend : {"native", "fa"}) {
      SCOPED_TRACE(std::string(isa_name(isa)) + " " + backend);
      Rank& rank = load({.isa = isa, .attention_backend = backend});
      for (size_t index = 0; index < ranks_.fixture().prompts.size(); ++index) {
        const auto got = ranks_.kept(index, ranks_.logits(rank, index));
        EXPECT_LE(testing::relative_difference(got, ranks_.prompt(index).expected), kMaxLogitDifference)
            << "prompt " << index;
      }
      const auto output = greedy(rank);
      for (size_t index = 0; index < output.size(); ++index) {
        EXPECT_EQ(output[index], ranks_.prompt(index).greedy) << "prompt " << index;
      }
    }
  }
}

// Cut once at every place where the model allows it, and into single tokens as far as it does.
TEST_P(ImagePrompts, HaveTheSameBitsHoweverTheyAreCut) {
  Rank& rank = load();
  for (size_t index = 0; index < ranks_.num_prompts(); ++index) {
    const std::vector<float> whole = ranks_.logits(rank, index);
    std::vector<size_t> all_cuts;
    for (size_t at = 1; at < ranks_.prompt(index).ids.size(); ++at) {
      if (!ranks_.may_cut(index, at)) continue;
      all_cuts.push_back(at);
      EXPECT_EQ(ranks_.logits(rank, index, {at}), whole) << "prompt " << index << ", cut at " << at;
    }
    EXPECT_EQ(ranks_.logits(rank, index, all_cuts), whole) << "prompt " << index;
  }
}

// The second half of an image whose first half is in the prefix cache: its keys and values were computed with the
// whole.
TEST_P(ImagePrompts, HaveTheSameBitsBehindACachedPartOfAnImage) {
  Rank& rank = load();
  const std::vector<float> whole = ranks_.logits(rank, 0);
  const ImagePrompt& prompt = ranks_.prompt(0);
  const auto first = static_cast<size_t>(prompt.images[0].first + prompt.images[0].num_tokens() / 2);
  std::vector<float> rest;
  rank.runner().for_each_logits(
      {.step = 0, .sequences = {ranks_.part(0, prompt.ids, first, prompt.ids.size())}},
      [&](int64_t, std::span<const float> values) { rest.insert(rest.end(), values.begin(), values.end()); });
  EXPECT_EQ(rest, std::vector<float>(whole.begin() + static_cast<ptrdiff_t>(first) * ranks_.vocab(), whole.end()));
}

// One step of all prompts. The text's rows do not know that the others are in a grid.
TEST_P(ImagePrompts, HaveTheSameBitsBesideOthers) {
  Rank& rank = load();
  StepPlan plan;
  std::vector<float> alone;
  for (const size_t index : {size_t{1}, ranks_.num_prompts() - 1, size_t{0}, ranks_.num_prompts() - 2}) {
    const auto& ids = ranks_.prompt(index).ids;
    const std::vector<float> own = ranks_.logits(rank, index);
    alone.insert(alone.end(), own.begin(), own.end());
    plan.sequences.push_back(ranks_.part(index, ids, 0, ids.size()));
  }
  std::vector<float> together;
  rank.runner().for_each_logits(plan, [&](int64_t, std::span<const float> values) {
    together.insert(together.end(), values.begin(), values.end());
  });
  EXPECT_EQ(together, alone);
}

// Scored are the tokens of text, also the first one behind an image; placeholders keep their place without a score.
TEST_P(ImagePrompts, PlaceholdersHaveNoScore) {
  Rank& rank = load();
  const ImagePrompt& prompt = ranks_.prompt(1);
  SequencePlan sequence = ranks_.part(1, prompt.ids, 0, prompt.ids.size());
  sequence.scoring = {.tokens = {prompt.ids.begin() + 1, prompt.ids.end()}, .top_logprobs = 2};
  sequence.samples = true;
  sequence.sampling.params.temperature = 0;
  sequence.sampling.params.repetition_penalty = 1.5F;
  sequence.sampling.prompt_tokens = prompt.ids;
  const StepResult result = rank.runner().execute({.step = 0, .sequences = {sequence}});
  const std::vector<float> logits = ranks_.logits(rank, 1);
  ASSERT_EQ(result.sequences.size(), 1U);
  EXPECT_EQ(result.sequences[0].error, "");
  const auto& scored = result.sequences[0].prompt_logprobs;
  ASSERT_EQ(scored.size() + 1, prompt.ids.size());
  int num_scores = 0;
  for (size_t i = 0; i < scored.size(); ++i) {
    EXPECT_EQ(scored[i].token, prompt.ids[i + 1]);
    if (is_placeholder(scored[i].token)) {
      EXPECT_EQ(scored[i], (ScoredToken{.token = prompt.ids[i + 1], .logprob = 0, .top_logprobs = {}}));
      continue;
    }
    SamplerScratch scratch;
    const std::span<const float> row =
        std::span(logits).subspan(i * static_cast<size_t>(ranks_.vocab()), static_cast<size_t>(ranks_.vocab()));
    EXPECT_EQ(scored[i], score(row, prompt.ids[i + 1], 2, scratch).value());
    ++num_scores;
  }
  EXPECT_EQ(num_scores, std::ranges::count_if(prompt.ids, [](TokenId id) { return !is_placeholder(id); }) - 1);
}

// All prompts in one step of a layout, each in a group: logits by prompt.
std::map<size_t, std::vector<float>> logits_in_layout(ImageRanks& ranks, RankSet& set, bool in_halves, int32_t shift) {
  const ParallelLayout& layout = set.layout();
  std::vector<StepPlan> plans(static_cast<size_t>(layout.num_groups()));
  WorldStep step{.number = 1, .group_tokens = std::vector<int32_t>(plans.size()), .in_halves = in_halves};
  for (size_t index = 0; index < ranks.num_prompts(); ++index) {
    const size_t group = (index + static_cast<size_t>(shift)) % plans.size();
    const auto& ids = ranks.prompt(index).ids;
    plans[group].sequences.push_back(ranks.part(index, ids, 0, ids.size()));
    step.group_tokens[group] += static_cast<int32_t>(ids.size());
  }
  step.num_logit_rows = std::ranges::max(step.group_tokens);
  std::map<size_t, std::vector<float>> by_prompt;
  std::mutex mutex;
  const Status done = set.on_all_ranks([&](Rank& rank, int32_t) -> Status {
    const StepPlan& plan = plans[static_cast<size_t>(rank.place().attn_dp_rank)];
    std::vector<float> all;
    TRY_STATUS(rank.for_each_logits(plan, step, [&](int64_t, std::span<const float> values) {
      all.insert(all.end(), values.begin(), values.end());
    }));
    const std::scoped_lock lock(mutex);
    auto next = all.begin();
    for (const SequencePlan& sequence : plan.sequences) {
      const auto count = std::ssize(sequence.new_tokens) * set.config().vocab_size;
      std::vector<float> own(next, next + count);
      next += count;
      const auto [found, is_new] = by_prompt.emplace(sequence.request, own);
      EXPECT_TRUE(is_new || found->second == own) << "the ranks of a group have other logits";
    }
    return {};
  });
  EXPECT_TRUE(done.ok()) << done.error().message;
  return by_prompt;
}

// Each rank has some rows of an image, or none. A step in halves cuts images.
TEST_P(ImagePrompts, HaveTheLogitsOfOneRankInEveryLayout) {
  std::map<size_t, std::vector<float>> expected;
  {
    const auto alone = ranks_.load({});
    for (size_t index = 0; index < ranks_.num_prompts(); ++index) {
      expected[index] = ranks_.logits(alone->first(), index);
    }
  }
  std::vector<ParallelLayout> layouts = {{.tp_size = 2},
                                         {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true},
                                         {.tp_size = 4, .dp_size = 2, .enable_dp_attention = true},
                                         {.tp_size = 3}};
  if (testing::kUnderSanitizer) layouts = {layouts[2]};
  int num_layouts = 0;
  for (const ParallelLayout& layout : layouts) {
    if (!check_layout(layout, layout_model(ranks_.config())).ok()) continue;
    SCOPED_TRACE("tp " + std::to_string(layout.tp_size) + " dp " + std::to_string(layout.dp_size));
    ++num_layouts;
    for (const bool shares_memory : {true, false}) {
      const auto set = ranks_.load({.layout = layout}, shares_memory);
      const auto got = logits_in_layout(ranks_, *set, false, 0);
      ASSERT_EQ(got.size(), expected.size());
      for (const auto& [index, values] : expected) {
        ASSERT_EQ(got.at(index).size(), values.size());
        EXPECT_LE(testing::relative_difference(got.at(index), values), kMaxDifferenceOfLayouts) << "prompt " << index;
      }
      EXPECT_EQ(logits_in_layout(ranks_, *set, false, 1), got) << "in other groups";
      if (ranks_.config().sees_whole_images) continue;
      EXPECT_EQ(logits_in_layout(ranks_, *set, true, 0), got) << "in halves";
    }
  }
  EXPECT_GE(num_layouts, testing::kUnderSanitizer ? 0 : 1);
}

std::string fixture_of(const ::testing::TestParamInfo<std::string>& info) {
  return info.param;
}

INSTANTIATE_TEST_SUITE_P(Directories, ImagePrompts, ::testing::ValuesIn(testing::image_prompt_fixture_names()),
                         fixture_of);

}  // namespace
}  // namespace braid
