// Attention's speed alone, with keys and values from memory, beside the floor of the same run.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/attention/attention_backend.h"
#include "braid/bench/roofline/roofline.h"
#include "braid/tensor/dtype.h"

namespace braid {

// One call of attention: sequences of equal length, the last `num_new` tokens of each being new.
struct AttentionCase {
  int64_t num_sequences = 1;
  int64_t context = 160;
  int64_t num_new = 1;
};

struct AttentionBench {
  int32_t num_heads = 16;
  int32_t num_kv_heads = 8;
  int32_t head_dim = 128;
  int32_t page_size = 16;
  DType dtype = DType::kBFloat16;
  std::vector<AttentionCase> cases;
  int64_t cache_bytes = int64_t{256} << 20;  // distinct keys and values to rotate over, where one call has fewer
  double seconds_per_case = 0.3;
};

struct AttentionFigure {
  AttentionCase shape;
  double seconds = 0;           // a call (one layer of a model), median
  double bytes_per_s = 0;       // of keys and values that it must read, each once
  double flops_per_s = 0;       // of q·k and p·v over the keys that are seen
  double read_bytes_per_s = 0;  // in turns with the calls; theirs where that is more
  double roofline_fraction = 0;
};

// Decode of 1, 8 and 32 sequences over short to long contexts; prefill of 512 and 8192 tokens.
std::vector<AttentionCase> default_attention_cases();

// All but the floors, whose FLOPs are known when everything of a run is measured.
std::vector<AttentionFigure> measure_attention(AttentionBackend& backend, Ops& ops, const AttentionBench& bench,
                                               ReadMeter& meter);

}  // namespace braid
