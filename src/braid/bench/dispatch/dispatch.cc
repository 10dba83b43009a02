#include "braid/bench/dispatch/dispatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "braid/bench/dispatch/measure.h"
#include "braid/bench/dispatch/rank_loops.h"
#include "braid/bench/dispatch/ranks.h"
#include "braid/cli/flag_values.h"

namespace braid {
namespace {

struct DispatchRow {
  bool is_processes = false;
  DispatchMode mode = DispatchMode::kBroadcast;
  int32_t num_groups = 0;
  int32_t prompt_len = 0;
  int32_t batch = 0;
  dispatch::Figures alone;    // one request at a time
  dispatch::Figures singles;  // one request per map, many under way
  dispatch::Figures batched;
};

// Fewer for long prompts, so that each length sends about as many bytes.
int32_t num_timed(const BenchDispatchOptions& options, int32_t prompt_len) {
  constexpr int64_t kTokens = int64_t{8} << 20;
  return static_cast<int32_t>(
      std::clamp<int64_t>(kTokens / prompt_len, std::min(options.num_requests, 100), options.num_requests));
}

int32_t batch_of(const BenchDispatchOptions& options, int32_t prompt_len) {
  constexpr int64_t kMapTokens = int64_t{1} << 20;
  return static_cast<int32_t>(std::clamp<int64_t>(kMapTokens / prompt_len, 1, options.batch));
}

Result<DispatchRow> measure_row(dispatch::Controller& controller, const BenchDispatchOptions& options,
                                int32_t prompt_len) {
  DispatchRow row{.prompt_len = prompt_len, .batch = batch_of(options, prompt_len)};
  const int32_t count = num_timed(options, prompt_len);
  dispatch::Load load{.prompt_len = prompt_len, .batch = 1, .window = 1, .num_maps = std::max(count / 10, 1)};
  TRY(row.alone, controller.measure(load));  // warms up: grows buffers and wakes everybody
  load.num_maps = count;
  TRY(row.alone, controller.measure(load));
  load.window = 32;
  load.num_maps = count * 4;
  TRY(row.singles, controller.measure(load));
  load = {.prompt_len = prompt_len, .batch = row.batch, .window = 4, .num_maps = std::max(count * 20 / row.batch, 20)};
  TRY(row.batched, controller.measure(load));
  return row;
}

// All prompt lengths with one set of ranks.
Status measure_ranks(dispatch::Ranks& ranks, DispatchMode mode, int32_t num_groups, bool is_processes,
                     const BenchDispatchOptions& options, std::vector<DispatchRow>& rows) {
  const auto check = [&ranks] { return ranks.check(); };
  TRY_STATUS(dispatch::wait_for_all(ranks.link(), num_groups, check));
  dispatch::Controller controller(ranks.link(), mode, num_groups);
  for (const int32_t prompt_len : options.prompt_lens) {
    auto row = measure_row(controller, options, prompt_len);
    if (!row.ok()) {
      TRY_STATUS(ranks.check());  // the reason why a rank ended says more
      return row.error();
    }
    row->is_processes = is_processes;
    row->mode = mode;
    row->num_groups = num_groups;
    rows.push_back(std::move(row).value());
  }
  TRY_STATUS(controller.stop_ranks());
  return ranks.join();
}

// The published targets for ipc without encryption, 2 groups of 2 ranks.
struct DispatchAim {
  int32_t prompt_len;
  double p50_us;
  double p99_us;
  double batched_requests_per_s;  // 0: none
};
constexpr DispatchAim kDispatchAims[] = {{128, 100, 250, 100'000}, {32'768, 300, 500, 0}};

void print_aims(std::span<const DispatchRow> rows, std::FILE* out) {
  for (const DispatchRow& row : rows) {
    for (const DispatchAim& aim : kDispatchAims) {
      if (!row.is_processes || row.num_groups != 2 || row.prompt_len != aim.prompt_len) continue;
      const auto judge = [](bool is_reached) { return is_reached ? "reached" : "missed"; };
      fmt::print(out, "{}, 2 groups, {} tokens: p50 {:.0f} of {:.0f} us {}, p99 {:.0f} of {:.0f} us {}",
                 dispatch_mode_name(row.mode), row.prompt_len, row.alone.p50_us, aim.p50_us,
                 judge(row.alone.p50_us <= aim.p50_us), row.alone.p99_us, aim.p99_us,
                 judge(row.alone.p99_us <= aim.p99_us));
      if (aim.batched_requests_per_s > 0) {
        fmt::print(out, ", batched {:.0f} of {:.0f} requests/s {}", row.batched.requests_per_s,
                   aim.batched_requests_per_s, judge(row.batched.requests_per_s >= aim.batched_requests_per_s));
      }
      fmt::print(out, "\n");
    }
  }
}

void print_rows(const BenchDispatchOptions& options, std::span<const DispatchRow> rows, std::FILE* out) {
  fmt::print(out, "{} ranks a group; between processes: {}{}\n", options.ranks_per_group, options.transport,
             options.is_encrypted ? " with CURVE" : "");
  fmt::print(out, "{:<10} {:<10} {:>6} {:>7} {:>9} {:>9} {:>11} {:>6} {:>11} {:>10} {:>10} {:>12}\n", "between",
             "dispatch", "groups", "prompt", "p50 us", "p99 us", "requests/s", "batch", "requests/s", "p50 us",
             "p99 us", "sent B/req");
  for (const DispatchRow& row : rows) {
    fmt::print(out,
               "{:<10} {:<10} {:>6} {:>7} {:>9.0f} {:>9.0f} {:>11.0f} {:>6} {:>11.0f} {:>10.0f} {:>10.0f} {:>12.0f}\n",
               row.is_processes ? "processes" : "threads", dispatch_mode_name(row.mode), row.num_groups, row.prompt_len,
               row.alone.p50_us, row.alone.p99_us, row.singles.requests_per_s, row.batch, row.batched.requests_per_s,
               row.batched.p50_us, row.batched.p99_us, row.alone.sent_bytes_per_request);
  }
  fmt::print(out,
             "from before a map is encoded to the last rank concerned: one request at a time; one a map, 32 maps under "
             "way; maps of a batch, 4 under way\n");
  if (options.transport == "ipc" && !options.is_encrypted && options.ranks_per_group == 2) print_aims(rows, out);
}

nlohmann::json figures_json(const dispatch::Figures& figures) {
  return {{"requests_per_s", figures.requests_per_s},
          {"p50_us", figures.p50_us},
          {"p99_us", figures.p99_us},
          {"bytes_per_request", figures.bytes_per_request},
          {"sent_bytes_per_request", figures.sent_bytes_per_request}};
}

void print_json(const BenchDispatchOptions& options, std::span<const DispatchRow> rows, std::FILE* out) {
  nlohmann::json list = nlohmann::json::array();
  for (const DispatchRow& row : rows) {
    list.push_back({{"between", row.is_processes ? "processes" : "threads"},
                    {"dispatch", dispatch_mode_name(row.mode)},
                    {"groups", row.num_groups},
                    {"prompt_len", row.prompt_len},
                    {"batch", row.batch},
                    {"single", figures_json(row.alone)},
                    {"single_stream", figures_json(row.singles)},
                    {"batched", figures_json(row.batched)}});
  }
  const nlohmann::json report{{"ranks_per_group", options.ranks_per_group},
                              {"transport", options.transport},
                              {"curve", options.is_encrypted},
                              {"rows", std::move(list)}};
  fmt::print(out, "{}\n", report.dump());
}

}  // namespace

Status run_bench_dispatch(const BenchDispatchOptions& options, std::FILE* out) {
  if (!options.as_rank.empty()) {
    TRY(const std::string text, read_flag_file("--as-rank", options.as_rank));
    TRY(const dispatch::RankTask task, dispatch::parse_task(text));
    return dispatch::run_rank(task);
  }
  if (options.is_encrypted && options.between == "threads") {
    return fail("--curve encrypts what goes between processes; --between threads has none");
  }
  std::vector<DispatchRow> rows;
  for (const bool is_processes : {true, false}) {
    if (options.between == (is_processes ? "threads" : "processes")) continue;
    for (const int32_t num_groups : options.groups) {
      for (const DispatchMode mode : {DispatchMode::kBroadcast, DispatchMode::kDirect}) {
        if (options.dispatch != "both" && options.dispatch != dispatch_mode_name(mode)) continue;
        const dispatch::RankLayout layout{.num_groups = num_groups, .ranks_per_group = options.ranks_per_group};
        TRY(const auto ranks, is_processes ? dispatch::start_processes({.layout = layout,
                                                                        .is_tcp = options.transport == "tcp",
                                                                        .is_encrypted = options.is_encrypted})
                                           : dispatch::start_threads(layout));
        TRY_STATUS(measure_ranks(*ranks, mode, num_groups, is_processes, options, rows));
      }
    }
  }
  if (options.json) {
    print_json(options, rows, out);
  } else {
    print_rows(options, rows, out);
  }
  return {};
}

}  // namespace braid
