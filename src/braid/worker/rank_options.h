// How the ranks run their model: the values of the command line's flags with the same names. Checked by
// check_rank_options() (process_ranks.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "braid/config/model_config.h"
#include "braid/kernels/isa.h"
#include "braid/parallel/exchange_costs.h"
#include "braid/parallel/padding.h"
#include "braid/parallel/rank_placement.h"
#include "braid/parallel/topology.h"
#include "braid/tensor/dtype.h"
#include "braid/tensor/kv_codes.h"
#include "braid/weights/weight_codes.h"
#include "braid/worker/halves_choice.h"
#include "braid/worker/image_strategy.h"

namespace braid {

inline constexpr int32_t kMaxThreadsPerRank = 1024;
inline constexpr int32_t kPageSizeStep = 16;
inline constexpr int32_t kMaxPageSize = 4096;
inline constexpr int32_t kMaxChunkedPrefillSize = 65536;
inline constexpr int32_t kMaxRunningRequests = 65536;
inline constexpr int32_t kMaxPrefillAlignment = 1000;  // steps

// Keys and values that outlive the process (kept_memories.h).
struct KeptMemoryOptions {
  std::string key;     // of the starts that may go on with each other's, the same in all processes; empty: none may
  std::string folder;  // of a MemoryKeeper; empty: this process has none, but others may
  int32_t world = 0;   // whose ranks these are
};

struct RankOptions {
  ParallelLayout layout;
  DpPadding dp_padding;
  DType exchange_dtype = DType::kFloat32;  // of partial sums between processes
  OverlapHalves overlap_halves = OverlapHalves::kAuto;
  ExchangeCosts exchange_costs;  // that these ranks have measured before; no points: they measure
  NumaChoice numa;
  double collective_timeout_s = 30;                 // of one wait of a rank for the others
  std::optional<CpuIsa> isa;                        // absent: the best of this machine
  int32_t threads_per_rank = 0;                     // 0: the cores that this process may use, divided by the ranks
  std::optional<DType> dtype;                       // absent: bfloat16 unless the checkpoint is float32
  std::optional<KvDType> kv_cache_dtype;            // absent: as dtype
  Quantization quantization = Quantization::kNone;  // of matrices that are stored in 16 or 32 bits
  // Of rows in products with quantized weights. Absent: chosen_quantization().
  std::optional<ActivationBits> activation_bits;
  std::string attention_backend = "fa";
  int32_t page_size = 16;              // tokens, a multiple of 16
  int32_t chunked_prefill_size = 512;  // prompt tokens of a group in one step
  int32_t max_running_requests = 256;  // of all groups together
  int64_t context_length = 0;          // 0: the model's
  int64_t least_context_len = 0;       // that the pools must hold, or nothing starts; 0: whatever fits
  int64_t max_total_tokens = 0;        // in the KV pools of all groups; 0: as memory allows
  int64_t kv_cache_bytes = 0;          // of all KV pools at most; 0: as mem_fraction_static allows
  double mem_fraction_static = 0.8;    // for weights and KV, of the memory available at the start
  bool radix_cache = true;
  bool moves_requests = false;      // running requests change their group: memory is set aside for their copies
  int32_t max_moved_pages = 0;      // that a step copies for them; 0: what a few milliseconds allow
  MmBroadcastOptions mm_broadcast;  // how ranks in other processes come by images
  int64_t mm_cache_entries = 1000;  // images that a process keeps
  int64_t mm_cache_bytes = int64_t{2} << 30;  // of their features, at most
  double mm_timeout_s = 30;                   // in which making an image must get on; 0: no limit
  KeptMemoryOptions kept;
  std::string pack_cache;  // a folder that keeps packed weights for the next start; empty: none
};

// The dtype of weights and activations, and how quantized weights are kept.
inline DType chosen_dtype(const RankOptions& options, const ModelConfig& config) {
  return options.dtype.value_or(config.checkpoint_dtype == DType::kFloat32 ? DType::kFloat32 : DType::kBFloat16);
}
// Rows of 8 bits cost a small model more of its words, and it is fast with 16 (docs/decisions.md).
inline QuantizedWeights chosen_quantization(const RankOptions& options, const ModelConfig& config) {
  constexpr int32_t kSmallHidden = 1024;
  ActivationBits usual = config.hidden < kSmallHidden ? ActivationBits::k16 : ActivationBits::k8;
  if (chosen_dtype(options, config) == DType::kFloat32) usual = ActivationBits::kExact;
  return {.activations = options.activation_bits.value_or(usual), .quantization = options.quantization};
}

}  // namespace braid
