// What a gather and a scatter cost in each padding mode, as it was measured over the ranks' own transport, and which
// mode is cheapest by that. Plain data and pure functions, so that ranks with the same table choose the same mode. Who
// measures it: measure_costs.h.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "braid/base/result.h"
#include "braid/parallel/padding.h"

namespace braid {

struct ExchangeCosts {
  using Seconds = std::array<double, kNumPaddingModes>;  // by mode

  struct Point {
    int32_t tokens = 0;    // of the longest group
    Seconds balanced_s{};  // every group has as many
    Seconds one_busy_s{};  // one group has them, and the others none
    bool operator==(const Point&) const = default;
  };

  std::vector<Point> points;  // by rising tokens, at least one

  bool operator==(const ExchangeCosts&) const = default;
};

// Seconds that this step's gather and scatter take. Between two points it lies on a line, by the longest group's
// tokens; so it does between balanced and one busy group, by the share of MAX_LEN's rows that are tokens. Above the
// last point the line of the last two goes on.
double exchange_seconds(const ExchangeCosts& costs, DpPaddingMode mode, std::span<const int32_t> group_tokens);

// EXACT, which never moves more bytes than another, unless another takes a tenth less: equal costs differ by as much
// from one measurement to the next. Ties of the others go to MAX_LEN.
DpPaddingMode cheapest_padding_mode(const ExchangeCosts& costs, std::span<const int32_t> group_tokens);

// The sizes to measure for steps of at most `max_group_tokens`: from one token to that, each the same multiple of the
// one before, which is at most 8. At least four, unless there are fewer numbers.
std::vector<int32_t> cost_sizes(int64_t max_group_tokens);

// The table as numbers, for messages. An error if the numbers are no table.
std::vector<double> costs_as_numbers(const ExchangeCosts& costs);
Result<ExchangeCosts> costs_of_numbers(std::span<const double> numbers);

}  // namespace braid
