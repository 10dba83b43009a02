#include "braid/bench/exchange/exchange.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <thread>

#include "braid/base/clock.h"
#include "braid/bench/exchange/padding_picks.h"
#include "braid/bench/exchange/thread_sends.h"
#include "braid/bench/timing.h"
#include "braid/formats/json.h"
#include "braid/kernels/make_ops.h"
#include "braid/parallel/dp_token_exchange.h"
#include "braid/parallel/local_world.h"
#include "braid/parallel/message_world.h"

namespace braid {
namespace {

constexpr std::array kBenchModes{DpPaddingMode::kMaxLen, DpPaddingMode::kSumLen, DpPaddingMode::kExact};

struct RankFigures {
  std::vector<double> seconds;  // of each repeat
  int64_t received_bytes = 0;   // of one repeat
  int64_t predicted_bytes = 0;
};

// Every rank's figures, on every rank: they may be in several processes.
Result<std::vector<RankFigures>> gather_figures(WorldCommunicator world, const RankFigures& own) {
  const auto num_ranks = static_cast<size_t>(world.size());
  std::vector<double> seconds(num_ranks * own.seconds.size());
  std::vector<std::array<int64_t, 2>> bytes(num_ranks);
  const std::array<int64_t, 2> own_bytes{own.received_bytes, own.predicted_bytes};
  TRY_STATUS(world.all_gather(std::as_bytes(std::span(own.seconds)), std::as_writable_bytes(std::span(seconds))));
  TRY_STATUS(world.all_gather(bytes_of(own_bytes), std::as_writable_bytes(std::span(bytes))));
  std::vector<RankFigures> all;
  for (size_t rank = 0; rank < num_ranks; ++rank) {
    const auto first = seconds.begin() + static_cast<std::ptrdiff_t>(rank * own.seconds.size());
    all.push_back({.seconds = {first, first + static_cast<std::ptrdiff_t>(own.seconds.size())},
                   .received_bytes = bytes[rank][0],
                   .predicted_bytes = bytes[rank][1]});
  }
  return all;
}

Result<std::vector<RankFigures>> run_exchange_rank(const ExchangeBenchOptions& options, const DpAttentionConfig& config,
                                                   const DpAttentionMetadata& metadata, WorldCommunicator world,
                                                   GroupCommunicator group) {
  const auto ops = make_ref_ops();
  TRY(const auto exchange, initialize_dp_attention(config, *ops, world, group));
  exchange->begin_step(metadata);
  const RowsBuffer none;  // the exchange has its own slot
  const RowsBuffer sums(DType::kFloat32, config.max_rows(), config.hidden);
  RankFigures figures;
  for (int32_t i = 0; i <= options.repeats; ++i) {
    TRY_STATUS(world.barrier());
    const int64_t before = world.received_bytes();
    const double start_s = monotonic_seconds();
    TRY_STATUS(until_world_ends([&] {
      exchange->gather(exchange->own_slot(none, exchange->own_shard().rows));
      exchange->scatter(sums.first(exchange->layout().total_rows));
    }));
    if (i > 0) figures.seconds.push_back(monotonic_seconds() - start_s);  // the first warms up
    figures.received_bytes = world.received_bytes() - before;
  }
  TRY_STATUS(world.barrier());  // the peers have read this rank's buffers
  figures.predicted_bytes =
      gather_bytes(exchange->layout(), metadata.padding, config.place.tp_rank, config.row_bytes()) +
      scatter_bytes(exchange->layout(), metadata.padding, config.place.tp_rank, config.sum_row_bytes());
  return gather_figures(world, figures);
}

// The figures of all ranks of a world, some or all of which are in this process.
Result<std::vector<RankFigures>> run_exchange_ranks(const ThreadWorld& world, const ExchangeBenchOptions& options,
                                                    DType sum_dtype, const ParallelLayout& layout,
                                                    const DpAttentionMetadata& metadata) {
  const IndexRange own = world.own_ranks();
  std::vector<Result<std::vector<RankFigures>>> results(static_cast<size_t>(own.end - own.begin), Error{});
  std::vector<std::thread> threads;
  for (size_t i = 0; i < results.size(); ++i) {
    threads.emplace_back([&, i] {
      const auto rank = static_cast<int32_t>(own.begin) + static_cast<int32_t>(i);
      const DpAttentionConfig config{.place = place_of(layout, rank),
                                     .hidden = options.hidden,
                                     .dtype = options.dtype,
                                     .sum_dtype = sum_dtype,
                                     .max_group_tokens = options.tokens,
                                     .padding = DpPadding::fixed(metadata.padding)};
      results[i] = run_exchange_rank(options, config, metadata, world.world(rank), world.group(rank));
    });
  }
  for (auto& thread : threads) thread.join();
  for (auto& result : results) {
    if (!result.ok()) return result.error();
  }
  return std::move(results.front());
}

// Each repeat takes as long as its slowest rank.
double median_seconds(const std::vector<RankFigures>& ranks) {
  std::vector<double> slowest(ranks.front().seconds.size());
  for (const RankFigures& rank : ranks) {
    for (size_t i = 0; i < slowest.size(); ++i) slowest[i] = std::max(slowest[i], rank.seconds[i]);
  }
  return median(slowest);
}

struct Load {
  std::string name;
  std::vector<int32_t> group_tokens;
};

std::vector<Load> loads_of(const ExchangeBenchOptions& options) {
  const auto groups = static_cast<size_t>(options.dp_size);
  std::vector<int32_t> skewed(groups, std::max(options.tokens / 8, 1));
  std::vector<int32_t> idle(groups, 0);
  skewed.front() = options.tokens;
  idle.back() = options.tokens;
  return {{.name = "balanced", .group_tokens = std::vector<int32_t>(groups, options.tokens)},
          {.name = "skewed", .group_tokens = skewed},
          {.name = "idle", .group_tokens = idle}};
}

int64_t sum_of_bytes(const std::vector<int64_t>& bytes) {
  return std::accumulate(bytes.begin(), bytes.end(), int64_t{0});
}

}  // namespace

Result<ParallelLayout> exchange_layout(const ExchangeBenchOptions& options) {
  if (options.tokens < 1 || options.repeats < 1 || options.hidden < 2 || options.hidden % 2 != 0) {
    return fail("--tokens {}, --repeats {}, --hidden {}: at least 1, 1 and an even number from 2", options.tokens,
                options.repeats, options.hidden);
  }
  return make_layout({.tp_size = options.tp_size, .dp_size = options.dp_size, .enable_dp_attention = true});
}

Result<std::vector<ExchangeFigures>> measure_exchange_over(const ExchangeBenchOptions& options,
                                                           const ParallelLayout& layout, const ThreadWorld& messages,
                                                           const ThreadWorld* local) {
  std::vector<ExchangeFigures> all;
  for (const Load& load : loads_of(options)) {
    for (const DpPaddingMode mode : kBenchModes) {
      const DpAttentionMetadata metadata{.group_tokens = load.group_tokens, .padding = mode};
      ExchangeFigures figures{.load = load.name, .group_tokens = load.group_tokens, .mode = mode};
      TRY(const auto ranks, run_exchange_ranks(messages, options, options.sum_dtype, layout, metadata));
      for (const RankFigures& rank : ranks) {
        figures.received_bytes.push_back(rank.received_bytes);
        figures.predicted_bytes.push_back(rank.predicted_bytes);
      }
      figures.message_seconds = median_seconds(ranks);
      if (local != nullptr) {
        TRY(const auto local_ranks, run_exchange_ranks(*local, options, DType::kFloat32, layout, metadata));
        figures.local_seconds = median_seconds(local_ranks);
      }
      all.push_back(std::move(figures));
    }
  }
  return all;
}

Result<std::vector<ExchangeFigures>> measure_exchange(const ExchangeBenchOptions& options) {
  TRY(const ParallelLayout layout, exchange_layout(options));
  const MessageWorld messages(layout);
  const LocalWorld local(layout);
  return measure_exchange_over(options, layout, messages, &local);
}

Status check_exchange(const std::vector<ExchangeFigures>& all) {
  for (const ExchangeFigures& one : all) {
    if (one.received_bytes != one.predicted_bytes) {
      return fail("{}, {}: the ranks received {} bytes, the function says {}", one.load, padding_mode_name(one.mode),
                  fmt::join(one.received_bytes, " "), fmt::join(one.predicted_bytes, " "));
    }
    for (const ExchangeFigures& other : all) {
      if (one.mode != DpPaddingMode::kExact || other.load != one.load) continue;
      if (sum_of_bytes(one.received_bytes) > sum_of_bytes(other.received_bytes)) {
        return fail("{}: exact moves {} bytes, {} moves {}", one.load, sum_of_bytes(one.received_bytes),
                    padding_mode_name(other.mode), sum_of_bytes(other.received_bytes));
      }
    }
  }
  return {};
}

Json exchange_json(const ExchangeBenchOptions& options, const std::vector<ExchangeFigures>& all) {
  Json cases = Json::array();
  for (const ExchangeFigures& one : all) {
    cases.push_back({{"load", one.load},
                     {"group_tokens", one.group_tokens},
                     {"padding", padding_mode_name(one.mode)},
                     {"received_bytes", one.received_bytes},
                     {"predicted_bytes", one.predicted_bytes},
                     {"message_seconds", one.message_seconds}});
    if (one.local_seconds) cases.back()["local_seconds"] = *one.local_seconds;
  }
  return {{"tp_size", options.tp_size},
          {"dp_size", options.dp_size},
          {"hidden", options.hidden},
          {"dtype", dtype_name(options.dtype)},
          {"cases", cases}};
}

void print_exchange(const ExchangeBenchOptions& options, const std::vector<ExchangeFigures>& all, std::FILE* out) {
  fmt::print(out, "{} ranks in {} groups, rows of {} {}; one gather and one scatter, bytes received by all ranks\n",
             options.tp_size, options.dp_size, options.hidden, dtype_name(options.dtype));
  const bool has_local = all.front().local_seconds.has_value();
  fmt::print(out, "{:<10} {:<8} {:>14} {:>14} {:>14}{}\n", "load", "padding", "bytes", "predicted", "messages us",
             has_local ? "   local us" : "");
  for (const ExchangeFigures& one : all) {
    fmt::print(out, "{:<10} {:<8} {:>14} {:>14} {:>14.1f}{}\n", one.load, padding_mode_name(one.mode),
               sum_of_bytes(one.received_bytes), sum_of_bytes(one.predicted_bytes), one.message_seconds * 1e6,
               has_local ? fmt::format(" {:>10.1f}", *one.local_seconds * 1e6) : "");
  }
}

Status run_bench_exchange(const ExchangeBenchOptions& options, std::FILE* out) {
  if (!options.token_sizes.empty()) {
    TRY(const ParallelLayout layout, exchange_layout(options));
    const MessageWorld messages(layout);
    TRY(const auto picks, measure_padding_picks(options, layout, options.token_sizes, messages));
    report_picks(options, picks, out);
    return {};
  }
  TRY(const std::vector<ExchangeFigures> all, measure_exchange(options));
  TRY(const auto sends, measure_thread_sends(options.tp_size, options.repeats));
  if (options.json) {
    Json object = exchange_json(options, all);
    object["sends"] = thread_sends_json(sends);
    fmt::print(out, "{}\n", object.dump());
  } else {
    print_thread_sends(options.tp_size, sends, out);
    fmt::print(out, "\n");
    print_exchange(options, all, out);
  }
  return check_exchange(all);
}

}  // namespace braid
