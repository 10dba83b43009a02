#include "braid/bench/overlap/overlap.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "braid/api/text_model.h"
#include "braid/base/index_range.h"
#include "braid/base/median.h"
#include "braid/bench/latency/batch_run.h"
#include "braid/formats/json.h"
#include "braid/parallel/mpi_module.h"
#include "braid/parallel/process_join.h"
#include "braid/parallel/process_transport.h"
#include "braid/worker/process_ranks.h"

namespace braid {
namespace {

constexpr double kJobTimeout_s = 120;

struct OverlapFigures {
  int32_t tokens = 0;
  double whole_s = 0;
  double halves_s = 0;
  double exchange_s = 0;  // of the whole step, by the costs that were measured at the start; 0: none were

  double gain() const { return 1 - halves_s / whole_s; }
};

// In turns, so that both meet the same conditions. The first of each warms up.
Result<OverlapFigures> measure_overlap(const OverlapOptions& options, int32_t tokens, RankSet& ranks) {
  const int32_t num_groups = ranks.layout().num_groups();
  BatchShape shape{.batch_size = num_groups, .input_len = tokens, .output_len = 1};
  TRY_STATUS(check_room(shape, ranks));
  std::vector<double> whole;
  std::vector<double> halves;
  for (int32_t i = 0; i <= options.repeats; ++i) {
    for (const bool in_halves : {false, true}) {
      shape.in_halves = in_halves;
      TRY(const BatchRun run, run_batch(shape, ranks, {}));
      if (i > 0) (in_halves ? halves : whole).push_back(run.prefill.seconds());
    }
  }
  OverlapFigures figures{.tokens = tokens, .whole_s = median(std::move(whole)), .halves_s = median(std::move(halves))};
  const ExchangeCosts& costs = ranks.first().exchange_costs();
  if (!costs.points.empty()) {
    const std::vector<int32_t> group_tokens(static_cast<size_t>(num_groups), tokens);
    figures.exchange_s =
        ranks.config().num_layers * exchange_seconds(costs, cheapest_padding_mode(costs, group_tokens), group_tokens);
  }
  return figures;
}

void print(const OverlapOptions& options, const std::vector<OverlapFigures>& all, std::FILE* out) {
  if (options.json) {
    Json rows = Json::array();
    for (const OverlapFigures& one : all) {
      rows.push_back({{"tokens", one.tokens},
                      {"whole_seconds", one.whole_s},
                      {"halves_seconds", one.halves_s},
                      {"exchange_seconds", one.exchange_s},
                      {"gain", one.gain()}});
    }
    fmt::print(out, "{}\n", rows.dump());
    return;
  }
  fmt::print(out, "{:>8} {:>12} {:>12} {:>12} {:>8}\n", "tokens", "exchange ms", "whole ms", "halves ms", "gain");
  for (const OverlapFigures& one : all) {
    fmt::print(out, "{:>8} {:>12.2f} {:>12.2f} {:>12.2f} {:>7.1f}%\n", one.tokens, one.exchange_s * 1e3,
               one.whole_s * 1e3, one.halves_s * 1e3, one.gain() * 100);
  }
}

}  // namespace

Status run_bench_overlap(const OverlapOptions& options, std::shared_ptr<Logger> logger, std::FILE* out) {
  RankOptions ranks_options = options.engine.rank;
  const ParallelLayout& layout = ranks_options.layout;
  TRY(const std::shared_ptr<ProcessPort> port, open_mpi(mpi_module_path(), kJobTimeout_s));
  const int32_t num_processes = port->num_processes();
  if (num_processes < 2 || num_processes > layout.tp_size || layout.num_worlds() > 1) {
    return fail(
        "bench overlap in {} process{}: start 2 to {} of them (--tp-size), as with mpirun -n 2, for one copy of "
        "the model",
        num_processes, num_processes == 1 ? "" : "es", layout.tp_size);
  }
  const int32_t largest = std::ranges::max(options.token_sizes);
  ranks_options.chunked_prefill_size = std::max(ranks_options.chunked_prefill_size, largest);
  const IndexRange own = split_evenly(layout.tp_size, port->process(), num_processes);
  const int64_t num_own = own.end - own.begin;
  TRY(RankSpread spread, join_processes(*port, {.layout = layout,
                                                .num_ranks = static_cast<int32_t>(num_own),
                                                .identity = "bench overlap",
                                                .timeout_s = kJobTimeout_s}));
  TRY(ProcessRanks placed,
      place_own_ranks(ranks_options, std::make_shared<const ProcessTransport>(port, std::move(spread), kJobTimeout_s)));
  TRY(const Checkpoint checkpoint, open_checkpoint(options.engine.source));
  TRY(const auto ranks, RankSet::load(checkpoint, ranks_options, std::move(placed), std::move(logger), {}));
  std::vector<OverlapFigures> all;
  for (const int32_t tokens : options.token_sizes) {
    TRY(all.emplace_back(), measure_overlap(options, tokens, *ranks));
  }
  TRY_STATUS(ranks->leave_worlds());
  if (port->process() == 0) print(options, all, out);
  return {};
}

}  // namespace braid
