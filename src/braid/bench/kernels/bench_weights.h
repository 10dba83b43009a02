// The quantized weights that `braid bench kernels --weights` knows, by name. Tested by kernels_report_test.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "braid/kernels/quantized_layout.h"
#include "braid/tensor/quantized_rows.h"

namespace braid {

struct BenchWeights {
  std::string name;
  QuantizedFormat format;
};

// GGUF's types; int8 has a scale a row, as compressed-tensors' W8A8; fp8 is E4M3 with a scale a block of 128 x 128.
const std::vector<BenchWeights>& bench_weights();
// Null: there is none of this name.
const BenchWeights* find_bench_weights(std::string_view name);

// Random codes and scales of the format, so that elements have about unit variance divided by cols.
QuantizedRows random_quantized_rows(const QuantizedFormat& format, int64_t rows, int64_t cols);

}  // namespace braid
