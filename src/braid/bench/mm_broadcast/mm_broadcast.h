// `braid bench mm-broadcast`: what each --mm-broadcast costs, for batches of images. Tested by tests/e2e/test_bench.py.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <vector>

#include "braid/base/result.h"
#include "braid/bench/serving/random_image.h"
#include "braid/wire/mm_strategy.h"

namespace braid::mm_broadcast {

struct MmBroadcastBenchOptions {
  int32_t num_processes = 4;
  int32_t num_threads = 0;  // of each process, that prepare images; 0: one for each core
  std::vector<int32_t> batches = {1, 4, 5, 10, 20, 50, 100};
  std::vector<std::optional<MmStrategy>> strategies = {};  // absent: auto; none: all of them and auto
  ImageSize image_size = {.width = 1120, .height = 700};
  double make_ms = 0;  // of CPU time for each image; 0: decode, resize and cut into patches
  int32_t hidden = 1024;
  bool json = false;
};

Status run_bench_mm_broadcast(const MmBroadcastBenchOptions& options, std::FILE* out);

}  // namespace braid::mm_broadcast
