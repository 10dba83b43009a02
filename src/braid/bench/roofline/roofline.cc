#include "braid/bench/roofline/roofline.h"

#include <algorithm>
#include <array>
#include <vector>

#include "braid/bench/roofline/multiply_ceilings.h"
#include "braid/bench/roofline/weight_set.h"
#include "braid/bench/timing.h"
#include "braid/kernels/cpu/matmul.h"

namespace braid {
namespace {

typedef uint64_t Words __attribute__((vector_size(16)));

uint64_t fold(const Words& words) {
  uint64_t result = 0;
  for (int i = 0; i < 2; ++i) result ^= words[i];
  return result;
}

inline Words load(const std::byte* from) {
  Words words;
  __builtin_memcpy(&words, from, sizeof(words));
  return words;
}

// Reads [begin, end) in runs of 2 KB. Before each run it prefetches the run `ahead` bytes further in one burst (0: no
// prefetch).
uint64_t read_bursts(const std::byte* begin, const std::byte* end, int64_t ahead) {
  constexpr int64_t kRun = 2048;
  Words sums[4] = {};
  for (; end - begin >= kRun; begin += kRun) {
    for (int64_t at = 0; at < kRun && ahead > 0; at += 64) __builtin_prefetch(begin + ahead + at);
    for (int64_t at = 0; at < kRun; at += 64) {
      for (int i = 0; i < 4; ++i) sums[i] ^= load(begin + at + 16 * i);
    }
  }
  return fold(sums[0] ^ sums[1] ^ sums[2] ^ sums[3]);
}

// Reads [begin, end) as `kStreams` streams side by side, each prefetching `ahead` bytes.
template <int kStreams>
uint64_t read_streams(const std::byte* begin, const std::byte* end, int64_t ahead) {
  Words sums[kStreams][4] = {};
  const int64_t stream_bytes = (end - begin) / kStreams / 64 * 64;
  for (int64_t at = 0; at < stream_bytes; at += 64) {
    for (int stream = 0; stream < kStreams; ++stream) {
      const std::byte* from = begin + stream * stream_bytes + at;
      if (ahead > 0) __builtin_prefetch(from + ahead);
      for (int i = 0; i < 4; ++i) sums[stream][i] ^= load(from + 16 * i);
    }
  }
  Words sum = {};
  for (const auto& part : sums) sum ^= part[0] ^ part[1] ^ part[2] ^ part[3];
  return fold(sum);
}

struct Reader {
  uint64_t (*read)(const std::byte* begin, const std::byte* end, int64_t ahead);
  int64_t ahead;
};

constexpr std::array kReaders = {Reader{read_bursts, 0},        Reader{read_bursts, 4096},
                                 Reader{read_bursts, 16384},    Reader{read_streams<2>, 1024},
                                 Reader{read_streams<4>, 1024}, Reader{read_streams<8>, 512}};

struct Shape {
  int64_t m, n, k;
};

// From products that fit the second-level cache to a prefill's largest.
constexpr std::array kPeakShapes = {Shape{96, 256, 512},    Shape{192, 1024, 512},  Shape{384, 1024, 1024},
                                    Shape{512, 3072, 1024}, Shape{512, 1024, 3072}, Shape{1024, 2048, 2048}};

double Roofline::*peak_of(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kFloat32:
      return &Roofline::f32_flops_per_s;
    case Arithmetic::kInt8:
      return &Roofline::int8_ops_per_s;
    case Arithmetic::kFewBits:
      return &Roofline::few_bits_ops_per_s;
    default:
      return &Roofline::bf16_flops_per_s;
  }
}

}  // namespace

Arithmetic arithmetic_of(const QuantizedFormat& format, ActivationBits activations, DType dtype) {
  constexpr int32_t kMostFewBits = 6;
  if (activations == ActivationBits::kExact || !allows_rounded_rows(format)) return arithmetic_of(dtype);
  const bool is_few = format.values == QuantizedFormat::Values::kInteger && format.bits <= kMostFewBits;
  return is_few ? Arithmetic::kFewBits : Arithmetic::kInt8;
}

std::string_view arithmetic_name(Arithmetic arithmetic) {
  switch (arithmetic) {
    case Arithmetic::kFloat32:
      return "float32";
    case Arithmetic::kInt8:
      return "int8";
    case Arithmetic::kFewBits:
      return "few_bits";
    default:
      return "bfloat16";
  }
}

double Roofline::peak(Arithmetic arithmetic) const {
  return this->*peak_of(arithmetic);
}

