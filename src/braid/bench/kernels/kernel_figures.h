// The speed of the matrix kernels over batch sizes, with weights from memory, and of attention, beside the roofline of
// the same run. Tested by kernels_report_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "braid/bench/kernels/attention_bench.h"
#include "braid/bench/kernels/bench_weights.h"
#include "braid/bench/roofline/roofline.h"

namespace braid {

struct KernelShape {
  int64_t k = 0;
  int64_t n = 0;
};

struct KernelFigure {
  KernelShape shape;
  int64_t m = 0;
  double seconds = 0;  // one product, median
  double bytes_per_s = 0;
  double flops_per_s = 0;
  double read_bytes_per_s = 0;  // measured in turns with the shape's products; the best of the products if that is more
  double roofline_fraction = 0;
};

struct KernelBench {
  CpuIsa isa = CpuIsa::kPortable;
  DType dtype = DType::kBFloat16;
  const BenchWeights* weights = nullptr;      // quantized; null: of `dtype`
  std::optional<ActivationBits> activations;  // of rows beside them; absent: as is usual for them
  std::vector<KernelShape> shapes;
  std::vector<int64_t> batch_sizes;
  int64_t weight_bytes = int64_t{1} << 30;  // distinct weights to rotate over
  double seconds_per_shape = 2.0;
  AttentionBench attention;     // over a cache of `dtype` or its codes; nothing without cases
  bool only_attention = false;  // no products
  RooflineEffort roofline;
};

// The products of the 0.6 B dense model and of an expert, and M = 1 … 512.
std::vector<KernelShape> default_kernel_shapes();
std::vector<int64_t> default_batch_sizes();

// How the products treat their rows, and beside whose peak they stand.
ActivationBits activations_of(const KernelBench& bench);
Arithmetic arithmetic_of(const KernelBench& bench);

// A few cases over little memory, some of it cached: a quick look, not figures to report.
KernelBench quick_kernel_bench();

// Each call takes the next weights and the next batch size in turn, and plain reading of memory takes turns too, so
// that all batch sizes and their roofline see the same machine. A product faster than the peak measured before raises
// the peak. Attention uses the `fa` backend.
struct KernelReport {
  Roofline roofline;
  std::vector<KernelFigure> figures;
  std::vector<AttentionFigure> attention;
};
KernelReport measure_kernels(const KernelBench& bench, ThreadTeam& team);

}  // namespace braid
