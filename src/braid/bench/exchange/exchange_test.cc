#include "braid/bench/exchange/exchange.h"

#include <gtest/gtest.h>

#include "braid/bench/exchange/thread_sends.h"

namespace braid {
namespace {

TEST(BenchExchange, CountsThePredictedBytesForEveryLoadAndMode) {
  for (const auto& [tp_size, dp_size] : {std::pair{2, 2}, std::pair{4, 4}, std::pair{4, 2}}) {
    const auto all =
        measure_exchange({.tp_size = tp_size, .dp_size = dp_size, .hidden = 32, .tokens = 9, .repeats = 2});
    ASSERT_TRUE(all.ok()) << all.error().message;
    ASSERT_EQ(all->size(), 9U);
    for (const ExchangeFigures& one : *all) {
      EXPECT_EQ(one.received_bytes, one.predicted_bytes) << one.load << " " << padding_mode_name(one.mode);
      EXPECT_EQ(one.received_bytes.size(), static_cast<size_t>(tp_size));
    }
  }
}

TEST(BenchExchange, TimesWhatThreadsSendBesideMemcpy) {
  const auto sends = measure_thread_sends(3, 2);
  ASSERT_TRUE(sends.ok()) << sends.error().message;
  ASSERT_EQ(sends->size(), 5U);
  for (const ThreadSendFigures& one : *sends) {
    EXPECT_GT(one.local_seconds, 0);
    EXPECT_GT(one.message_seconds, 0);
    EXPECT_GT(one.copy_seconds, 0);
  }
  EXPECT_EQ(thread_sends_json(*sends)[4]["bytes"], 4 * 1024 * 1024);
}

TEST(BenchExchange, RoundedSumsMoveHalfTheBytes) {
  const auto bytes_of = [](DType sum_dtype) {
    const auto all =
        measure_exchange({.tp_size = 2, .dp_size = 2, .hidden = 32, .tokens = 9, .sum_dtype = sum_dtype, .repeats = 1});
    EXPECT_TRUE(all.ok());
    EXPECT_EQ(all->back().received_bytes, all->back().predicted_bytes);
    return (*all)[2].received_bytes[0];  // balanced, exact
  };
  constexpr int64_t kGathered = 9 * 32 * 2;
  EXPECT_EQ(bytes_of(DType::kFloat32) - kGathered, 2 * (bytes_of(DType::kBFloat16) - kGathered));
}

TEST(BenchExchange, RefusesImpossibleOptions) {
  EXPECT_FALSE(measure_exchange({.tp_size = 4, .dp_size = 3}).ok());
  EXPECT_FALSE(measure_exchange({.hidden = 7}).ok());
  EXPECT_FALSE(measure_exchange({.tokens = 0}).ok());
  EXPECT_FALSE(measure_exchange({.repeats = 0}).ok());
}

}  // namespace
}  // namespace braid
