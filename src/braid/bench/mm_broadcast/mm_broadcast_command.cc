// The flags of `braid bench mm-broadcast`. What they start is tested by image_group_test.cc and
// tests/e2e/test_bench.py.
#include <cstdio>
#include <memory>
#include <string>

#include "braid/bench/bench_flags.h"
#include "braid/bench/commands.h"
#include "braid/bench/mm_broadcast/mm_broadcast.h"
#include "braid/node/process_places.h"

namespace braid {
namespace {

constexpr uint64_t kMaxMmHidden = 16'384;
constexpr double kMaxMakeMs = 60'000;
constexpr int32_t kMaxMmBatch = 1000;

}  // namespace

void add_bench_mm_broadcast_command(Command bench, CommandRunner& runner) {
  auto options = std::make_shared<mm_broadcast::MmBroadcastBenchOptions>();
  const Command command = bench.add_command(
      "mm-broadcast", "How images get to the processes of a DP group, by each --mm-broadcast: times and messages");
  add_number(command, "--processes", options->num_processes, "Of this host, which share a group", 2, kMaxBenchRanks);
  add_number(command, "--threads", options->num_threads, "Of each process, that prepare images; 0: one for each core",
             0, kMaxBenchRanks);
  auto batches = std::make_shared<std::string>("1,4,5,10,20,50,100");
  command.add_option("--batches", *batches, "Images that come at once").show_default();
  auto strategy = std::make_shared<std::string>("all");
  command.add_option("--mm-broadcast", *strategy, "One of them alone")
      .check(one_of({"all", "auto", "local", "per_request", "batch", "sharded"}))
      .show_default();
  auto size = std::make_shared<std::string>("1120x700");
  command.add_option("--image-size", *size, "Of the JPEGs: width and height").show_default();
  command
      .add_option("--make-ms", options->make_ms,
                  "CPU time of an image; 0: what decode, resize and cutting it into patches take")
      .check(number_from(0, kMaxMakeMs))
      .show_default();
  add_number(command, "--hidden", options->hidden, "Values of a token's features", 1, kMaxMmHidden);
  command.add_flag("--json", options->json, "One line of JSON");
  runner.on(command, [options, batches, strategy, size]() -> Status {
    TRY(options->batches, parse_counts("--batches", *batches));
    for (const int32_t batch : options->batches) {
      if (batch < 1 || batch > kMaxMmBatch)
        return fail("--batches {}: each must be from 1 to {}", *batches, kMaxMmBatch);
    }
    if (*strategy != "all") options->strategies = {mm_strategy_of(*strategy)};
    TRY(options->image_size, serving::parse_image_size(*size));
    return mm_broadcast::run_bench_mm_broadcast(*options, stdout);
  });
}

}  // namespace braid
