#include "braid/bench/exchange/exchange.h"

#include <gtest/gtest.h>

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

TEST(BenchExchange, RefusesImpossibleOptions) {
  EXPECT_FALSE(measure_exchange({.tp_size = 4, .dp_size = 3}).ok());
  EXPECT_FALSE(measure_exchange({.hidden = 7}).ok());
  EXPECT_FALSE(measure_exchange({.tokens = 0}).ok());
  EXPECT_FALSE(measure_exchange({.repeats = 0}).ok());
}

}  // namespace
}  // namespace braid
