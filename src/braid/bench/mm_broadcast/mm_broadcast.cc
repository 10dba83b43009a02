#include "braid/bench/mm_broadcast/mm_broadcast.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "braid/base/system_info.h"
#include "braid/bench/mm_broadcast/image_group.h"
#include "braid/formats/json.h"

namespace braid::mm_broadcast {
namespace {

std::string name_of_choice(const std::optional<MmStrategy>& strategy) {
  return strategy ? std::string(name_of(*strategy)) : "auto";
}

Json json_of(const GroupRun& run, const std::string& strategy, int64_t batch) {
  return {{"strategy", strategy},
          {"images", batch},
          {"total_s", run.total_s},
          {"cpu_s", run.cpu_s},
          {"requests_per_s", static_cast<double>(batch) / run.total_s},
          {"broadcast_s", run.broadcast_s},
          {"broadcasts", run.num_broadcasts},
          {"bytes", run.num_bytes},
          {"images_made", run.num_made}};
}

}  // namespace

Status run_bench_mm_broadcast(const MmBroadcastBenchOptions& options, std::FILE* out) {
  GroupCase group{.num_processes = options.num_processes,
                  .num_threads = options.num_threads > 0 ? options.num_threads : available_cores(),
                  .make_s = options.make_ms / 1000,
                  .hidden = options.hidden};
  std::vector<std::optional<MmStrategy>> strategies = options.strategies;
  if (strategies.empty()) {
    for (size_t i = 0; i < kNumMmStrategies; ++i) strategies.emplace_back(static_cast<MmStrategy>(i));
    strategies.emplace_back();
  }
  std::vector<std::string> images;
  for (int32_t i = 0; i < std::ranges::max(options.batches); ++i) {
    images.push_back(serving::random_image(options.image_size, serving::ImageFormat::kJpeg, static_cast<uint64_t>(i)));
  }
  if (!options.json) {
    fmt::print(out, "{} processes, {} threads each on {} cores; images of {} x {}, {:.0f} KB, {}\n\n",
               group.num_processes, group.num_threads, available_cores(), options.image_size.width,
               options.image_size.height, static_cast<double>(images.front().size()) / 1e3,
               group.make_s > 0 ? fmt::format("each {:.0f} ms of CPU time", options.make_ms)
                                : "decoded, resized and cut into patches");
    fmt::print(out, "{:>7} {:>12} {:>9} {:>9} {:>11} {:>13} {:>11} {:>12} {:>6}\n", "images", "strategy", "total s",
               "CPU s", "requests/s", "broadcast ms", "broadcasts", "MB in them", "made");
  }
  Json runs = Json::array();
  for (const int32_t batch : options.batches) {
    for (const auto& strategy : strategies) {
      group.broadcast.strategy = strategy;
      TRY(const GroupRun run, run_group(group, {images.begin(), images.begin() + batch}));
      runs.push_back(json_of(run, name_of_choice(strategy), batch));
      if (options.json) continue;
      fmt::print(out, "{:>7} {:>12} {:>9.3f} {:>9.3f} {:>11.1f} {:>13.2f} {:>11} {:>12.3f} {:>6}\n", batch,
                 name_of_choice(strategy), run.total_s, run.cpu_s, static_cast<double>(batch) / run.total_s,
                 run.broadcast_s * 1e3, run.num_broadcasts, static_cast<double>(run.num_bytes) / 1e6, run.num_made);
      std::fflush(out);
    }
  }
  if (options.json) {
    const Json report = {{"processes", group.num_processes},
                         {"threads", group.num_threads},
                         {"cores", available_cores()},
                         {"make_ms", options.make_ms},
                         {"runs", std::move(runs)}};
    fmt::print(out, "{}\n", report.dump());
  }
  return {};
}

}  // namespace braid::mm_broadcast
