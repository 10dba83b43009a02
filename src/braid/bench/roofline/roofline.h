// What this machine can do at best, measured: the ceilings beside which every speed figure of braid is shown. Tested by
// roofline_report_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/index_range.h"
#include "braid/base/thread_team.h"
#include "braid/kernels/isa.h"
#include "braid/kernels/quantized_layout.h"
#include "braid/tensor/buffer.h"
#include "braid/tensor/dtype.h"
#include "braid/tensor/quantized_rows.h"

namespace braid {

// What a product multiplies: each has a peak of its own. Integers are products of rounded rows; weights of up to 6 bits
// are kFewBits, which AVX2 multiplies faster.
enum class Arithmetic : uint8_t { kBFloat16, kFloat32, kInt8, kFewBits };

// Of rows and weights of this dtype.
constexpr Arithmetic arithmetic_of(DType dtype) {
  return dtype == DType::kFloat32 ? Arithmetic::kFloat32 : Arithmetic::kBFloat16;
}
// Of rows of this dtype and such weights. Tables have values of 8 bits.
Arithmetic arithmetic_of(const QuantizedFormat& format, ActivationBits activations, DType dtype);
// Of one weight and one row: a product and a sum, twice where rows have two codes.
constexpr double operations_of(ActivationBits activations) {
  return activations == ActivationBits::k16 ? 4 : 2;
}
// "bfloat16", "float32", "int8" or "few_bits"
std::string_view arithmetic_name(Arithmetic arithmetic);

struct Roofline {
  double bf16_flops_per_s = 0;  // the best sustained by any of our products of that dtype and tier
  double f32_flops_per_s = 0;
  double int8_ops_per_s = 0;      // of 8-bit weights and rows, with the operands in registers
  double few_bits_ops_per_s = 0;  // the same for weights of few bits
  double read_bytes_per_s = 0;    // of memory far larger than the caches, by all threads
  std::string isa;

  double peak(Arithmetic arithmetic) const;
  void raise_peak(Arithmetic arithmetic, double to);  // something was that fast
  // The least time for this many bytes and operations: the longer of the two.
  double bound_s(double bytes, double operations, Arithmetic arithmetic) const;
};

struct RooflineEffort {
  double seconds = 1.0;                   // for each of the four measurements, about; medians
  int64_t read_bytes = int64_t{1} << 30;  // of memory to read: far more than the caches hold
};
// Measures what all threads read together from `bytes` of memory, with the fastest of several ways to read; the
// constructor takes `seconds` to find it. A shared machine's bandwidth changes from second to second, so a figure is
// compared with readings taken while it was measured.
class ReadMeter {
 public:
  ReadMeter(ThreadTeam& team, int64_t bytes, double seconds);

  double bytes_per_s() const { return bytes_per_s_; }  // as measured by the constructor
  // Reads the next sixteenth of the memory once, in turns with whatever is being measured. Returns bytes per second.
  double turn();

 private:
  double read_s(size_t reader, IndexRange bytes);

  ThreadTeam& team_;
  Buffer buffer_;
  std::vector<uint64_t> results_;  // so that the compiler cannot leave out a reading
  size_t reader_ = 0;
  double bytes_per_s_ = 0;
  int64_t turns_ = 0;
};

Roofline measure_roofline(CpuIsa isa, ThreadTeam& team, const RooflineEffort& effort = {});
// The same with memory already measured; takes `seconds` for each of the peaks.
Roofline measure_roofline(CpuIsa isa, ThreadTeam& team, const ReadMeter& meter, double seconds);

// A ReadMeter's bytes_per_s().
double measure_read_bandwidth(ThreadTeam& team, int64_t bytes, double seconds);

// The best sustained by products of several sizes.
double measure_peak_flops(CpuIsa isa, ThreadTeam& team, DType dtype, double seconds);

}  // namespace braid
