// Compares every family and option with transformers (tests/fixtures/models/README.md). Each checkpoint is written to a
// folder, loaded like a user's, and run through the model runner in every tier of this machine with both attention
// backends.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "braid/base/log.h"
#include "braid/hub/model_path.h"
#include "braid/scheduler/static_page_tables.h"
#include "braid/weights/checkpoint.h"
#include "braid/worker/rank_set.h"
#include "tests/support/model_fixture.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tested_isas.h"

namespace braid {
namespace {

using testing::FixturePrompt;
using testing::ModelFixture;
using testing::TemporaryFolder;

constexpr double kMaxRelativeDifference = 2e-4;  // of float32 logits, relative to the largest
constexpr double kMaxLogprobDifference = 2e-4;   // of float32 log-probabilities, relative to the largest logit
constexpr double kMaxKlRatio = 2.0;              // of bfloat16's median KL divergence, relative to transformers' own
constexpr double kMax8BitKlRatio = 3.0;   // of the median KL with activations of 8 bits, likewise; at most 2.2 seen
constexpr double kMaxInt8KlRatio = 6;     // and of weights that are quantized while loading: at most 4.4 seen
constexpr double kMaxInt4KlRatio = 1000;  // at most 642 seen: the square of the rounding's size
constexpr double kMaxInt8KvKlRatio = 6;   // and of keys and values in codes of 8 bits
constexpr double kMaxE4m3KvKlRatio = 100;
constexpr int32_t kPageSize = 16;
constexpr int32_t kContext = 256;
constexpr int32_t kChunk = 48;    // the longest prompt takes several steps, the last one short
constexpr int32_t kRunning = 16;  // pages for all prompts at once, also in layers with windows

struct Tier {
  CpuIsa isa;
  std::string attention_backend;

  std::string key() const { return std::string(isa_name(isa)) + "_" + attention_backend; }
};

std::vector<Tier> tiers() {
  std::vector<Tier> out;
  for (const CpuIsa isa : testing::tested_isas()) {
    for (const char* backend : {"native", "fa"}) out.push_back({isa, backend});
  }
  return out;
}

class HeldToTransformers : public ::testing::TestWithParam<std::string> {
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
  }

  // By default quantized weights meet exact rows, which is what transformers computes.
  std::unique_ptr<RankSet> load(const Tier& tier, DType dtype, ActivationBits activations = ActivationBits::kExact,
                                Quantization quantization = Quantization::kNone,
                                std::optional<KvDType> kv_dtype = std::nullopt) {
    RankOptions options;
    options.isa = tier.isa;
    options.attention_backend = tier.attention_backend;
    options.threads_per_rank = 2;
    options.dtype = dtype;
    options.kv_cache_dtype = kv_dtype;
    options.page_size = kPageSize;
    options.context_length = kContext;
    options.max_running_requests = kRunning;
    options.activation_bits = activations;
    options.quantization = quantization;
    auto ranks = RankSet::load(*checkpoint_, options, make_null_logger(), {});
    EXPECT_TRUE(ranks.ok()) << ranks.error().message;
    if (!ranks.ok()) return nullptr;
    pages_.emplace((*ranks)->scheduler_config(), kContext);
    EXPECT_TRUE(pages_->check_room(std::ssize(fixture_.prompts)).ok());
    return std::move(ranks).value();
  }

  // For a request of `num_tokens` tokens in all.
  bool is_long(size_t num_tokens) const {
    const int32_t from = checkpoint_->config().long_rope_from();
    return from > 0 && num_tokens > static_cast<size_t>(from);
  }

  // The next part of prompt `index`: `tokens` [first, first + n). Each prompt has pages of its own.
  SequencePlan part(size_t index, std::span<const TokenId> tokens, size_t first) const {
    SequencePlan plan;
    plan.request = index;
    plan.has_long_rope = is_long(std::max(first + tokens.size(), fixture_.prompts[index].ids.size()));
    plan.new_tokens.assign(tokens.begin(), tokens.end());
    plan.first_position = static_cast<int32_t>(first);
    plan.page_tables =
        pages_->tables(static_cast<int64_t>(index), plan.first_position, static_cast<int64_t>(first + tokens.size()));
    return plan;
  }

