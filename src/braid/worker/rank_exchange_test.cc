// The ranks of a world come to their exchange together, or fall back together with a warning.
#include "braid/worker/rank_exchange.h"

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>

#include "braid/kernels/make_ops.h"
#include "braid/parallel/local_world.h"
#include "braid/parallel/message_world.h"
#include "tests/support/parallel/on_each_rank.h"

namespace braid {
namespace {

struct CapturedLog {
  explicit CapturedLog(spdlog::level::level_enum level)
      : logger("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(lines)) {
    logger.set_level(level);
  }

  std::ostringstream lines;
  Logger logger;
};

TEST(RankExchange, SaysThatDpAttentionIsActiveAndWhatEachStepIs) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const LocalWorld world(layout);
  CapturedLog log(spdlog::level::debug);
  testing::on_each_rank(2, [&](int32_t rank) {
    const auto ops = make_ref_ops();
    const DpAttentionConfig config = testing::small_exchange(layout, rank);
    const auto exchange = make_rank_exchange(config, "fa", *ops, world.world(rank), world.group(rank), log.logger);
    ASSERT_TRUE(exchange.ok()) << exchange.error().message;
    prepare_exchange(**exchange, config.place, {.number = 30, .group_tokens = {30, 17}}, log.logger);
    prepare_exchange(**exchange, config.place, {.number = 31, .group_tokens = {0, 50}}, log.logger);
  });
  EXPECT_FALSE(world.has_failed()) << world.failure();
  for (const char* line :
       {"DP attention is active on rank 1: 0 of 1 in group 1 of 2, backend dp(fa)",
        "step 30: padding exact, tokens by group 30 17", "step 31: padding exact, tokens by group 0 50"}) {
    EXPECT_NE(log.lines.str().find(line), std::string::npos) << line << "\n" << log.lines.str();
  }
}

TEST(RankExchange, SaysNothingWithoutSeveralGroups) {
  for (const ParallelLayout& layout :
       {ParallelLayout{.tp_size = 2}, ParallelLayout{.tp_size = 2, .enable_dp_attention = true}}) {
    const LocalWorld world(layout);
    CapturedLog log(spdlog::level::debug);
    testing::on_each_rank(2, [&](int32_t rank) {
      const auto ops = make_ref_ops();
      const DpAttentionConfig config = testing::small_exchange(layout, rank);
      const auto exchange = make_rank_exchange(config, "fa", *ops, world.world(rank), world.group(rank), log.logger);
      ASSERT_TRUE(exchange.ok()) << exchange.error().message;
      prepare_exchange(**exchange, config.place, {.number = 1, .group_tokens = {3}}, log.logger);
    });
    EXPECT_EQ(log.lines.str(), "");
  }
}

// Where one rank cannot, all fall back: none waits for the others.
TEST(RankExchange, FallsBackTogetherWithAWarning) {
  const ParallelLayout layout{.tp_size = 4, .dp_size = 2, .enable_dp_attention = true};
  for (const int32_t short_of_memory : {0, 3}) {
    const LocalWorld world(layout, {.timeout_s = 60});
    CapturedLog log(spdlog::level::warn);
    testing::on_each_rank(4, [&](int32_t rank) {
      const auto ops = make_ref_ops();
      DpAttentionConfig config = testing::small_exchange(layout, rank);
      if (rank == short_of_memory) config.max_bytes = 100;
      const auto exchange =
          make_rank_exchange(config, "native", *ops, world.world(rank), world.group(rank), log.logger);
      EXPECT_FALSE(exchange.ok());
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

TEST(RankExchange, RowsOfHalfWordsFallBackWhereTheyWouldBeCopied) {
  const ParallelLayout layout{.tp_size = 2, .dp_size = 2, .enable_dp_attention = true};
  const MessageWorld world(layout);
  CapturedLog log(spdlog::level::warn);
  testing::on_each_rank(2, [&](int32_t rank) {
    const auto ops = make_ref_ops();
    DpAttentionConfig config = testing::small_exchange(layout, rank);
    config.hidden = 7;
    config.dtype = DType::kBFloat16;
    EXPECT_FALSE(make_rank_exchange(config, "fa", *ops, world.world(rank), world.group(rank), log.logger).ok());
  });
  EXPECT_NE(log.lines.str().find("rows of 7 bfloat16 values cannot be exchanged"), std::string::npos)
      << log.lines.str();
}

}  // namespace
}  // namespace braid