void Roofline::raise_peak(Arithmetic arithmetic, double to) {
  double& peak = this->*peak_of(arithmetic);
  peak = std::max(peak, to);
}

double Roofline::bound_s(double bytes, double operations, Arithmetic arithmetic) const {
  return std::max(bytes / read_bytes_per_s, operations / peak(arithmetic));
}

ReadMeter::ReadMeter(ThreadTeam& team, int64_t bytes, double seconds)
    : team_(team), buffer_(bytes), results_(static_cast<size_t>(team.size()) * 8) {
  team_.run([&](int thread) {
    const IndexRange part = split_evenly(bytes, thread, team_.size(), 64);
    std::fill(buffer_.data() + part.begin, buffer_.data() + part.end, std::byte{0x5a});
  });
  std::array<std::vector<double>, kReaders.size()> times;
  double spent = 0;
  while (spent < seconds || times.front().size() < 3) {
    for (size_t i = 0; i < kReaders.size(); ++i) {
      times[i].push_back(read_s(i, {.begin = 0, .end = bytes}));
      spent += times[i].back();
    }
  }
  for (size_t i = 0; i < kReaders.size(); ++i) {
    const double bytes_per_s = static_cast<double>(bytes) / median(times[i]);
    if (bytes_per_s > bytes_per_s_) {
      bytes_per_s_ = bytes_per_s;
      reader_ = i;
    }
  }
}

double ReadMeter::turn() {
  constexpr int kParts = 16;
  const IndexRange part = split_evenly(buffer_.bytes(), static_cast<int>(turns_++ % kParts), kParts, 64);
  return static_cast<double>(part.end - part.begin) / read_s(reader_, part);
}

double ReadMeter::read_s(size_t reader, IndexRange bytes) {
  return seconds_of([&] {
    team_.run([&](int thread) {
      const IndexRange part = split_evenly(bytes.end - bytes.begin, thread, team_.size(), 64);
      const std::byte* begin = buffer_.data() + bytes.begin;
      results_[static_cast<size_t>(thread) * 8] ^=
          kReaders[reader].read(begin + part.begin, begin + part.end, kReaders[reader].ahead);
    });
  });
}

double measure_read_bandwidth(ThreadTeam& team, int64_t bytes, double seconds) {
  return ReadMeter(team, bytes, seconds).bytes_per_s();
}

double measure_peak_flops(CpuIsa isa, ThreadTeam& team, DType dtype, double seconds) {
  double best = 0;
  double total = 0;
  for (const Shape& shape : kPeakShapes) {
    if (total > 2 * seconds) break;  // slow tiers: their peak is what the small shapes reached
    const RowsBuffer x = random_rows(dtype, shape.m, shape.k, 1.0F, 2);
    const WeightSet w(team, dtype, shape.n, shape.k, 0);
    const RowsBuffer y(DType::kFloat32, shape.m, shape.n);
    std::vector<double> times;
    for (double spent = 0; spent < seconds / static_cast<double>(kPeakShapes.size()) || times.size() < 3;) {
      times.push_back(seconds_of([&] { cpu::matmul(isa, team, x.first(shape.m), w.first(), y.first(shape.m), {}); }));
      spent += times.back();
    }
    for (double time : times) total += time;
    const double flops = 2.0 * static_cast<double>(shape.m) * static_cast<double>(shape.n * shape.k);
    best = std::max(best, flops / median(times));
  }
  return best;
}

Roofline measure_roofline(CpuIsa isa, ThreadTeam& team, const RooflineEffort& effort) {
  return measure_roofline(isa, team, ReadMeter(team, effort.read_bytes, effort.seconds), effort.seconds);
}

Roofline measure_roofline(CpuIsa isa, ThreadTeam& team, const ReadMeter& meter, double seconds) {
  const double int8_ops_per_s = measure_integer_ceilings(isa, team, seconds).from_registers;
  const double few_bits_ops_per_s =
      has_loops_of_few_bits(isa) ? measure_few_bits_ceilings(isa, team, seconds).from_registers : int8_ops_per_s;
  return {.bf16_flops_per_s = measure_peak_flops(isa, team, DType::kBFloat16, seconds),
          .f32_flops_per_s = measure_peak_flops(isa, team, DType::kFloat32, seconds),
          .int8_ops_per_s = int8_ops_per_s,
          .few_bits_ops_per_s = few_bits_ops_per_s,
          .read_bytes_per_s = meter.bytes_per_s(),
          .isa = std::string(isa_name(isa))};
}

}  // namespace braid
