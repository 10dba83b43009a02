#include "braid/parallel/exchange_costs.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "braid/base/check.h"

namespace braid {
namespace {

constexpr size_t kNumbersOfPoint = 1 + 2 * kNumPaddingModes;

double on_line(double at, double from, double to, double from_value, double to_value) {
  return to > from ? from_value + (to_value - from_value) * (at - from) / (to - from) : from_value;
}

}  // namespace

double exchange_seconds(const ExchangeCosts& costs, DpPaddingMode mode, std::span<const int32_t> group_tokens) {
  const auto num_groups = static_cast<double>(group_tokens.size());
  const auto longest = static_cast<double>(std::ranges::max(group_tokens));
  const auto sum = static_cast<double>(std::accumulate(group_tokens.begin(), group_tokens.end(), int64_t{0}));
  const double share = longest > 0 ? sum / (longest * num_groups) : 1;

  CHECK(!costs.points.empty());
  const auto i = static_cast<size_t>(mode);
  const auto seconds_at = [&](const ExchangeCosts::Point& point) {
    return on_line(share, 1 / num_groups, 1, num_groups > 1 ? point.one_busy_s[i] : point.balanced_s[i],
                   point.balanced_s[i]);
  };
  auto above = std::ranges::find_if(costs.points, [&](const auto& point) { return point.tokens >= longest; });
  if (above == costs.points.end()) --above;
  if (above == costs.points.begin()) return seconds_at(*above);
  const auto below = std::prev(above);
  return on_line(longest, below->tokens, above->tokens, seconds_at(*below), seconds_at(*above));
}

DpPaddingMode cheapest_padding_mode(const ExchangeCosts& costs, std::span<const int32_t> group_tokens) {
  constexpr double kDifference = 0.9;  // less may be chance
  const double exact_s = exchange_seconds(costs, DpPaddingMode::kExact, group_tokens);
  const double max_len_s = exchange_seconds(costs, DpPaddingMode::kMaxLen, group_tokens);
  const double sum_len_s = exchange_seconds(costs, DpPaddingMode::kSumLen, group_tokens);
  if (std::min(max_len_s, sum_len_s) >= kDifference * exact_s) return DpPaddingMode::kExact;
  return max_len_s <= sum_len_s ? DpPaddingMode::kMaxLen : DpPaddingMode::kSumLen;
}

std::vector<int32_t> cost_sizes(int64_t max_group_tokens) {
  const auto largest = static_cast<double>(max_group_tokens);
  const double num_factors = std::max(3.0, std::ceil(std::log(largest) / std::log(8.0)));
  std::vector<int32_t> sizes;
  for (int i = 0; i <= static_cast<int>(num_factors); ++i) {
    const auto size = static_cast<int32_t>(std::lround(std::pow(largest, i / num_factors)));
    if (sizes.empty() || size > sizes.back()) sizes.push_back(size);
  }
  return sizes;
}

std::vector<double> costs_as_numbers(const ExchangeCosts& costs) {
  std::vector<double> numbers;
  for (const ExchangeCosts::Point& point : costs.points) {
    numbers.push_back(point.tokens);
    numbers.insert(numbers.end(), point.balanced_s.begin(), point.balanced_s.end());
    numbers.insert(numbers.end(), point.one_busy_s.begin(), point.one_busy_s.end());
  }
  return numbers;
}

Result<ExchangeCosts> costs_of_numbers(std::span<const double> numbers) {
  const bool has_sense = std::ranges::all_of(numbers, [](double number) { return number >= 0 && number < 1e9; });
  if (numbers.size() % kNumbersOfPoint != 0 || !has_sense) {
    return fail("{} numbers that are no costs of exchanges", numbers.size());
  }
  ExchangeCosts costs;
  for (; !numbers.empty(); numbers = numbers.subspan(kNumbersOfPoint)) {
    if (!costs.points.empty() && numbers[0] <= costs.points.back().tokens) {
      return fail("costs of {} tokens behind those of {}", numbers[0], costs.points.back().tokens);
    }
    ExchangeCosts::Point& point = costs.points.emplace_back();
    point.tokens = static_cast<int32_t>(numbers[0]);
    std::ranges::copy(numbers.subspan(1, kNumPaddingModes), point.balanced_s.begin());
    std::ranges::copy(numbers.subspan(1 + kNumPaddingModes, kNumPaddingModes), point.one_busy_s.begin());
  }
  return costs;
}

}  // namespace braid
