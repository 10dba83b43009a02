#include "braid/bench/exchange/padding_picks.h"

#include <gtest/gtest.h>

#include "braid/parallel/message_world.h"

namespace braid {
namespace {

TEST(PaddingPicks, EveryLoadOfEverySizeIsMeasuredInEveryMode) {
  const ExchangeBenchOptions options{.tp_size = 2, .dp_size = 2, .hidden = 32, .repeats = 3};
  const auto layout = exchange_layout(options);
  ASSERT_TRUE(layout.ok());
  const MessageWorld world(*layout);
  const auto picks = measure_padding_picks(options, *layout, {1, 16}, world);
  ASSERT_TRUE(picks.ok()) << picks.error().message;
  ASSERT_EQ(picks->size(), 5U);  // no 8:1 of one token
  EXPECT_EQ((*picks)[3].load, "8:1");
  EXPECT_EQ((*picks)[3].group_tokens, (std::vector<int32_t>{16, 2}));
  EXPECT_EQ((*picks)[2].published, DpPaddingMode::kMaxLen);
  EXPECT_EQ((*picks)[4].published, DpPaddingMode::kSumLen);
  for (const PaddingPick& pick : *picks) {
    for (const double seconds : pick.seconds) EXPECT_GT(seconds, 0);
    EXPECT_GE(pick.of_best(pick.by_cost), 1);
    EXPECT_LE(pick.best_s(), pick.seconds[0]);
  }
  EXPECT_EQ(picks_json(*picks)[4]["group_tokens"], Json({16, 0}));
}

}  // namespace
}  // namespace braid
