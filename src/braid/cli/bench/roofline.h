// What this machine can do at best, measured: the ceilings that every speed figure of braid stands beside.
#pragma once

#include <cstdint>
#include <string>

#include "braid/base/thread_team.h"
#include "braid/kernels/isa.h"
#include "braid/tensor/dtype.h"

namespace braid {

struct Roofline {
  double bf16_flops_per_s = 0;  // the best sustained by any of our products of that dtype and tier
  double f32_flops_per_s = 0;
  double read_bytes_per_s = 0;  // of memory far larger than the caches, by all threads
  std::string isa;

  double flops_per_s(DType dtype) const { return dtype == DType::kFloat32 ? f32_flops_per_s : bf16_flops_per_s; }
  // The least time for so many bytes and floating-point operations: whichever takes longer.
  double floor_s(double bytes, double flops, DType dtype) const;
};

struct RooflineEffort {
  double seconds = 1.0;                   // for each of the three, about; medians
  int64_t read_bytes = int64_t{1} << 30;  // of memory to read: far more than the caches hold
};
Roofline measure_roofline(CpuIsa isa, ThreadTeam& team, const RooflineEffort& effort = {});

// Bytes a second that all threads read together from `bytes` of memory, by the best of several ways to read.
double measure_read_bandwidth(ThreadTeam& team, int64_t bytes, double seconds);

// The best sustained by products of several sizes.
double measure_peak_flops(CpuIsa isa, ThreadTeam& team, DType dtype, double seconds);

}  // namespace braid
