// A request's output does not depend on how it was dispatched. 200 mixed requests over several DP groups have the same
// tokens, log-probabilities and text, bit for bit, as each request alone: in any order and company, in every padding
// mode and dispatch mode, under every policy and in each group.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <functional>
#include <latch>
#include <map>
#include <random>
#include <span>
#include <thread>

#include "braid/grammar/compiled_grammar.h"
#include "braid/grammar/grammar_compiler.h"
#include "tests/support/api/tiny_engine.h"
#include "tests/support/sanitizer.h"

namespace braid {
namespace {

constexpr size_t kNumMixed = testing::kUnderThreadSanitizer ? 18 : testing::kUnderAddressSanitizer ? 40 : 200;

constexpr const char* kMixtureModel = "tests/fixtures/models/gguf_qwen3_moe/model.gguf";

enum class MixedForm : uint8_t { kFree, kRegex, kSchema };

// A request of the mix. It names its grammar's kind only, because compiled grammars belong to an engine.
struct MixedRequest {
  GenerationRequest request;
  MixedForm form = MixedForm::kFree;
  bool is_aborted = false;  // after a few tokens, if requests run together
};

// One choice's output: the bits of its tokens and log-probabilities (the prompt's first), its text, and why it ended.
struct MixedChoice {
  std::vector<uint32_t> bits;
  std::string text;
  FinishReason finish = FinishReason::kNone;

