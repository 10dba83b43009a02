#include "braid/parallel/measure_costs.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "braid/base/clock.h"
#include "braid/base/median.h"

namespace braid {
namespace {

constexpr std::array kMeasuredModes{DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen, DpPaddingMode::kExact};
constexpr double kTime_s = 0.02;  // for the repeats of one exchange
constexpr double kFewestRepeats = 3;
constexpr double kMostRepeats = 15;

class CostMeasurement {
 public:
  CostMeasurement(DpTokenExchange& exchange, const WorldCommunicator& world)
      : exchange_(exchange),
        world_(world),
        sums_(DType::kFloat32, exchange.config().max_rows(), exchange.config().hidden) {}

  // The median seconds of the slowest rank.
  Result<double> seconds_of(DpPaddingMode mode, std::vector<int32_t> group_tokens) {
    exchange_.begin_step({.group_tokens = std::move(group_tokens), .padding = mode});
    TRY(const std::vector<double> first, run(1));  // it also warms up
    const double repeats = std::clamp(std::floor(kTime_s / first.front()), kFewestRepeats, kMostRepeats);
    TRY(std::vector<double> seconds, run(static_cast<size_t>(repeats)));
    return median(std::move(seconds));
  }

 private:
  // Seconds of the slowest rank in each of so many exchanges. All ranks get the same, since they derive from it how
  // many follow.
  Result<std::vector<double>> run(size_t repeats) {
    const RowsBuffer none;  // the exchange has a slot of its own
    std::vector<double> own;
    for (size_t i = 0; i < repeats; ++i) {
      TRY_STATUS(world_.barrier());
      const double start_s = monotonic_seconds();
      TRY_STATUS(until_world_ends([&] {
        exchange_.gather(exchange_.own_slot(none, exchange_.own_shard().rows));
        exchange_.scatter(sums_.first(exchange_.layout().total_rows));
      }));
      own.push_back(monotonic_seconds() - start_s);
    }
    std::vector<double> all(repeats * static_cast<size_t>(world_.size()));
    TRY_STATUS(world_.all_gather(std::as_bytes(std::span(own)), std::as_writable_bytes(std::span(all))));
    for (size_t i = 0; i < all.size(); ++i) own[i % repeats] = std::max(own[i % repeats], all[i]);
    return own;
  }

  DpTokenExchange& exchange_;
  const WorldCommunicator& world_;
  const RowsBuffer sums_;
};

}  // namespace

Result<ExchangeCosts> measure_exchange_costs(DpTokenExchange& exchange, const WorldCommunicator& world) {
  const DpAttentionConfig& config = exchange.config();
  const auto num_groups = static_cast<size_t>(config.place.dp_size);
  CostMeasurement measurement(exchange, world);
  ExchangeCosts costs;
  for (const int32_t tokens : cost_sizes(config.max_group_tokens)) {
    ExchangeCosts::Point& point = costs.points.emplace_back();
    point.tokens = tokens;
    std::vector<int32_t> one_busy(num_groups, 0);
    one_busy.front() = tokens;
    for (const DpPaddingMode mode : kMeasuredModes) {
      const auto i = static_cast<size_t>(mode);
      TRY(point.balanced_s[i], measurement.seconds_of(mode, std::vector<int32_t>(num_groups, tokens)));
      point.one_busy_s[i] = point.balanced_s[i];
      if (num_groups > 1) {
        TRY(point.one_busy_s[i], measurement.seconds_of(mode, one_busy));
      }
    }
  }
  std::vector<double> numbers = costs_as_numbers(costs);
  TRY_STATUS(world.broadcast(std::as_writable_bytes(std::span(numbers)), 0));
  return costs_of_numbers(numbers);
}

}  // namespace braid
