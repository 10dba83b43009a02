#include "braid/parallel/exchange_costs.h"

#include <gtest/gtest.h>

#include <cmath>

namespace braid {
namespace {

constexpr DpPaddingMode kMax = DpPaddingMode::kMaxLen;
constexpr DpPaddingMode kSum = DpPaddingMode::kSumLen;
constexpr DpPaddingMode kExact = DpPaddingMode::kExact;

// In the order of the modes: max_len, sum_len, exact.
ExchangeCosts two_points() {
  return {.points = {{.tokens = 1, .balanced_s = {1, 2, 3}, .one_busy_s = {1, 1.5, 2}},
                     {.tokens = 101, .balanced_s = {11, 22, 8}, .one_busy_s = {11, 7, 8}}}};
}

double seconds(DpPaddingMode mode, const std::vector<int32_t>& tokens) {
  return exchange_seconds(two_points(), mode, tokens);
}

TEST(ExchangeCosts, MeasuredPointsAreReturnedAsTheyAre) {
  for (const auto& [tokens, index] : {std::pair{1, 0}, std::pair{101, 1}}) {
    const ExchangeCosts costs = two_points();
    const ExchangeCosts::Point& point = costs.points[static_cast<size_t>(index)];
    for (const DpPaddingMode mode : {kMax, kSum, kExact}) {
      const auto i = static_cast<size_t>(mode);
      EXPECT_DOUBLE_EQ(seconds(mode, {tokens, tokens, tokens}), point.balanced_s[i]);
      EXPECT_DOUBLE_EQ(seconds(mode, {0, tokens, 0}), point.one_busy_s[i]);
    }
  }
}

TEST(ExchangeCosts, InBetweenTheyLieOnLines) {
  EXPECT_DOUBLE_EQ(seconds(kSum, {51, 51}), 12);  // between the points
  EXPECT_DOUBLE_EQ(seconds(kSum, {101, 0}), 7);
  EXPECT_DOUBLE_EQ(seconds(kSum, {101, 101}), 22);
  EXPECT_NEAR(seconds(kSum, {101, 50}), 14.4, 0.1);  // and between the loads
  EXPECT_DOUBLE_EQ(seconds(kMax, {201, 201}), 21);   // beyond them
  EXPECT_DOUBLE_EQ(seconds(kExact, {0, 0}), 3);      // before them
  EXPECT_DOUBLE_EQ(seconds(kExact, {51}), 5.5);      // of a single group there is one load
}

TEST(ExchangeCosts, TheCheapestModeIsChosen) {
  const auto pick = [](const std::vector<int32_t>& tokens) { return cheapest_padding_mode(two_points(), tokens); };
  EXPECT_EQ(pick({1, 1}), kMax);
  EXPECT_EQ(pick({101, 101}), kExact);
  EXPECT_EQ(pick({101, 0}), kSum);
  EXPECT_EQ(pick({0, 101}), kSum);  // whichever group it is
}

TEST(ExchangeCosts, WhatIsNearlyEqualIsExactThenMaxLen) {
  ExchangeCosts costs{.points = {{.tokens = 1, .balanced_s = {0.91, 0.91, 1}, .one_busy_s = {0.91, 0.91, 1}}}};
  EXPECT_EQ(cheapest_padding_mode(costs, std::vector<int32_t>{4, 2}), kExact);
  costs.points[0].balanced_s[2] = costs.points[0].one_busy_s[2] = 2;
  EXPECT_EQ(cheapest_padding_mode(costs, std::vector<int32_t>{4, 2}), kMax);
}

TEST(ExchangeCosts, FourSizesAndMoreUpToTheLargestStep) {
  EXPECT_EQ(cost_sizes(512), (std::vector<int32_t>{1, 8, 64, 512}));
  EXPECT_EQ(cost_sizes(4096), (std::vector<int32_t>{1, 8, 64, 512, 4096}));
  EXPECT_EQ(cost_sizes(27), (std::vector<int32_t>{1, 3, 9, 27}));
  EXPECT_EQ(cost_sizes(2), (std::vector<int32_t>{1, 2}));
  EXPECT_EQ(cost_sizes(1), (std::vector<int32_t>{1}));
  for (const int64_t largest : {5, 16, 100, 768, 5000, 65536, 100000}) {
    const std::vector<int32_t> sizes = cost_sizes(largest);
    EXPECT_GE(sizes.size(), 4U) << largest;
    EXPECT_EQ(sizes.front(), 1);
    EXPECT_EQ(sizes.back(), largest);
  }
}

TEST(ExchangeCosts, NumbersAreReadBack) {
  const std::vector<double> numbers = costs_as_numbers(two_points());
  const auto read = costs_of_numbers(numbers);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(*read, two_points());
  EXPECT_TRUE(costs_of_numbers({})->points.empty());
}

TEST(ExchangeCosts, OtherNumbersAreNoTable) {
  const auto error_of = [](auto change) {
    std::vector<double> numbers = costs_as_numbers(two_points());
    change(numbers);
    const auto read = costs_of_numbers(numbers);
    return read.ok() ? "none" : read.error().message;
  };
  EXPECT_EQ(error_of([](auto& numbers) { numbers.pop_back(); }), "13 numbers that are no costs of exchanges");
  EXPECT_EQ(error_of([](auto& numbers) { numbers[3] = -1; }), "14 numbers that are no costs of exchanges");
  EXPECT_EQ(error_of([](auto& numbers) { numbers[3] = std::nan(""); }), "14 numbers that are no costs of exchanges");
  EXPECT_EQ(error_of([](auto& numbers) { numbers[7] = 1; }), "costs of 1 tokens behind those of 1");
}

}  // namespace
}  // namespace braid
