// Batch invariance: a request's output does not depend on its neighbours. Tokens and log-probabilities of mixed
// requests have the same bits alone and together, for any chunk size, page size and number of threads, with and without
// the prefix cache and preemptions, in every tier, dtype, KV dtype and attention backend.
#include <gtest/gtest.h>

#include <bit>
#include <latch>
#include <mutex>
#include <random>
#include <string_view>

#include "braid/api/engine.h"
#include "tests/support/api/windowed_model.h"
#include "tests/support/sanitizer.h"
#include "tests/support/tested_isas.h"

namespace braid {
namespace {

struct Layout {
  int32_t threads = 1;
  int32_t page_size = 16;
  int32_t chunked_prefill_size = 512;
  int64_t max_total_tokens = 0;
  bool radix_cache = true;
};

struct Arithmetic {
  CpuIsa isa = CpuIsa::kPortable;
  DType dtype = DType::kBFloat16;
  std::string backend;
  KvCodes kv_codes = KvCodes::kNone;

  std::string name() const {
    const std::string name = std::string(isa_name(isa)) + "_" + std::string(dtype_name(dtype)) + "_" + backend;
    return kv_codes == KvCodes::kNone ? name : name + "_" + std::string(kv_dtype_name(dtype, kv_codes));
  }
};
void PrintTo(const Arithmetic& arithmetic, std::ostream* out) {
  *out << arithmetic.name();
}

std::vector<GenerationRequest> random_requests(uint32_t seed, int64_t vocab_size) {
  std::mt19937 random(seed);
  std::vector<TokenId> shared(70);
  for (TokenId& id : shared) id = static_cast<TokenId>(random() % static_cast<uint32_t>(vocab_size));
  std::vector<GenerationRequest> requests;
  for (int i = 0; i < 10; ++i) {
    std::vector<TokenId> prompt;
    if (random() % 2 == 0) prompt.assign(shared.begin(), shared.begin() + 33 + random() % (shared.size() - 33));
    const size_t length = prompt.size() + 1 + random() % 40;
    while (prompt.size() < length) prompt.push_back(static_cast<TokenId>(random() % static_cast<uint32_t>(vocab_size)));
    GenerationRequest request{.prompt = std::move(prompt), .ignore_eos = true};
    request.sampling.temperature = random() % 2 == 0 ? 0.0F : 0.9F;
    request.sampling.top_p = 0.95F;
    request.sampling.repetition_penalty = random() % 3 == 0 ? 1.2F : 1.0F;
    request.sampling.seed = random();
    request.sampling.max_new_tokens = static_cast<int32_t>(1 + random() % 64);
    if (i == 1 || i == 2) {  // both start small; together they outgrow the smallest pool
      std::get<std::vector<TokenId>>(request.prompt).resize(8, 1);
      request.sampling.max_new_tokens = 120;
    }
    request.sampling.logprobs = true;
    request.sampling.top_logprobs = 2;
    if (i % 3 == 0) {  // scores its prompt; request 0 scores all of it and generates nothing
      request.sampling.prompt_logprobs_start = i == 0 ? 0 : static_cast<int32_t>(length) / 2;
      if (i == 0) request.sampling.max_new_tokens = 0;
    }
    requests.push_back(std::move(request));
  }
  return requests;
}

// Token ids, and the bits of every log-probability.
using Bits = std::vector<uint32_t>;

void add_bits(const SampledToken& token, Bits& bits) {
  bits.push_back(static_cast<uint32_t>(token.token));
  bits.push_back(std::bit_cast<uint32_t>(token.logprob));
  for (const TokenLogprob& top : token.top_logprobs) {
    bits.push_back(static_cast<uint32_t>(top.token));
    bits.push_back(std::bit_cast<uint32_t>(top.logprob));
  }
}

std::vector<Bits> run(const ModelSourceOptions& model, const Arithmetic& arithmetic, const Layout& layout,
                      const std::vector<GenerationRequest>& requests, bool together) {
  EngineOptions options{.source = model};
  options.rank = {.isa = arithmetic.isa,
                  .threads_per_rank = layout.threads,
                  .dtype = arithmetic.dtype,
                  .kv_cache_dtype = KvDType(arithmetic.dtype, arithmetic.kv_codes),
                  .attention_backend = arithmetic.backend,
                  .page_size = layout.page_size,
                  .chunked_prefill_size = layout.chunked_prefill_size,
                  .max_total_tokens = layout.max_total_tokens,
                  .radix_cache = layout.radix_cache};
  auto loaded = Engine::load(options, make_null_logger());
  CHECK(loaded.ok(), "{}", loaded.error().message);
  Engine& engine = **loaded;
  std::vector<Bits> results(requests.size());
  std::vector<SubmissionId> ids;
  // Together: a callback of another request blocks the engine until all are submitted.
  std::latch stands_still(1);
  std::latch all_submitted(1);
  if (together) {
    GenerationRequest first{.prompt = std::vector<TokenId>{1}};
    first.sampling.max_new_tokens = 1;
    const auto stand_still = [&](const Delta& delta) {
      if (delta.finish == FinishReason::kNone) return;
      stands_still.count_down();
      all_submitted.wait();
    };
    ids.push_back(engine.submit(first, stand_still).value());
    stands_still.wait();
  }
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto id = engine.submit(requests[i], [&results, i](const Delta& delta) {
      EXPECT_NE(delta.finish, FinishReason::kError) << delta.error;
      for (const ScoredToken& token : delta.prompt_logprobs) add_bits(token, results[i]);
      for (const SampledToken& token : delta.tokens) add_bits(token, results[i]);
    });
    CHECK(id.ok(), "{}", id.error().message);
    ids.push_back(*id);
    if (!together) engine.wait(*id);
  }
  all_submitted.count_down();
  for (const SubmissionId id : ids) engine.wait(id);
  if (layout.max_total_tokens > 0) {
    EXPECT_GT(engine.stats().scheduler.num_preemptions, 0U);
  }
  if (layout.radix_cache) {
    EXPECT_GT(engine.stats().scheduler.num_cached_tokens, 0U);
  }
  return results;
}

// 13 pages for ten requests. The second and the third grow to 8 pages each, so some requests are preempted.
constexpr Layout kScarce{.threads = 2, .page_size = 16, .chunked_prefill_size = 64, .max_total_tokens = 208};

void expect_invariant(const ModelSourceOptions& model, const Arithmetic& arithmetic, const Layout& scarce = kScarce) {
  const uint32_t seed = 20261121;
  constexpr int64_t kVocab = 256;  // every fixture has at least as many tokens
  const auto requests = random_requests(seed, kVocab);
  const Layout plain{.radix_cache = false};
  const auto alone = run(model, arithmetic, plain, requests, false);
  for (const Bits& bits : alone) EXPECT_FALSE(bits.empty());
  const Layout layouts[] = {
      plain,
      {.threads = 2, .page_size = 32, .chunked_prefill_size = 48},
      {.threads = 3, .page_size = 64, .chunked_prefill_size = 17, .radix_cache = false},
      {.threads = 2, .page_size = 16, .chunked_prefill_size = 1},
      scarce,
  };
  for (const Layout& layout : layouts) {
    const auto together = run(model, arithmetic, layout, requests, true);
    EXPECT_EQ(alone, together) << "threads " << layout.threads << ", pages of " << layout.page_size << ", chunks of "
                               << layout.chunked_prefill_size << ", pool of " << layout.max_total_tokens;
  }
}

class BatchInvariance : public ::testing::TestWithParam<Arithmetic> {};

std::vector<Arithmetic> tested_arithmetic() {
  std::vector<Arithmetic> tested;
  for (const CpuIsa isa : testing::tested_isas()) {
    for (const DType dtype : {DType::kBFloat16, DType::kFloat32}) {
      for (const char* backend : {"fa", "native"}) {
        // Threads do the same for both dtypes.
        if (testing::kUnderThreadSanitizer && (dtype == DType::kFloat32) != (backend == std::string_view("native"))) {
          continue;
        }
        tested.push_back({.isa = isa, .dtype = dtype, .backend = backend});
      }
    }
    if (testing::kUnderThreadSanitizer) continue;
    tested.push_back({.isa = isa, .backend = "fa", .kv_codes = KvCodes::kInt8});
    tested.push_back({.isa = isa, .backend = "fa", .kv_codes = KvCodes::kE4m3});
  }
  return tested;
}

TEST_P(BatchInvariance, ADenseModelsBitsAreTheSameAloneAndTogether) {
  expect_invariant({.model_path = "tests/fixtures/models/gguf_qwen3/model.gguf"}, GetParam());
}

TEST_P(BatchInvariance, AMixturesBitsAreTheSameAloneAndTogether) {
  expect_invariant({.model_path = "tests/fixtures/models/gguf_qwen3_moe/model.gguf"}, GetParam());
}

// Layers that see only the last 24 tokens, beside one that sees all. Both KV groups have too few pages. (The kernels'
// tests compare the tiers' handling of windows.)
TEST(BatchInvarianceOfWindows, AModelsBitsAreTheSameAloneAndTogether) {
  const testing::WindowedModel model;
  const Layout scarce{.threads = 2, .page_size = 16, .chunked_prefill_size = 16, .max_total_tokens = 320};
  const CpuIsa isa = available_isas().back();
  expect_invariant(model.source(), {.isa = isa, .dtype = DType::kBFloat16, .backend = "fa"}, scarce);
  expect_invariant(model.source(), {.isa = isa, .dtype = DType::kFloat32, .backend = "native"}, scarce);
}

// With windows, sinks, and experts with biases.
TEST(BatchInvarianceOfWindows, AModelsBitsWithSinksAreTheSameAloneAndTogether) {
  const ModelSourceOptions model{.model_path = "tests/fixtures/models/gguf_gpt_oss/model.gguf"};
  const Layout scarce{.threads = 2, .page_size = 16, .chunked_prefill_size = 16, .max_total_tokens = 320};
  const CpuIsa isa = available_isas().back();
  expect_invariant(model, {.isa = isa, .dtype = DType::kBFloat16, .backend = "fa"}, scarce);
  expect_invariant(model, {.isa = isa, .backend = "fa", .kv_codes = KvCodes::kInt8}, scarce);
  expect_invariant(model, {.isa = isa, .dtype = DType::kFloat32, .backend = "native"}, scarce);
}

// With windows, two ropes, norms on both sides of each block, and soft caps.
TEST(BatchInvarianceOfWindows, AGemmasBitsAreTheSameAloneAndTogether) {
  const Layout scarce{.threads = 2, .page_size = 16, .chunked_prefill_size = 16, .max_total_tokens = 320};
  const CpuIsa isa = available_isas().back();
  expect_invariant({.model_path = "tests/fixtures/models/gguf_gemma3/model.gguf"},
                   {.isa = isa, .dtype = DType::kBFloat16, .backend = "fa"}, scarce);
  expect_invariant({.model_path = "tests/fixtures/models/gguf_gemma2/model.gguf"},
                   {.isa = isa, .dtype = DType::kFloat32, .backend = "native"}, scarce);
}

INSTANTIATE_TEST_SUITE_P(EveryTier, BatchInvariance, ::testing::ValuesIn(tested_arithmetic()),
                         [](const auto& tested) { return tested.param.name(); });

}  // namespace
}  // namespace braid
