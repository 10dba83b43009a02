// `braid bench roofline`, flags already parsed: measures and prints.
#pragma once

#include <cstdio>
#include <nlohmann/json.hpp>

#include "braid/bench/roofline/roofline.h"
#include "braid/kernels/isa.h"

namespace braid {

struct BenchRooflineOptions {
  CpuIsa isa = CpuIsa::kPortable;
  int threads = 1;
  bool json = false;  // one line of JSON instead of the table
  RooflineEffort effort;
};

// Prints to `out`. Returns the exit code.
int run_bench_roofline(const BenchRooflineOptions& options, std::FILE* out);

// For reports that include a roofline.
nlohmann::json roofline_json(const Roofline& roofline);
void print_roofline(const Roofline& roofline, int threads, std::FILE* out);

}  // namespace braid
