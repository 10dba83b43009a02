// `braid bench dispatch`: how fast requests reach the ranks that must know them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "braid/base/result.h"

namespace braid {

inline constexpr int32_t kMaxDispatchPromptLen = 1 << 20;
inline constexpr int32_t kMaxDispatchBatch = 1 << 16;

// The flags keep these within their limits.
struct BenchDispatchOptions {
  std::vector<int32_t> groups = {2, 8, 64};
  std::vector<int32_t> prompt_lens = {128, 2048, 32'768};
  int32_t ranks_per_group = 2;
  std::string dispatch = "both";  // broadcast, direct or both
  std::string between = "both";   // processes, threads or both
  std::string transport = "ipc";  // between processes: ipc or tcp
  bool is_encrypted = false;      // CURVE between processes
  int32_t num_requests = 2000;    // timed one by one; fewer if prompts are long
  int32_t batch = 256;            // requests in a batched map; fewer if prompts are long
  bool json = false;
  std::string as_rank;  // not empty: this process is a rank, and this file is its task
};

Status run_bench_dispatch(const BenchDispatchOptions& options, std::FILE* out);

}  // namespace braid