  // The logits of the rows that the fixture keeps, for all prompts one after another.
  std::vector<float> logits(Rank& rank) const {
    std::vector<float> out;
    for (size_t index = 0; index < fixture_.prompts.size(); ++index) {
      const FixturePrompt& prompt = fixture_.prompts[index];
      auto next = prompt.rows.begin();
      for (size_t first = 0; first < prompt.ids.size(); first += kChunk) {
        const auto ids = std::span<const TokenId>(prompt.ids).subspan(first);
        const StepPlan plan{.step = 0,
                            .sequences = {part(index, ids.first(std::min<size_t>(kChunk, ids.size())), first)}};
        rank.runner().for_each_logits(plan, [&](int64_t row, std::span<const float> values) {
          if (next == prompt.rows.end() || *next != static_cast<int64_t>(first) + row) return;
          out.insert(out.end(), values.begin(), values.end());
          ++next;
        });
      }
    }
    return out;
  }

  // The largest difference between prompt tokens' log-probabilities and the log-softmax of the fixture's logits (where
  // it keeps the previous row), relative to the largest logit. All prompts run in one batch, in chunks. -1: something
  // else is wrong.
  double prompt_logprob_difference(Rank& rank) const {
    constexpr int32_t kTop = 3;
    std::vector<std::vector<ScoredToken>> scored(fixture_.prompts.size());
    bool is_done = false;
    for (size_t first = 0; !is_done; first += kChunk) {
      StepPlan plan;
      is_done = true;
      for (size_t index = 0; index < fixture_.prompts.size(); ++index) {
        const std::span<const TokenId> ids = fixture_.prompts[index].ids;
        if (first >= ids.size()) continue;
        is_done = false;
        SequencePlan sequence = part(index, ids.subspan(first, std::min<size_t>(kChunk, ids.size() - first)), first);
        const size_t end = std::min(first + sequence.new_tokens.size() + 1, ids.size());
        sequence.scoring = {
            .tokens = {ids.begin() + static_cast<ptrdiff_t>(first) + 1, ids.begin() + static_cast<ptrdiff_t>(end)},
            .top_logprobs = kTop};
        plan.sequences.push_back(std::move(sequence));
      }
      for (SequenceResult& result : rank.runner().execute(plan).sequences) {
        EXPECT_EQ(result.error, "");
        auto& own = scored[result.request];
        own.insert(own.end(), result.prompt_logprobs.begin(), result.prompt_logprobs.end());
      }
    }
    const auto vocab = static_cast<size_t>(fixture_.vocab);
    double worst = 0;
    double largest = 0;
    size_t num_compared = 0;
    for (size_t index = 0; index < scored.size(); ++index) {
      const FixturePrompt& prompt = fixture_.prompts[index];
      if (scored[index].size() + 1 != prompt.ids.size()) return -1;
      for (size_t i = 0; i < prompt.rows.size(); ++i) {
        const auto row = static_cast<size_t>(prompt.rows[i]);
        if (row + 1 >= prompt.ids.size()) continue;
        const auto logits = prompt.expected.subspan(i * vocab, vocab);
        double sum = 0;
        for (const float x : logits) sum += std::exp(static_cast<double>(x));
        const auto expected = [&](TokenId token) { return logits[static_cast<size_t>(token)] - std::log(sum); };
        const ScoredToken& own = scored[index][row];
        if (own.token != prompt.ids[row + 1] || own.top_logprobs.size() != kTop) return -1;
        worst = std::max(worst, std::abs(own.logprob - expected(own.token)));
        for (const TokenLogprob& top : own.top_logprobs) {
          worst = std::max(worst, std::abs(top.logprob - expected(top.token)));
        }
        const float best = *std::ranges::max_element(logits);
        worst = std::max(worst, std::abs(own.top_logprobs[0].logprob - (best - std::log(sum))));
        for (const float x : logits) largest = std::max(largest, std::abs(static_cast<double>(x)));
        ++num_compared;
      }
    }
    return num_compared > 0 ? worst / largest : -1;
  }

