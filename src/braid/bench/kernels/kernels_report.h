// `braid bench kernels`, flags already parsed: measures and prints.
#pragma once

#include <cstdio>

#include "braid/bench/kernels/kernel_figures.h"

namespace braid {

struct BenchKernelsOptions {
  KernelBench bench;
  int threads = 1;
  bool json = false;
};

// Prints to `out`. Returns the exit code.
int run_bench_kernels(const BenchKernelsOptions& options, std::FILE* out);

}  // namespace braid
