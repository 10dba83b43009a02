// The speed of the matrix kernels over batch sizes, weights from memory, and of attention, beside the floor of one run.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/bench/kernels/attention_bench.h"
#include "braid/bench/roofline/roofline.h"

namespace braid {

struct KernelShape {
  int64_t k = 0;
  int64_t n = 0;
};

struct KernelFigure {
  KernelShape shape;
  int64_t m = 0;
  double seconds = 0;  // a product, median
  double bytes_per_s = 0;
  double flops_per_s = 0;
  double read_bytes_per_s = 0;  // in turns with the shape's products; the best of them where that is more
  double roofline_fraction = 0;
};

struct KernelBench {
  CpuIsa isa = CpuIsa::kPortable;
  DType dtype = DType::kBFloat16;
  std::vector<KernelShape> shapes;
  std::vector<int64_t> batch_sizes;
  int64_t weight_bytes = int64_t{1} << 30;  // distinct weights to rotate over
  double seconds_per_shape = 2.0;
  AttentionBench attention;  // over a cache of `dtype`
  RooflineEffort roofline;
};

// The products of the 0.6 B dense model and of an expert, and M = 1 … 512.
std::vector<KernelShape> default_kernel_shapes();
std::vector<int64_t> default_batch_sizes();

// Few cases over little memory, some of it cached: figures to look at, not to report.
KernelBench quick_kernel_bench();

// Each call takes the next weights and the next batch size in turn, and a plain reading of memory is among the turns,
// so that all batch sizes and their floor see the same machine. A product that is above the peak measured before raises
// it. Attention is the `fa` backend's.
struct KernelReport {
  Roofline roofline;
  std::vector<KernelFigure> figures;
  std::vector<AttentionFigure> attention;
};
KernelReport measure_kernels(const KernelBench& bench, ThreadTeam& team);

}  // namespace braid
