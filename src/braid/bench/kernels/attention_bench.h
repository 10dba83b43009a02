// The speed of attention alone, with keys and values from memory, beside the roofline of the same run. Tested by
// kernels_report_test.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/attention/attention_backend.h"
#include "braid/bench/roofline/roofline.h"
#include "braid/tensor/dtype.h"
#include "braid/tensor/kv_codes.h"

namespace braid {

// One call of attention: sequences of equal length whose last `num_new` tokens are new.
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
  KvCodes codes = KvCodes::kNone;  // with others the dtype is kBFloat16
  std::vector<AttentionCase> cases;
  int64_t cache_bytes = int64_t{256} << 20;  // distinct keys and values to rotate over, if one call has fewer
  double seconds_per_case = 0.3;
};

struct AttentionFigure {
  AttentionCase shape;
  double seconds = 0;           // one call (one layer of a model), median
  double bytes_per_s = 0;       // of the keys and values that it must read, each once
  double flops_per_s = 0;       // of q·k and p·v over the visible keys
  double read_bytes_per_s = 0;  // measured in turns with the calls; the calls' own if that is more
  double roofline_fraction = 0;
};

// Decode of 1, 8 and 32 sequences over short to long contexts; prefill of 512 and 8192 tokens.
std::vector<AttentionCase> default_attention_cases();

// Everything but roofline_fraction, which needs the best FLOPs of the whole run.
std::vector<AttentionFigure> measure_attention(AttentionBackend& backend, Ops& ops, const AttentionBench& bench,
                                               ReadMeter& meter);

}  // namespace braid
