// A request whose group takes its prefix from another group gets the same bits: tokens and log-probabilities, in every
// layout, with pages that are copied in several pieces, in groups whose layers have windows, and when clients leave
// meanwhile.
#include <gtest/gtest.h>

#include <bit>
#include <random>
#include <string>
#include <vector>

#include "tests/support/api/tiny_engine.h"
#include "tests/support/api/windowed_model.h"
#include "tests/support/sanitizer.h"

namespace braid {
namespace {

struct SharedLayout {
  std::string name;
  ParallelLayout layout;
  bool has_windows = false;
  int64_t max_total_tokens = 4096;
};

void PrintTo(const SharedLayout& tested, std::ostream* out) {
  *out << tested.name;
}

EngineOptions shared_options(const SharedLayout& tested, bool shares) {
  EngineOptions options{.source = {.model_path = testing::kTinyModel}};
  options.rank = {.layout = tested.layout,
                  .threads_per_rank = 1,
                  .chunked_prefill_size = 48,
                  .max_running_requests = 32,
                  .max_total_tokens = tested.max_total_tokens};
  if (!shares) return options;
  options.rank.max_moved_pages = 2;
  options.share_prefixes = ShareOptions{.min_tokens = 16, .most_of_computing = 1e9};  // a tiny model computes faster
  return options;
}

// Three beginnings of 96 tokens; each request prefers another group than the one before it.
std::vector<GenerationRequest> requests_that_share(int32_t num_groups) {
  std::mt19937 random(20261125);
  std::vector<std::vector<TokenId>> beginnings(3, std::vector<TokenId>(96));
  for (auto& beginning : beginnings) {
    for (TokenId& token : beginning) token = static_cast<TokenId>(random() % 250);
  }
  std::vector<GenerationRequest> requests;
  for (int i = 0; i < 12; ++i) {
    std::vector<TokenId> prompt = beginnings[static_cast<size_t>(i) % beginnings.size()];
    for (uint64_t more = 1 + random() % 20; more > 0; --more) prompt.push_back(static_cast<TokenId>(random() % 250));
    GenerationRequest request{.prompt = std::move(prompt), .ignore_eos = true};
    request.sampling.temperature = i % 2 == 0 ? 0.0F : 0.9F;
    request.sampling.seed = random();
    request.sampling.max_new_tokens = static_cast<int32_t>(4 + random() % 12);
    request.sampling.logprobs = true;
    request.sampling.top_logprobs = 2;
    request.dp_rank = (i / 3 + i % 3) % num_groups;
    requests.push_back(std::move(request));
  }
  return requests;
}

std::vector<uint32_t> bits_of(const Output& output) {
  std::vector<uint32_t> bits;
  for (const SampledToken& token : output.tokens) {
    bits.push_back(static_cast<uint32_t>(token.token));
    bits.push_back(std::bit_cast<uint32_t>(token.logprob));
    for (const TokenLogprob& top : token.top_logprobs) bits.push_back(std::bit_cast<uint32_t>(top.logprob));
  }
  return bits;
}

uint64_t num_copied(const EngineStats& stats) {
  uint64_t taken = 0;
  for (const GroupMoves& moves : stats.moves) taken += moves.num_prefixes_taken;
  return taken;
}

class SharedPrefixesOfGroups : public ::testing::TestWithParam<SharedLayout> {};

TEST_P(SharedPrefixesOfGroups, GiveTheSameBits) {
  const testing::WindowedModel windowed;
  const auto load = [&](bool shares) {
    EngineOptions options = shared_options(GetParam(), shares);
    if (GetParam().has_windows) options.source = windowed.source();
    return testing::load_tiny_engine(options);
  };
  const auto requests = requests_that_share(GetParam().layout.num_groups());
  std::vector<std::vector<uint32_t>> alone;
  {
    const auto still = load(false);
    for (const GenerationRequest& request : requests) {
      alone.push_back(bits_of(testing::generate(*still, request).at(0)));
      EXPECT_GT(alone.back().size(), 8U);
      still->flush_cache();
    }
    EXPECT_EQ(num_copied(still->stats()), 0U);
  }
  const auto engine = load(true);
  constexpr uint64_t kLeastCopies = 3;
  constexpr int kMostRounds = 10;
  for (int round = 0; round < 1 || (round < kMostRounds && num_copied(engine->stats()) < kLeastCopies); ++round) {
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(bits_of(testing::generate(*engine, requests[i]).at(0)), alone[i]) << i;
    }
    engine->flush_cache();
  }
  EXPECT_GE(num_copied(engine->stats()), kLeastCopies);
  // Together, and some leave: who waits for whose copy then depends on the threads.
  std::vector<testing::Outputs> outputs(requests.size());
  for (int round = 0; round < (testing::kUnderSanitizer ? 1 : 4); ++round) {
    std::vector<SubmissionId> ids;
    outputs.assign(requests.size(), {});
    for (size_t i = 0; i < requests.size(); ++i) {
      ids.push_back(
          engine->submit(requests[i], [&outputs, i](const Delta& delta) { testing::take_delta(outputs[i], delta); })
              .value());
      if (i % 4 == 3) engine->abort(ids[i - 2]);
    }
    for (const SubmissionId id : ids) engine->wait(id);
    for (size_t i = 0; i < requests.size(); ++i) {
      if (i % 4 != 1) {
        EXPECT_EQ(bits_of(outputs[i].at(0)), alone[i]) << i;
      }
    }
    if (round % 2 == 1) engine->flush_cache();
  }
  const EngineStats stats = engine->stats();
  EXPECT_EQ(stats.scheduler.num_running + stats.scheduler.num_waiting, 0);
  EXPECT_EQ(stats.scheduler.num_free_pages + stats.scheduler.num_cached_pages, stats.scheduler.num_pages);
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, SharedPrefixesOfGroups,
    ::testing::Values(
        SharedLayout{.name = "tp2_dp2", .layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true}},
        SharedLayout{.name = "tp4_dp2", .layout = {.tp_size = 4, .dp_size = 2, .enable_dp_attention = true}},
        SharedLayout{.name = "replicas", .layout = {.tp_size = 1, .dp_size = 3}},
        SharedLayout{.name = "windows",
                     .layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true},
                     .has_windows = true},
        SharedLayout{.name = "little_room",
                     .layout = {.tp_size = 2, .dp_size = 2, .enable_dp_attention = true},
                     .max_total_tokens = 640}),
    [](const auto& param) { return param.param.name; });

}  // namespace
}  // namespace braid
