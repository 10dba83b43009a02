// `braid bench exchange`: the cost of gathering the groups' rows and summing them back in each padding mode. Counted
// and timed over ranks that share no buffer, and timed over ranks that do.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/parallel/padding.h"
#include "braid/tensor/dtype.h"

namespace braid {

struct ExchangeBenchOptions {
  int32_t tp_size = 4;
  int32_t dp_size = 4;
  int64_t hidden = 2048;
  int32_t tokens = 32;  // of the longest group
  DType dtype = DType::kBFloat16;
  int32_t repeats = 20;  // medians are reported
  bool json = false;
};

// One mode with one distribution of tokens over the groups.
struct ExchangeFigures {
  std::string load;  // "balanced", "skewed", "idle"
  std::vector<int32_t> group_tokens;
  DpPaddingMode mode = DpPaddingMode::kExact;
  std::vector<int64_t> received_bytes;   // counted for each rank: one gather and one scatter
  std::vector<int64_t> predicted_bytes;  // according to gather_bytes and scatter_bytes
  double message_seconds = 0;            // of the slowest rank, median
  double local_seconds = 0;
};

Result<std::vector<ExchangeFigures>> measure_exchange(const ExchangeBenchOptions& options);

// Returns an error if counted and predicted bytes differ, or if EXACT moves more than another mode.
Status run_bench_exchange(const ExchangeBenchOptions& options, std::FILE* out);

}  // namespace braid