  // The greedy output after every prompt: all in one batch, prefilled whole, then decoded together. If
  // log-probabilities are requested, the sampler reads all logits; otherwise the head's product returns only the
  // largest.
  std::vector<std::vector<TokenId>> greedy(Rank& rank, bool with_logprobs = false) const {
    std::vector<std::vector<TokenId>> output(fixture_.prompts.size());
    for (size_t step = 0; step < fixture_.prompts[0].greedy.size(); ++step) {
      StepPlan plan{.step = step, .sequences = {}};
      for (size_t index = 0; index < output.size(); ++index) {
        std::vector<TokenId> all = fixture_.prompts[index].ids;
        const auto& ids = fixture_.prompts[index].ids;
        all.insert(all.end(), output[index].begin(), output[index].end());
        // A request that becomes long is recomputed once.
        const size_t first = step == 0 || is_long(all.size()) != is_long(all.size() - 1) ? 0 : all.size() - 1;
        SequencePlan sequence = part(index, std::span<const TokenId>(all).subspan(first), first);
        sequence.samples = true;
        sequence.sampling.params.temperature = 0;
        sequence.sampling.params.logprobs = with_logprobs;
        sequence.sampling.num_prompt_tokens = static_cast<int32_t>(ids.size());
        sequence.sampling.num_output_tokens = static_cast<int32_t>(step);
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

  TemporaryFolder folder_;
  ModelFixture fixture_;
  std::unique_ptr<Checkpoint> checkpoint_;
  std::optional<StaticPageTables> pages_;  // of the ranks that were loaded last
};

TEST_P(HeldToTransformers, Float32LogitsAndGreedyIdsAreTheSame) {
  for (const Tier& tier : tiers()) {
    SCOPED_TRACE(tier.key());
    const auto ranks = load(tier, DType::kFloat32);
    ASSERT_NE(ranks, nullptr);
    const double difference = testing::relative_difference(logits(ranks->first()), fixture_.logits);
    EXPECT_LE(difference, kMaxRelativeDifference);
    RecordProperty(tier.key(), fmt::format("{:.1e}", difference));
    const auto output = greedy(ranks->first());
    for (size_t index = 0; index < output.size(); ++index) {
      EXPECT_EQ(output[index], fixture_.prompts[index].greedy) << "prompt " << index;
    }
  }
}

TEST_P(HeldToTransformers, PromptLogprobsAreTheLogSoftmaxOfItsLogits) {
  for (const Tier& tier : tiers()) {
    SCOPED_TRACE(tier.key());
    const auto ranks = load(tier, DType::kFloat32);
    ASSERT_NE(ranks, nullptr);
    const double difference = prompt_logprob_difference(ranks->first());
    EXPECT_GE(difference, 0.0);
    EXPECT_LE(difference, kMaxLogprobDifference);
  }
}

TEST_P(HeldToTransformers, Bfloat16IsAtMostTwiceAsFarFromFloat32AsTransformersOwn) {
  for (const Tier& tier : tiers()) {
    SCOPED_TRACE(tier.key());
    const auto ranks = load(tier, DType::kBFloat16);
    ASSERT_NE(ranks, nullptr);
    EXPECT_EQ(greedy(ranks->first(), false), greedy(ranks->first(), true));
    const double kl = testing::median_kl(logits(ranks->first()), fixture_.logits, fixture_.vocab);
    EXPECT_LE(kl, kMaxKlRatio * fixture_.bfloat16_median_kl);
    RecordProperty(tier.key(), fmt::format("{:.2f}", kl / fixture_.bfloat16_median_kl));
  }
}

// Rows rounded for quantized weights: with 16 bits as near to float32 as bfloat16, with 8 farther, but not by much.
TEST_P(HeldToTransformers, RoundedActivationsAreNearFloat32) {
  for (const Tier& tier : tiers()) {
    SCOPED_TRACE(tier.key());
    const auto ratio = [&](ActivationBits activations) {
      const auto ranks = load(tier, DType::kBFloat16, activations);
      CHECK(ranks != nullptr);
      return testing::median_kl(logits(ranks->first()), fixture_.logits, fixture_.vocab) / fixture_.bfloat16_median_kl;
    };
    const double of_8 = ratio(ActivationBits::k8);
    const double of_16 = ratio(ActivationBits::k16);
    RecordProperty(tier.key(), fmt::format("8 bits {:.2f}, 16 bits {:.2f}", of_8, of_16));
    EXPECT_LE(of_8, kMax8BitKlRatio);
    EXPECT_LE(of_16, kMaxKlRatio);
  }
}

// Everything between two products is float32 then. (FP8 meets exact rows, in bfloat16.)
TEST_P(HeldToTransformers, RowsOf8BitsAreRoundedOnce) {
  const ModelConfig& config = checkpoint_->config();
  const Tier tier = tiers().back();
  const auto narrow = load(tier, DType::kBFloat16, ActivationBits::k8, Quantization::kInt8, KvDType(DType::kFloat32));
  const auto wide = load(tier, DType::kFloat32, ActivationBits::k8, Quantization::kInt8, KvDType(DType::kFloat32));
  ASSERT_TRUE(narrow != nullptr && wide != nullptr);
  const bool has_fp8 = std::ranges::any_of(checkpoint_->tensors(), [](const auto& named) {
    const auto format = named.second.quantized_format();
    return format && !allows_rounded_rows(*format);
  });
  if (has_fp8 || config.rounds_embedding_multiplier) return;
  EXPECT_EQ(logits(narrow->first()), logits(wide->first()));
}

// Rounding weights to 8 bits moves the logits a few times as far as bfloat16 does, to 4 bits some hundred times.
TEST_P(HeldToTransformers, WeightsQuantizedWhileLoadingAreNearTheirOwn) {
  const Tier tier = tiers().back();
  const auto exact = load(tier, DType::kBFloat16);
  const auto int8 = load(tier, DType::kBFloat16, ActivationBits::kExact, Quantization::kInt8);
  const auto int4 = load(tier, DType::kBFloat16, ActivationBits::kExact, Quantization::kInt4);
  ASSERT_TRUE(exact != nullptr && int8 != nullptr && int4 != nullptr);
  const auto kl = [&](RankSet& ranks) {
    return testing::median_kl(logits(ranks.first()), fixture_.logits, fixture_.vocab);
  };
  RecordProperty("int8", fmt::format("{:.2e}", kl(*int8)));
  RecordProperty("int4", fmt::format("{:.2e}", kl(*int4)));
  EXPECT_LE(kl(*int8), kMaxInt8KlRatio * fixture_.bfloat16_median_kl);
  EXPECT_LE(kl(*int4), kMaxInt4KlRatio * fixture_.bfloat16_median_kl);
  const bool is_stored_in_16_bits = checkpoint_->config().quantization.schemes.empty() && !fixture_.tensors.empty();
  if (is_stored_in_16_bits) {
    EXPECT_GT(kl(*int4), kl(*int8));
    EXPECT_LT(int8->weight_bytes(), exact->weight_bytes());
    EXPECT_LT(int4->weight_bytes(), int8->weight_bytes());
  }
}

TEST_P(HeldToTransformers, CodesOfKeysAndValuesAreNearFloat32) {
  for (const Tier& tier : tiers()) {
    SCOPED_TRACE(tier.key());
    const auto int8 = load(tier, DType::kBFloat16, ActivationBits::kExact, Quantization::kNone,
                           KvDType(DType::kBFloat16, KvCodes::kInt8));
    const auto e4m3 = load(tier, DType::kBFloat16, ActivationBits::kExact, Quantization::kNone,
                           KvDType(DType::kBFloat16, KvCodes::kE4m3));
    ASSERT_TRUE(int8 != nullptr && e4m3 != nullptr);
    const auto ratio = [&](RankSet& ranks) {
      return testing::median_kl(logits(ranks.first()), fixture_.logits, fixture_.vocab) / fixture_.bfloat16_median_kl;
    };
    const double of_int8 = ratio(*int8);
    const double of_e4m3 = ratio(*e4m3);
    RecordProperty(tier.key(), fmt::format("int8 {:.2f}, fp8_e4m3 {:.2f}", of_int8, of_e4m3));
    EXPECT_LE(of_int8, kMaxInt8KvKlRatio);
    EXPECT_LE(of_e4m3, kMaxE4m3KvKlRatio);
  }
}

std::string name_of(const ::testing::TestParamInfo<std::string>& info) {
  return info.param;
}

INSTANTIATE_TEST_SUITE_P(Directories, HeldToTransformers, ::testing::ValuesIn(testing::tested_checkpoint_names()),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Gguf, HeldToTransformers, ::testing::ValuesIn(testing::tested_gguf_names()), name_of);

// Finite weights, which loading accepts.
TEST(ModelRunner, AGreedyRequestWhoseLogitsOverflowHasTheUsualError) {
  ModelFixture fixture = testing::read_model_fixture("mixtral_plain");
  for (testing::FixtureTensor& tensor : fixture.tensors) {
    if (tensor.name == "model.norm.weight") tensor.offset = 3e38F;
  }
  const TemporaryFolder folder;
  testing::write_checkpoint(fixture, folder.path());
  auto model = resolve_model_path(folder.path().string(), {});
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto checkpoint = Checkpoint::open(*model);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  RankOptions options;
  options.dtype = DType::kFloat32;
  options.page_size = kPageSize;
  options.context_length = kContext;
  options.max_running_requests = 2;
  const auto ranks = RankSet::load(*checkpoint, options, make_null_logger(), {});
  ASSERT_TRUE(ranks.ok()) << ranks.error().message;
  const StaticPageTables pages((*ranks)->scheduler_config(), kContext);
  StepPlan plan;
  for (const float temperature : {0.0F, 1.0F}) {
    const auto request = static_cast<int64_t>(plan.sequences.size());
    plan.sequences.push_back({.request = static_cast<RequestId>(request),
                              .new_tokens = {1, 2, 3},
                              .page_tables = pages.tables(request, 0, 3)});
    plan.sequences.back().samples = true;
    plan.sequences.back().sampling.params.temperature = temperature;
  }
  const StepResult mixed = (*ranks)->first().runner().execute(plan);
  plan.sequences.pop_back();
  const StepResult greedy = (*ranks)->first().runner().execute(plan);
  ASSERT_EQ(mixed.sequences.size(), 2U);
  ASSERT_EQ(greedy.sequences.size(), 1U);
  EXPECT_TRUE(greedy.sequences[0].error.starts_with("the model's logit for token ")) << greedy.sequences[0].error;
  for (const SequenceResult& sequence : mixed.sequences) EXPECT_EQ(sequence.error, greedy.sequences[0].error);
}

// A checkpoint in several files computes the same as in one.
TEST(ShardedCheckpoint, HasTheTensorsOfTheSingleFile) {
  const ModelFixture fixture = testing::read_model_fixture("mixtral_plain");
  const TemporaryFolder folder;
  testing::write_checkpoint(fixture, folder.path(), {.num_shards = 3});
  auto model = resolve_model_path(folder.path().string(), {});
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto checkpoint = Checkpoint::open(*model);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensors().size(), fixture.tensors.size());
}

}  // namespace
}  // namespace braid
