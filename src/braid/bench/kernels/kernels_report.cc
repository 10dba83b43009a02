#include "braid/bench/kernels/kernels_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "braid/bench/roofline/roofline_report.h"

namespace braid {
namespace {

nlohmann::json to_json(const KernelReport& report, const KernelBench& bench, int threads) {
  nlohmann::json line = roofline_json(report.roofline);
  line["dtype"] = dtype_name(bench.dtype);
  line["kv_cache_dtype"] = kv_dtype_name(bench.dtype, bench.attention.codes);
  if (bench.weights != nullptr) line["weights"] = bench.weights->name;
  line["threads"] = threads;
  line["products"] = nlohmann::json::array();
  for (const KernelFigure& figure : report.figures) {
    line["products"].push_back({{"k", figure.shape.k},
                                {"n", figure.shape.n},
                                {"m", figure.m},
                                {"seconds", figure.seconds},
                                {"bytes_per_s", figure.bytes_per_s},
                                {"flops_per_s", figure.flops_per_s},
                                {"read_bytes_per_s", figure.read_bytes_per_s},
                                {"floor_fraction", figure.roofline_fraction}});
  }
  line["attention"] = nlohmann::json::array();
  for (const AttentionFigure& figure : report.attention) {
    line["attention"].push_back({{"sequences", figure.shape.num_sequences},
                                 {"context", figure.shape.context},
                                 {"new_tokens", figure.shape.num_new},
                                 {"seconds", figure.seconds},
                                 {"bytes_per_s", figure.bytes_per_s},
                                 {"flops_per_s", figure.flops_per_s},
                                 {"read_bytes_per_s", figure.read_bytes_per_s},
                                 {"floor_fraction", figure.roofline_fraction}});
  }
  return line;
}

void print_products(const KernelReport& report, const KernelBench& bench, std::FILE* out) {
  if (report.figures.empty()) return;
  if (bench.weights == nullptr) {
    fmt::print(out, "\nProducts [M, K] x [K, N] in {}, weights from memory\n", dtype_name(bench.dtype));
  } else {
    fmt::print(out, "\nProducts [M, K] x [K, N] of rows in {} (activation bits: {}) and weights in {} from memory\n",
               dtype_name(bench.dtype), activation_bits_name(activations_of(bench)), bench.weights->name);
  }
  fmt::print(out, "{:>9} {:>7} {:>6} {:>11} {:>8} {:>9} {:>10} {:>6}\n", "K", "N", "M", "us", "GB/s", "GFLOP/s",
             "read GB/s", "floor");
  for (const KernelFigure& figure : report.figures) {
    fmt::print(out, "{:>9} {:>7} {:>6} {:>11.1f} {:>8.2f} {:>9.1f} {:>10.2f} {:>5.1f}%\n", figure.shape.k,
               figure.shape.n, figure.m, figure.seconds * 1e6, figure.bytes_per_s * 1e-9, figure.flops_per_s * 1e-9,
               figure.read_bytes_per_s * 1e-9, figure.roofline_fraction * 100);
  }
}

void print_attention(const KernelReport& report, const KernelBench& bench, std::FILE* out) {
  if (report.attention.empty()) return;
  const AttentionBench& attention = bench.attention;
  fmt::print(out, "\nAttention of {} heads over {} KV heads of {}, {} keys and values from memory in pages of {}\n",
             attention.num_heads, attention.num_kv_heads, attention.head_dim,
             kv_dtype_name(bench.dtype, attention.codes), attention.page_size);
  fmt::print(out, "{:>9} {:>7} {:>6} {:>11} {:>8} {:>9} {:>10} {:>6}\n", "sequences", "context", "new", "us", "GB/s",
             "GFLOP/s", "read GB/s", "floor");
  for (const AttentionFigure& figure : report.attention) {
    fmt::print(out, "{:>9} {:>7} {:>6} {:>11.1f} {:>8.2f} {:>9.1f} {:>10.2f} {:>5.1f}%\n", figure.shape.num_sequences,
               figure.shape.context, figure.shape.num_new, figure.seconds * 1e6, figure.bytes_per_s * 1e-9,
               figure.flops_per_s * 1e-9, figure.read_bytes_per_s * 1e-9, figure.roofline_fraction * 100);
  }
}

}  // namespace

int run_bench_kernels(const BenchKernelsOptions& options, std::FILE* out) {
  ThreadTeam team(options.threads);
  KernelBench bench = options.bench;
  if (bench.only_attention) {
    bench.shapes.clear();
  } else if (bench.shapes.empty()) {
    bench.shapes = default_kernel_shapes();
  }
  if (bench.batch_sizes.empty()) bench.batch_sizes = default_batch_sizes();
  if (bench.weights != nullptr) {
    bench.attention.cases.clear();  // it has no weights
  } else if (bench.attention.cases.empty()) {
    bench.attention.cases = default_attention_cases();
  }
  const KernelReport report = measure_kernels(bench, team);
  if (options.json) {
    fmt::print(out, "{}\n", to_json(report, bench, options.threads).dump());
    return 0;
  }
  print_roofline(report.roofline, options.threads, out);
  print_products(report, bench, out);
  print_attention(report, bench, out);
  return 0;
}

}  // namespace braid
