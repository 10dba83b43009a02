#include "braid/bench/exchange/padding_picks.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

#include "braid/base/clock.h"
#include "braid/bench/timing.h"
#include "braid/kernels/make_ops.h"
#include "braid/parallel/dp_token_exchange.h"

namespace braid {
namespace {

constexpr std::array kPickModes{DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen, DpPaddingMode::kExact};
constexpr double kTimeOfLoad_s = 1;
constexpr double kFewestRuns = 3;

std::vector<PaddingPick> loads_to_pick_for(const std::vector<int32_t>& sizes, int32_t dp_size) {
  std::vector<PaddingPick> picks;
  for (const int32_t tokens : sizes) {
    std::vector<int32_t> skewed(static_cast<size_t>(dp_size), tokens / 8);
    std::vector<int32_t> busy(static_cast<size_t>(dp_size), 0);
    skewed.front() = tokens;
    busy.front() = tokens;
    picks.push_back({.load = "balanced", .group_tokens = std::vector<int32_t>(static_cast<size_t>(dp_size), tokens)});
    if (tokens >= 8) picks.push_back({.load = "8:1", .group_tokens = skewed});
    picks.push_back({.load = "one busy", .group_tokens = busy});
  }
  return picks;
}

// One rank's part. All ranks get the same figures.
class PickRank {
 public:
  PickRank(DpTokenExchange& exchange, WorldCommunicator world)
      : exchange_(exchange),
        world_(world),
        sums_(DType::kFloat32, exchange.config().max_rows(), exchange.config().hidden) {}

  Status measure(PaddingPick& pick, int32_t most_runs) {
    pick.by_cost = exchange_.choose_padding(pick.group_tokens);
    pick.published = published_padding_mode(pick.group_tokens);
    std::array<std::vector<double>, kNumPaddingModes> seconds;
    double first_s = 0;
    for (const DpPaddingMode mode : kPickModes) {
      TRY(const double once_s, run(pick, mode));  // it warms up
      first_s += once_s;
    }
    const auto num_runs = static_cast<int32_t>(
        std::clamp(std::floor(kTimeOfLoad_s / first_s), kFewestRuns, std::max<double>(most_runs, kFewestRuns)));
    for (int32_t i = 0; i < num_runs; ++i) {
      for (const DpPaddingMode mode : kPickModes) {
        TRY(const double once_s, run(pick, mode));
        seconds[static_cast<size_t>(mode)].push_back(once_s);
      }
    }
    for (size_t mode = 0; mode < kNumPaddingModes; ++mode) pick.seconds[mode] = median(std::move(seconds[mode]));
    return {};
  }

 private:
  // Seconds of the slowest rank.
  Result<double> run(const PaddingPick& pick, DpPaddingMode mode) {
    exchange_.begin_step({.group_tokens = pick.group_tokens, .padding = mode});
    const RowsBuffer none;  // the exchange has its own slot
    TRY_STATUS(world_.barrier());
    const double start_s = monotonic_seconds();
    TRY_STATUS(until_world_ends([&] {
      exchange_.gather(exchange_.own_slot(none, exchange_.own_shard().rows));
      exchange_.scatter(sums_.first(exchange_.layout().total_rows));
    }));
    const double own_s = monotonic_seconds() - start_s;
    std::vector<double> all(static_cast<size_t>(world_.size()));
    TRY_STATUS(world_.all_gather(bytes_of(own_s), std::as_writable_bytes(std::span(all))));
    return std::ranges::max(all);
  }

  DpTokenExchange& exchange_;
  const WorldCommunicator world_;
  const RowsBuffer sums_;
};

Result<std::vector<PaddingPick>> pick_on_rank(const ExchangeBenchOptions& options, const ParallelLayout& layout,
                                              const std::vector<int32_t>& sizes, const ThreadWorld& world,
                                              int32_t rank) {
  const auto ops = make_ref_ops();
  const DpAttentionConfig config{.place = place_of(layout, rank),
                                 .hidden = options.hidden,
                                 .dtype = options.dtype,
                                 .sum_dtype = options.sum_dtype,
                                 .max_group_tokens = std::ranges::max(sizes)};
  TRY(const auto exchange, initialize_dp_attention(config, *ops, world.world(rank), world.group(rank)));
  PickRank measurement(*exchange, world.world(rank));
  std::vector<PaddingPick> picks = loads_to_pick_for(sizes, layout.dp_size);
  for (PaddingPick& pick : picks) TRY_STATUS(measurement.measure(pick, options.repeats));
  TRY_STATUS(world.world(rank).barrier());  // the peers have read this rank's buffers
  return picks;
}

}  // namespace

double PaddingPick::best_s() const {
  return std::ranges::min(seconds);
}

Result<std::vector<PaddingPick>> measure_padding_picks(const ExchangeBenchOptions& options,
                                                       const ParallelLayout& layout, const std::vector<int32_t>& sizes,
                                                       const ThreadWorld& world) {
  const IndexRange own = world.own_ranks();
  std::vector<Result<std::vector<PaddingPick>>> results(static_cast<size_t>(own.end - own.begin), Error{});
  std::vector<std::thread> threads;
  for (size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto rank = static_cast<int32_t>(own.begin) + static_cast<int32_t>(i);
      results[i] = pick_on_rank(options, layout, sizes, world, rank);
      if (!results[i].ok()) world.abort(results[i].error().message);
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto& result : results) {
    if (!result.ok()) return result.error();
  }
  return std::move(results.front());
}

Json picks_json(const std::vector<PaddingPick>& picks) {
  Json all = Json::array();
  for (const PaddingPick& pick : picks) {
    Json seconds = Json::object();
    for (const DpPaddingMode mode : kPickModes) {
      seconds[padding_mode_name(mode)] = pick.seconds[static_cast<size_t>(mode)];
    }
    all.push_back({{"load", pick.load},
                   {"group_tokens", pick.group_tokens},
                   {"seconds", std::move(seconds)},
                   {"auto", padding_mode_name(pick.by_cost)},
                   {"auto_of_best", pick.of_best(pick.by_cost)},
                   {"published", padding_mode_name(pick.published)},
                   {"published_of_best", pick.of_best(pick.published)}});
  }
  return all;
}

void report_picks(const ExchangeBenchOptions& options, const std::vector<PaddingPick>& picks, std::FILE* out) {
  if (options.json) {
    fmt::print(out, "{}\n", picks_json(picks).dump());
    return;
  }
  fmt::print(out, "{} ranks in {} groups, rows of {} {}, sums as {}; one gather and one scatter, us\n", options.tp_size,
             options.dp_size, options.hidden, dtype_name(options.dtype), dtype_name(options.sum_dtype));
  fmt::print(out, "{:>6} {:<9} {:>11} {:>11} {:>11} {:>8} {:>8} {:>10} {:>8}\n", "tokens", "load", "max_len", "sum_len",
             "exact", "auto", "of best", "published", "of best");
  for (const PaddingPick& pick : picks) {
    fmt::print(out, "{:>6} {:<9} {:>11.1f} {:>11.1f} {:>11.1f} {:>8} {:>7.2f}x {:>10} {:>7.2f}x\n",
               pick.group_tokens.front(), pick.load, pick.seconds[0] * 1e6, pick.seconds[1] * 1e6,
               pick.seconds[2] * 1e6, padding_mode_name(pick.by_cost), pick.of_best(pick.by_cost),
               padding_mode_name(pick.published), pick.of_best(pick.published));
  }
}

}  // namespace braid
