// `braid bench roofline` and `braid bench kernels`, flags already parsed.
#pragma once

#include <cstdio>

#include "braid/bench/kernel_figures.h"

namespace braid {

struct BenchRooflineOptions {
  CpuIsa isa = CpuIsa::kPortable;
  int threads = 1;
  bool json = false;  // one line of JSON in place of the table
  RooflineEffort effort;
};

struct BenchKernelsOptions {
  KernelBench bench;
  int threads = 1;
  bool json = false;
};

// Exit codes. They print to `out`.
int run_bench_roofline(const BenchRooflineOptions& options, std::FILE* out);
int run_bench_kernels(const BenchKernelsOptions& options, std::FILE* out);

}  // namespace braid