  bool operator==(const MixedChoice&) const = default;
};
using MixedAnswer = std::map<int32_t, MixedChoice>;

template <typename Token>
void add_bits_of(const Token& token, std::vector<uint32_t>& bits) {
  bits.push_back(static_cast<uint32_t>(token.token));
  bits.push_back(std::bit_cast<uint32_t>(token.logprob));
  for (const TokenLogprob& top : token.top_logprobs) {
    bits.push_back(static_cast<uint32_t>(top.token));
    bits.push_back(std::bit_cast<uint32_t>(top.logprob));
  }
}

std::vector<MixedRequest> mixed_requests(uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&](uint32_t low, uint32_t high) { return low + random() % (high - low + 1); };
  const auto token = [&] { return static_cast<TokenId>(pick(0, 250)); };
  std::vector<std::vector<TokenId>> prefixes(4, std::vector<TokenId>(90));
  for (auto& prefix : prefixes) std::ranges::generate(prefix, token);
  std::vector<MixedRequest> mixed;
  for (size_t i = 0; i < kNumMixed; ++i) {
    std::vector<TokenId> prompt;
    if (i % 3 != 0) prompt = prefixes[pick(0, 3)];
    const size_t prompt_len = prompt.size() + (i % 10 == 9 ? pick(120, 200) : pick(1, 20));
    while (prompt.size() < prompt_len) prompt.push_back(token());

    MixedRequest one{.request = {.prompt = std::move(prompt), .ignore_eos = i % 2 == 0}};
    SamplingParams& sampling = one.request.sampling;
    sampling.seed = random();
    sampling.max_new_tokens = static_cast<int32_t>(i % 4 == 1 ? pick(60, 70) : pick(1, 16));
    sampling.temperature = i % 2 == 0 ? 0.0F : 0.9F;
    sampling.top_p = i % 4 == 1 ? 0.9F : 1.0F;
    sampling.top_k = i % 5 == 3 ? 20 : 0;
    sampling.repetition_penalty = i % 4 == 2 ? 1.3F : 1.0F;
    sampling.presence_penalty = i % 7 == 3 ? 0.5F : 0.0F;
    sampling.logprobs = true;
    sampling.top_logprobs = static_cast<int32_t>(pick(0, 3));
    if (i % 8 == 4) sampling.prompt_logprobs_start = static_cast<int32_t>(pick(0, 20) % prompt_len);
    if (i % 9 == 2) one.form = i % 2 == 0 ? MixedForm::kRegex : MixedForm::kSchema;
    if (i % 11 == 6) one.request.n = 2;
    if (i % 16 == 7) {
      one.is_aborted = true;
      one.request.ignore_eos = true;
      sampling.max_new_tokens = 40;
    }
    mixed.push_back(std::move(one));
  }
  return mixed;
}

// The order in which requests arrive, and how the engine's options differ from the plain ones.
struct DispatchVariant {
  std::string name;
  enum class Order : uint8_t { kAlone, kTogether, kBackwards, kShuffled };
  Order order = Order::kTogether;
  std::optional<int32_t> only_group = {};
  std::function<void(EngineOptions&)> change = [](EngineOptions&) {};
  // Checks that the run did what the variant is for.
  std::function<void(const EngineStats&)> check = [](const EngineStats&) {};
};

struct MixedLayout {
  std::string name;
  ParallelLayout layout;
};
void PrintTo(const MixedLayout& tested, std::ostream* out) {
  *out << tested.name;
}

class MixedRun {
 public:
  MixedRun(const ParallelLayout& layout, const DispatchVariant& variant) : variant_(variant) {
    EngineOptions options{.source = {.model_path = kMixtureModel}};
    options.rank = {.layout = layout,
                    .threads_per_rank = 1,
                    .chunked_prefill_size = 64,
                    .max_running_requests = 32,
                    .max_total_tokens = 8192};
    variant.change(options);
    engine_ = testing::load_tiny_engine(options);
    regex_ = engine_->grammars().regex("[a-f]{3,40}").value();
    schema_ = engine_->grammars()
                  .json_schema(parse_json(R"({"type": "object", "properties": {"a": {"type": "integer"},
                    "b": {"enum": ["x", "y"]}}, "required": ["a", "b"]})")
                                   .value())
                  .value();
  }

  std::vector<MixedAnswer> answers(const std::vector<MixedRequest>& mixed) {
    std::vector<MixedAnswer> answers(mixed.size());
    std::vector<std::atomic<SubmissionId>> ids(mixed.size());
    std::vector<size_t> order(mixed.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    if (variant_.order == DispatchVariant::Order::kBackwards) std::ranges::reverse(order);
    if (variant_.order == DispatchVariant::Order::kShuffled) std::ranges::shuffle(order, std::mt19937(5));
    const bool is_alone = variant_.order == DispatchVariant::Order::kAlone;

    std::latch all_submitted(1);
    if (!is_alone) stand_still(all_submitted);
    for (const size_t i : order) {
      auto num_deltas = std::make_shared<int>(0);
      const bool is_aborted = mixed[i].is_aborted && !is_alone;
      const auto id = engine_->submit(prepared(mixed[i]), [&, i, is_aborted, num_deltas](const Delta& delta) {
        take(delta, answers[i]);
        if (!is_aborted || ++*num_deltas != 4) return;
        while (ids[i] == 0) std::this_thread::yield();  // submit() has yet to say it
        engine_->abort(ids[i]);
      });
      CHECK(id.ok(), "{}", id.error().message);
      ids[i] = *id;
      if (is_alone) engine_->wait(*id);
    }
    all_submitted.count_down();
    for (const auto& id : ids) engine_->wait(id);
    variant_.check(engine_->stats());
    return answers;
  }

 private:
  static void take(const Delta& delta, MixedAnswer& answer) {
    EXPECT_NE(delta.finish, FinishReason::kError) << delta.error;
    MixedChoice& choice = answer[delta.index];
    for (const ScoredToken& token : delta.prompt_logprobs) add_bits_of(token, choice.bits);
    for (const SampledToken& token : delta.tokens) add_bits_of(token, choice.bits);
    choice.text += delta.text;
    choice.finish = delta.finish;
  }

  GenerationRequest prepared(const MixedRequest& mixed) const {
    GenerationRequest request = mixed.request;
    if (mixed.form != MixedForm::kFree) {
      request.grammar = GrammarConstraint{.grammar = mixed.form == MixedForm::kRegex ? regex_ : schema_};
    }
    if (variant_.only_group) {
      request.dp_rank = variant_.only_group;
      request.dp_rank_strict = true;
    }
    return request;
  }

  // Blocks the controller in a callback of another request until all are submitted.
  void stand_still(std::latch& until) {
    std::latch stands(1);
    GenerationRequest first{.prompt = std::vector<TokenId>{1}, .ignore_eos = true};
    first.sampling.max_new_tokens = 1;
    const auto id = engine_->submit(first, [&](const Delta& delta) {
      if (delta.finish == FinishReason::kNone) return;
      stands.count_down();
      until.wait();
    });
    CHECK(id.ok(), "{}", id.error().message);
    stands.wait();
  }

  const DispatchVariant& variant_;
  std::shared_ptr<const CompiledGrammar> regex_;
  std::shared_ptr<const CompiledGrammar> schema_;
  std::unique_ptr<Engine> engine_;  // last, so destroyed first: its thread calls take()
};

DispatchVariant with_padding(DpPaddingMode mode) {
  return {.name = fmt::format("padding {}", padding_mode_name(mode)),
          .change = [mode](EngineOptions& options) { options.rank.dp_padding = DpPadding::fixed(mode); }};
}

