// Ranks of two groups that attend through the wrapper: each over its own rows, with the wrapped backend's bits.
#include "braid/attention/dp_attention_backend.h"

#include <spdlog/sinks/ostream_sink.h>

#include <array>
#include <functional>
#include <sstream>
#include <thread>

#include "braid/parallel/local_world.h"
#include "braid/parallel/message_world.h"
#include "tests/support/kernels/attention_cases.h"

namespace braid::testing {
namespace {

struct CapturedLog {
  explicit CapturedLog(spdlog::level::level_enum level)
      : logger("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines)) {
    logger.set_level(level);
  }

  std::ostringstream lines;
  Logger logger;
};

DpAttentionConfig config_of(const ParallelLayout& layout, int32_t rank) {
  return {.place = place_of(layout, rank), .hidden = 8, .dtype = DType::kFloat32, .max_group_tokens = 64};
}

void on_each_rank(int32_t num_ranks, const std::function<void(int32_t rank)>& work) {
  std::vector<std::thread> threads;
  for (int32_t rank = 0; rank < num_ranks; ++rank) threads.emplace_back(work, rank);
  for (std::thread& thread : threads) thread.join();
}

TEST(DpAttentionBackend, GivesTheBitsOfTheWrappedBackendToEachGroupAndIdles) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const CacheShape shape = {.num_heads = 4, .num_kv_heads = 2, .head_dim = 24, .dtype = DType::kFloat32};
  for (const std::string_view name : attention_backend_names()) {
    const LocalWorld world(layout);
    CapturedLog log(spdlog::level::debug);
    on_each_rank(2, [&](int32_t rank) {
      Device device{available_isas().back(), 1};
      const auto plain = *make_attention_backend(name, *device.ops);
      const auto created =
          create_dp_attention_backend(*make_attention_backend(name, *device.ops), true, config_of(layout, rank),
                                      *device.ops, world.world(rank), world.group(rank), log.logger);
      ASSERT_NE(created.dp, nullptr);
      EXPECT_EQ(created.backend->name(), fmt::format("dp({})", name));
      for (const std::array<int32_t, 2>& tokens : {std::array{30, 17}, std::array{0, 50}, std::array{1, 0}}) {
        created.dp->begin_step({.step = tokens[0], .group_tokens = {tokens[0], tokens[1]}});
        const int64_t own = tokens[static_cast<size_t>(rank)];
        EXPECT_EQ(created.dp->exchange().own_shard().rows, own);
        const TestSequence sequence(shape, own, 4);
        const TestCache cache(shape, 1, std::max<int64_t>(own, 1), 3);
        const Matrix expected(shape.dtype, own, sequence.q.view.cols);
        const Matrix actual(shape.dtype, own, sequence.q.view.cols);
        std::vector<AttentionSequence> batch;
        if (own > 0) batch.push_back(cache.sequence(0, 0, 0, own));
        device.ops->write_kv(sequence.k.view, sequence.v.view, batch, cache.layer());
        plain->forward(sequence.q.view, batch, cache.layer(), params_of(shape), expected.view);
        created.backend->forward(sequence.q.view, batch, cache.layer(), params_of(shape), actual.view);
        EXPECT_TRUE(same_bits(expected.view, actual.view));
      }
    });
    EXPECT_FALSE(world.has_failed()) << world.failure();
    for (const char* line : {"DP attention is active on rank 1: 0 of 1 in group 1 of 2",
                             "step 30: padding exact, tokens by group 30 17", "tokens by group 0 50"}) {
      EXPECT_NE(log.lines.str().find(line), std::string::npos) << line << "\n" << log.lines.str();
    }
  }
}

TEST(DpAttentionBackend, IsInactiveWithoutSeveralGroups) {
  for (const auto& [layout, enabled] : {std::pair{ParallelLayout{.tp_size = 2}, false},
                                        {ParallelLayout{.tp_size = 2, .enable_dp_attention = true}, true}}) {
    const LocalWorld world(layout);
    CapturedLog log(spdlog::level::debug);
    on_each_rank(2, [&, layout = layout, enabled = enabled](int32_t rank) {
      const auto ops = make_ref_ops();
      auto wrapped = *make_attention_backend("fa", *ops);
      const AttentionBackend* const own = wrapped.get();
      const auto created = create_dp_attention_backend(std::move(wrapped), enabled, config_of(layout, rank), *ops,
                                                       world.world(rank), world.group(rank), log.logger);
      EXPECT_EQ(created.dp, nullptr);
      EXPECT_EQ(created.backend.get(), own);
    });
    EXPECT_EQ(log.lines.str(), "");
  }
}

// Where one rank cannot, all fall back: none waits for the others.
TEST(DpAttentionBackend, FallsBackTogetherWithAWarning) {
  const ParallelLayout layout{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  for (const int32_t short_of_memory : {0, 3}) {
    const LocalWorld world(layout, {.timeout_s = 60});
    CapturedLog log(spdlog::level::warn);
    on_each_rank(4, [&](int32_t rank) {
      const auto ops = make_ref_ops();
      DpAttentionConfig config = config_of(layout, rank);
      if (rank == short_of_memory) config.max_bytes = 100;
      auto wrapped = *make_attention_backend("native", *ops);
      const AttentionBackend* const own = wrapped.get();
      const auto created = create_dp_attention_backend(std::move(wrapped), true, config, *ops, world.world(rank),
                                                       world.group(rank), log.logger);
      EXPECT_EQ(created.dp, nullptr);
      EXPECT_EQ(created.backend.get(), own);
      EXPECT_TRUE(world.world(rank).barrier().ok());  // the world goes on
    });
    const std::string text = log.lines.str();
    EXPECT_NE(text.find("DP attention over 2 groups cannot be initialised, attention falls back to native without it"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find(short_of_memory == 0 ? "--chunked-prefill-size" : "1 of the 4 ranks cannot exchange rows"),
              std::string::npos)
        << text;
  }
  EXPECT_EQ(place_of(without_dp_attention(layout), 3),
            (RankPlace{.tp_rank = 3, .tp_size = 4, .attn_tp_rank = 3, .attn_tp_size = 4}));
}

TEST(DpAttentionBackend, RowsOfHalfWordsFallBackWhereTheyWouldBeCopied) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const MessageWorld world(layout);
  CapturedLog log(spdlog::level::warn);
  on_each_rank(2, [&](int32_t rank) {
    const auto ops = make_ref_ops();
    DpAttentionConfig config = config_of(layout, rank);
    config.hidden = 7;
    config.dtype = DType::kBFloat16;
    const auto created = create_dp_attention_backend(*make_attention_backend("fa", *ops), true, config, *ops,
                                                     world.world(rank), world.group(rank), log.logger);
    EXPECT_EQ(created.dp, nullptr);
  });
  EXPECT_NE(log.lines.str().find("rows of 7 bfloat16 values cannot be exchanged"), std::string::npos)
      << log.lines.str();
}

}  // namespace
}  // namespace braid::testing
