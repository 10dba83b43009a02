// `braid bench exchange --token-sizes`: what each padding mode costs by load and size, which one --dp-padding auto
// picks by the table that it measures at its start, and which one the published rule picks.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/bench/exchange/exchange.h"
#include "braid/formats/json.h"
#include "braid/parallel/padding.h"
#include "braid/parallel/thread_world.h"
#include "braid/parallel/topology.h"

namespace braid {

struct PaddingPick {
  std::string load;  // "balanced", "8:1", "one busy"
  std::vector<int32_t> group_tokens;
  std::array<double, kNumPaddingModes> seconds{};  // by mode: of the slowest rank, median
  DpPaddingMode by_cost = DpPaddingMode::kExact;
  DpPaddingMode published = DpPaddingMode::kExact;

  double best_s() const;
  double of_best(DpPaddingMode mode) const { return seconds[static_cast<size_t>(mode)] / best_s(); }
};

// Over a world whose ranks share no memory; all of its processes call it. `sizes`: tokens of the longest group, at
// least one. Modes are run in turn, at most options.repeats times.
Result<std::vector<PaddingPick>> measure_padding_picks(const ExchangeBenchOptions& options,
                                                       const ParallelLayout& layout, const std::vector<int32_t>& sizes,
                                                       const ThreadWorld& world);

Json picks_json(const std::vector<PaddingPick>& picks);
// A table, or with options.json a line.
void report_picks(const ExchangeBenchOptions& options, const std::vector<PaddingPick>& picks, std::FILE* out);

}  // namespace braid