DispatchVariant with_policy(LoadBalanceMethod method) {
  return {.name = fmt::format("policy {}", load_balance_method_name(method)),
          .change = [method](EngineOptions& options) { options.load_balance_method = method; },
          .check =
              [](const EngineStats& stats) {
                for (const GroupLoad& group : stats.groups) EXPECT_GT(group.num_steps, 5U) << "all groups have worked";
              }};
}

DispatchVariant in_group(int32_t only) {
  return {.name = fmt::format("all in group {}", only), .only_group = only, .check = [only](const EngineStats& stats) {
            const auto own = static_cast<size_t>(only);
            EXPECT_LE(stats.groups[1 - own].num_steps, 1U) << "but for the request that all waited behind";
            EXPECT_GT(stats.groups[own].num_steps, 5U);
          }};
}

// Every way in which requests can reach their groups. A new way needs an entry here.
std::vector<DispatchVariant> variants() {
  using enum DispatchVariant::Order;
  return {
      {.name = "together",
       .check =
           [](const EngineStats& stats) { EXPECT_GT(stats.scheduler.num_cached_tokens, 0U) << "prefixes are shared"; }},
      {.name = "backwards", .order = kBackwards},
      {.name = "shuffled", .order = kShuffled},
      {.name = "alone, with the prefix cache", .order = kAlone},
      {.name = "direct dispatch",
       .change = [](EngineOptions& options) { options.dispatch_mode = DispatchMode::kDirect; }},
      with_padding(DpPaddingMode::kMaxLen),
      with_padding(DpPaddingMode::kSumLen),
      with_padding(DpPaddingMode::kExact),
      with_policy(LoadBalanceMethod::kRoundRobin),
      with_policy(LoadBalanceMethod::kShortestQueue),
      with_policy(LoadBalanceMethod::kMinimumTokens),
      with_policy(LoadBalanceMethod::kPrefixAffinity),
      with_policy(LoadBalanceMethod::kMeasuredTime),
      in_group(0),
      in_group(1),
      {.name = "so little KV that requests are preempted",
       .change = [](EngineOptions& options) { options.rank.max_total_tokens = 736; },
       .check =
           [](const EngineStats& stats) {
             if (testing::kUnderSanitizer) return;  // its few requests fit into the pool
             EXPECT_GT(stats.scheduler.num_preemptions, 0U);
           }},
  };
}

// The reference is each request alone in group 0, without a prefix cache.
DispatchVariant reference() {
  return {.name = "reference",
          .order = DispatchVariant::Order::kAlone,
          .only_group = 0,
          .change = [](EngineOptions& options) { options.rank.radix_cache = false; }};
}

void expect_same(const MixedRequest& mixed, const MixedAnswer& expected, const MixedAnswer& got) {
  ASSERT_EQ(expected.size(), got.size());
  for (const auto& [index, whole] : expected) {
    const MixedChoice& choice = got.at(index);
    if (choice.finish == FinishReason::kAbort) {
      ASSERT_TRUE(mixed.is_aborted);
      ASSERT_LE(choice.bits.size(), whole.bits.size());
      EXPECT_TRUE(std::ranges::equal(choice.bits, std::span(whole.bits).first(choice.bits.size())));
    } else {
      EXPECT_EQ(choice, whole);
    }
  }
}

class DispatchInvariance : public ::testing::TestWithParam<MixedLayout> {};

TEST_P(DispatchInvariance, ARequestGetsTheSameBitsHoweverItIsDispatched) {
  const auto mixed = mixed_requests(20261122);
  const auto expected = MixedRun(GetParam().layout, reference()).answers(mixed);
  for (const DispatchVariant& variant : variants()) {
    SCOPED_TRACE(variant.name);
    const auto got = MixedRun(GetParam().layout, variant).answers(mixed);
    size_t num_aborted = 0;
    for (size_t i = 0; i < mixed.size(); ++i) {
      SCOPED_TRACE(fmt::format("request {}", i));
      expect_same(mixed[i], expected[i], got[i]);
      num_aborted += got[i].at(0).finish == FinishReason::kAbort ? 1 : 0;
    }
    EXPECT_EQ(num_aborted > 0, variant.order != DispatchVariant::Order::kAlone);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, DispatchInvariance,
    ::testing::Values(MixedLayout{"tp2_dp2", {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}},
                      MixedLayout{
                          "tp4_dp2_ep",
                          {.tp_size = 4, .dp_size = 2, .enable_dp_attention = true, .moe_parallel = MoeParallel::kEp}}),
    [](const auto& split) { return split.param.name; });

}  // namespace
}  // namespace braid
