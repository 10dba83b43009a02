// `braid bench exchange`: the cost of gathering the groups' rows and summing them back in each padding mode. Counted
// and timed over ranks that share no buffer, and timed over ranks that do; or over the processes of an MPI job
// (job_exchange.h).
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/parallel/padding.h"
#include "braid/parallel/thread_world.h"
#include "braid/parallel/topology.h"
#include "braid/tensor/dtype.h"

namespace braid {

struct ExchangeBenchOptions {
  int32_t tp_size = 4;
  int32_t dp_size = 4;
  int64_t hidden = 2048;
  int32_t tokens = 32;  // of the longest group
  DType dtype = DType::kBFloat16;
  DType sum_dtype = DType::kFloat32;  // of sums between ranks that share no memory
  int32_t repeats = 20;               // medians are reported
  std::vector<int32_t> token_sizes;   // not empty: each mode by load and size (padding_picks.h)
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
  std::optional<double> local_seconds;
};

// The options' layout; an error if they are impossible.
Result<ParallelLayout> exchange_layout(const ExchangeBenchOptions& options);

// Over a world whose ranks share no memory and, if there is one, over a world whose ranks do. All processes of the
// first call it; each gets the figures of all ranks.
Result<std::vector<ExchangeFigures>> measure_exchange_over(const ExchangeBenchOptions& options,
                                                           const ParallelLayout& layout, const ThreadWorld& messages,
                                                           const ThreadWorld* local);
Result<std::vector<ExchangeFigures>> measure_exchange(const ExchangeBenchOptions& options);  // over threads

// An error if counted and predicted bytes differ, or if EXACT moves more than another mode.
Status check_exchange(const std::vector<ExchangeFigures>& all);

Json exchange_json(const ExchangeBenchOptions& options, const std::vector<ExchangeFigures>& all);
void print_exchange(const ExchangeBenchOptions& options, const std::vector<ExchangeFigures>& all, std::FILE* out);

Status run_bench_exchange(const ExchangeBenchOptions& options, std::FILE* out);  // over threads

}  // namespace braid
