#include "braid/bench/roofline/multiply_ceilings.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include "braid/bench/roofline/multiply_loops.h"
#include "braid/bench/roofline/weight_set.h"
#include "braid/bench/timing.h"

namespace braid {
namespace {

constexpr int64_t kL1Bytes = int64_t{16} << 10;   // fits any first-level cache together with the rows
constexpr int64_t kL2Bytes = int64_t{128} << 10;  // far more than that, and fits any second-level cache

#if defined(__x86_64__)
bench::MultiplyLoops loops_of(CpuIsa isa, DType dtype) {
  const bool is_bf16 = dtype == DType::kBFloat16;
  switch (isa) {
    case CpuIsa::kPortable:
      break;
    case CpuIsa::kAvx2:
      return is_bf16 ? bench::avx2_bf16_loops() : bench::avx2_f32_loops();
    case CpuIsa::kAvx512:
      return is_bf16 ? bench::avx512_widened_bf16_loops() : bench::avx512_f32_loops();
    case CpuIsa::kAvx512Bf16:
      return is_bf16 ? bench::avx512_bf16_loops() : bench::avx512_f32_loops();
    case CpuIsa::kAmxBf16:
      return is_bf16 ? bench::amx_bf16_loops() : bench::avx512_f32_loops();
  }
  return is_bf16 ? bench::portable_bf16_loops() : bench::portable_f32_loops();
}
#else
bench::MultiplyLoops loops_of(CpuIsa, DType dtype) {
  return dtype == DType::kBFloat16 ? bench::portable_bf16_loops() : bench::portable_f32_loops();
}
#endif

bench::MultiplyLoops integer_loops_of([[maybe_unused]] CpuIsa isa) {
#if defined(__x86_64__)
  switch (integer_dots(isa)) {
    case IntegerDots::kPortable:
      break;
    case IntegerDots::kAvx2:
      return bench::avx2_integer_loops();
    case IntegerDots::kAvxVnni:
      return bench::avxvnni_integer_loops();
    case IntegerDots::kAvx512:
      return bench::avx512_integer_loops();
    case IntegerDots::kAvx512Vnni:
      return bench::avx512vnni_integer_loops();
    case IntegerDots::kAmxInt8:
      return bench::amx_integer_loops();
  }
#endif
  return bench::portable_integer_loops();
}

// The operands of one thread, in the caches of its own core.
struct ThreadOperands {
  ThreadOperands(DType dtype, bool has_float_rows)
      : rows(random_rows(has_float_rows ? DType::kFloat32 : dtype, 1,
                         bench::kRowBytes / dtype_bytes(has_float_rows ? DType::kFloat32 : dtype), 1.0F, 1)),
        weights(random_rows(dtype, 1, kL2Bytes / dtype_bytes(dtype), 1.0F, 2)),
        sums(bench::kMaxSums) {}

  bench::MultiplyOperands first(int64_t weight_bytes) const {
    return {.rows = rows.first(1).data, .weights = weights.first(1).data, .weight_bytes = weight_bytes};
  }

  RowsBuffer rows;
  RowsBuffer weights;
  std::vector<float> sums;
};

using Loop = double (*)(const bench::MultiplyOperands& operands, int64_t passes, float* sums);

double measure_loop(ThreadTeam& team, std::vector<ThreadOperands>& operands, Loop loop, int64_t weight_bytes,
                    double seconds) {
  constexpr double kCallSeconds = 0.005;  // long compared with starting the team's work
  std::vector<double> done(operands.size());
  const auto call = [&](int64_t passes) {
    const double time = seconds_of([&] {
      team.run([&](int thread) {
        ThreadOperands& own = operands[static_cast<size_t>(thread)];
        std::ranges::fill(own.sums, 0.0F);
        done[static_cast<size_t>(thread)] = loop(own.first(weight_bytes), passes, own.sums.data());
      });
    });
    return std::pair(time, std::accumulate(done.begin(), done.end(), 0.0) / time);
  };
  int64_t passes = 1;
  while (call(passes).first < kCallSeconds) passes *= 2;
  std::vector<double> rates;
  for (double spent = 0; spent < seconds || rates.size() < 3;) {
    const auto [time, rate] = call(passes);
    spent += time;
    rates.push_back(rate);
  }
  return median(rates);
}

// The bytes of random numbers of `dtype` are as good as any integers.
MultiplyCeilings measure_loops(const bench::MultiplyLoops& loops, ThreadTeam& team, DType dtype, double seconds) {
  std::vector<ThreadOperands> operands;
  for (int thread = 0; thread < team.size(); ++thread) operands.emplace_back(dtype, loops.has_float_rows);
  const auto measure = [&](Loop loop, int64_t weight_bytes) {
    return measure_loop(team, operands, loop, weight_bytes, seconds / 3);
  };
  return {.instruction = loops.instruction,
          .from_registers = measure(loops.from_registers, kL1Bytes),
          .from_l1 = measure(loops.from_cache, kL1Bytes),
          .from_l2 = measure(loops.from_cache, kL2Bytes)};
}

}  // namespace

MultiplyCeilings measure_multiply_ceilings(CpuIsa isa, ThreadTeam& team, DType dtype, double seconds) {
  return measure_loops(loops_of(isa, dtype), team, dtype, seconds);
}

MultiplyCeilings measure_integer_ceilings(CpuIsa isa, ThreadTeam& team, double seconds) {
  return measure_loops(integer_loops_of(isa), team, DType::kBFloat16, seconds);
}

bool has_loops_of_few_bits(CpuIsa isa) {
  return integer_dots(isa) == IntegerDots::kAvx2;
}

MultiplyCeilings measure_few_bits_ceilings(CpuIsa isa, ThreadTeam& team, double seconds) {
#if defined(__x86_64__)
  if (has_loops_of_few_bits(isa)) return measure_loops(bench::avx2_few_bits_loops(), team, DType::kBFloat16, seconds);
#endif
  return measure_integer_ceilings(isa, team, seconds);
}

}  // namespace braid
