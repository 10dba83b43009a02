#include "braid/bench/kernels/kernel_figures.h"

#include <algorithm>

#include "braid/attention/attention_backend.h"
#include "braid/bench/roofline/weight_set.h"
#include "braid/bench/timing.h"
#include "braid/kernels/cpu/matmul.h"
#include "braid/kernels/make_ops.h"

namespace braid {
namespace {

WeightSet make_weights(const KernelBench& bench, const KernelShape& shape, ThreadTeam& team) {
  if (bench.weights == nullptr) return {team, bench.dtype, shape.n, shape.k, bench.weight_bytes};
  const QuantizedRows panel = random_quantized_rows(bench.weights->format, PackedMatrix::kPanelCols, shape.k);
  return {team, panel, activations_of(bench), bench.dtype, shape.n, bench.weight_bytes};
}

std::vector<KernelFigure> measure_shape(const KernelBench& bench, const KernelShape& shape, ThreadTeam& team,
                                        ReadMeter& meter) {
  const int64_t max_rows = *std::max_element(bench.batch_sizes.begin(), bench.batch_sizes.end());
  const RowsBuffer x = random_rows(bench.dtype, max_rows, shape.k, 1.0F, 3);
  const RowsBuffer y(DType::kFloat32, max_rows, shape.n);
  WeightSet weights = make_weights(bench, shape, team);
  std::vector<std::vector<double>> times(bench.batch_sizes.size());
  std::vector<double> readings;
  const auto run = [&](int64_t rows) {
    const PackedMatrix& w = weights.next();
    return seconds_of([&] { cpu::matmul(bench.isa, team, x.first(rows), w, y.first(rows), {}); });
  };
  for (int64_t rows : bench.batch_sizes) run(rows);
  for (double spent = 0; spent < bench.seconds_per_shape || times.front().size() < 5;) {
    for (size_t i = 0; i < bench.batch_sizes.size(); ++i) {
      times[i].push_back(run(bench.batch_sizes[i]));
      spent += times[i].back();
    }
    readings.push_back(meter.turn());
  }
  double read_bytes_per_s = median(readings);
  std::vector<KernelFigure> figures;
  for (size_t i = 0; i < bench.batch_sizes.size(); ++i) {
    const double seconds = median(times[i]);
    const double flops = operations_of(activations_of(bench)) * static_cast<double>(bench.batch_sizes[i]) *
                         static_cast<double>(shape.n * shape.k);
    figures.push_back({.shape = shape,
                       .m = bench.batch_sizes[i],
                       .seconds = seconds,
                       .bytes_per_s = static_cast<double>(weights.matrix_bytes()) / seconds,
                       .flops_per_s = flops / seconds});
    read_bytes_per_s = std::max(read_bytes_per_s, figures.back().bytes_per_s);
  }
  for (KernelFigure& figure : figures) figure.read_bytes_per_s = read_bytes_per_s;
  return figures;
}

}  // namespace

std::vector<KernelShape> default_kernel_shapes() {
  return {{1024, 4096}, {2048, 1024}, {1024, 6144}, {3072, 1024}, {1024, 151936}, {2048, 1536}, {768, 2048}};
}

ActivationBits activations_of(const KernelBench& bench) {
  if (bench.weights == nullptr || !allows_rounded_rows(bench.weights->format)) return ActivationBits::kExact;
  return bench.activations.value_or(ActivationBits::k8);
}

Arithmetic arithmetic_of(const KernelBench& bench) {
  if (bench.weights == nullptr) return arithmetic_of(bench.dtype);
  return arithmetic_of(bench.weights->format, activations_of(bench), bench.dtype);
}

std::vector<int64_t> default_batch_sizes() {
  return {1, 2, 4, 8, 16, 32, 64, 128, 256, 512};
}

KernelBench quick_kernel_bench() {
  return {.shapes = {{1024, 4096}, {768, 2048}},
          .batch_sizes = {1, 8, 64},
          .weight_bytes = int64_t{64} << 20,
          .seconds_per_shape = 0.2,
          .attention = {.cases = {{1, 2048, 1}, {8, 160, 1}, {1, 512, 512}},
                        .cache_bytes = int64_t{64} << 20,
                        .seconds_per_case = 0.1},
          .roofline = {.seconds = 0.2, .read_bytes = int64_t{256} << 20}};
}

KernelReport measure_kernels(const KernelBench& bench, ThreadTeam& team) {
  KernelReport report;
  ReadMeter meter(team, bench.roofline.read_bytes, bench.roofline.seconds);
  report.roofline = measure_roofline(bench.isa, team, meter, bench.roofline.seconds);
  for (const KernelShape& shape : bench.shapes) {
    const std::vector<KernelFigure> figures = measure_shape(bench, shape, team, meter);
    report.figures.insert(report.figures.end(), figures.begin(), figures.end());
  }
  if (!bench.attention.cases.empty()) {
    const auto ops = make_cpu_ops(bench.isa, team);
    const auto backend = make_attention_backend("fa", *ops);
    CHECK(backend.ok(), "{}", backend.error().message);
    AttentionBench attention = bench.attention;
    attention.dtype = bench.dtype;
    report.attention = measure_attention(**backend, *ops, attention, meter);
  }

  const Arithmetic arithmetic = arithmetic_of(bench);
  for (const KernelFigure& figure : report.figures) report.roofline.raise_peak(arithmetic, figure.flops_per_s);
  for (const AttentionFigure& figure : report.attention) report.roofline.raise_peak(arithmetic, figure.flops_per_s);
  const double peak = report.roofline.peak(arithmetic);
  // The least time / seconds, where the least time is for bytes_per_s * seconds and flops_per_s * seconds.
  const auto set_fraction = [&](auto& figure) {
    figure.roofline_fraction = std::max(figure.bytes_per_s / figure.read_bytes_per_s, figure.flops_per_s / peak);
  };
  for (KernelFigure& figure : report.figures) set_fraction(figure);
  for (AttentionFigure& figure : report.attention) set_fraction(figure);
  return report;
}

}  // namespace braid
