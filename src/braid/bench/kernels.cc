#include "braid/bench/kernels.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>

#include "braid/bench/multiply_ceilings.h"

namespace braid {
namespace {

nlohmann::json to_json(const Roofline& roofline) {
  return {{"bf16_flops_per_s", roofline.bf16_flops_per_s},
          {"f32_flops_per_s", roofline.f32_flops_per_s},
          {"read_bytes_per_s", roofline.read_bytes_per_s},
          {"isa", roofline.isa}};
}

// "bf16_instruction", "bf16_register_flops_per_s" and so on.
void add_to_json(nlohmann::json& line, const std::string& dtype, const MultiplyCeilings& ceilings) {
  line[dtype + "_instruction"] = ceilings.instruction;
  line[dtype + "_register_flops_per_s"] = ceilings.from_registers;
  line[dtype + "_l1_flops_per_s"] = ceilings.from_l1;
  line[dtype + "_l2_flops_per_s"] = ceilings.from_l2;
}

void print_ceilings(const char* dtype, const MultiplyCeilings& ceilings, std::FILE* out) {
  fmt::print(out, "{} by {}: {:.1f} GFLOP/s from registers, {:.1f} from L1, {:.1f} from L2\n", dtype,
             ceilings.instruction, ceilings.from_registers * 1e-9, ceilings.from_l1 * 1e-9, ceilings.from_l2 * 1e-9);
}

void print_roofline(const Roofline& roofline, int threads, std::FILE* out) {
  fmt::print(out, "{} with {} threads: bf16 {:.1f} GFLOP/s, f32 {:.1f} GFLOP/s, read {:.2f} GB/s\n", roofline.isa,
             threads, roofline.bf16_flops_per_s * 1e-9, roofline.f32_flops_per_s * 1e-9,
             roofline.read_bytes_per_s * 1e-9);
}

nlohmann::json to_json(const KernelReport& report, const KernelBench& bench, int threads) {
  nlohmann::json line = to_json(report.roofline);
  line["dtype"] = dtype_name(bench.dtype);
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
                                {"floor_fraction", figure.floor_fraction}});
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
                                 {"floor_fraction", figure.floor_fraction}});
  }
  return line;
}

void print_products(const KernelReport& report, const KernelBench& bench, std::FILE* out) {
  fmt::print(out, "\nProducts [M, K] x [K, N] in {}, weights from memory\n", dtype_name(bench.dtype));
  fmt::print(out, "{:>9} {:>7} {:>6} {:>11} {:>8} {:>9} {:>10} {:>6}\n", "K", "N", "M", "us", "GB/s", "GFLOP/s",
             "read GB/s", "floor");
  for (const KernelFigure& figure : report.figures) {
    fmt::print(out, "{:>9} {:>7} {:>6} {:>11.1f} {:>8.2f} {:>9.1f} {:>10.2f} {:>5.1f}%\n", figure.shape.k,
               figure.shape.n, figure.m, figure.seconds * 1e6, figure.bytes_per_s * 1e-9, figure.flops_per_s * 1e-9,
               figure.read_bytes_per_s * 1e-9, figure.floor_fraction * 100);
  }
}

void print_attention(const KernelReport& report, const KernelBench& bench, std::FILE* out) {
  const AttentionBench& attention = bench.attention;
  fmt::print(out, "\nAttention of {} heads over {} KV heads of {}, {} keys and values from memory in pages of {}\n",
             attention.num_heads, attention.num_kv_heads, attention.head_dim, dtype_name(bench.dtype),
             attention.page_size);
  fmt::print(out, "{:>9} {:>7} {:>6} {:>11} {:>8} {:>9} {:>10} {:>6}\n", "sequences", "context", "new", "us", "GB/s",
             "GFLOP/s", "read GB/s", "floor");
  for (const AttentionFigure& figure : report.attention) {
    fmt::print(out, "{:>9} {:>7} {:>6} {:>11.1f} {:>8.2f} {:>9.1f} {:>10.2f} {:>5.1f}%\n", figure.shape.num_sequences,
               figure.shape.context, figure.shape.num_new, figure.seconds * 1e6, figure.bytes_per_s * 1e-9,
               figure.flops_per_s * 1e-9, figure.read_bytes_per_s * 1e-9, figure.floor_fraction * 100);
  }
}

}  // namespace

int run_bench_roofline(const BenchRooflineOptions& options, std::FILE* out) {
  ThreadTeam team(options.threads);
  const Roofline roofline = measure_roofline(options.isa, team, options.effort);
  const MultiplyCeilings bf16 = measure_multiply_ceilings(options.isa, team, DType::kBFloat16, options.effort.seconds);
  const MultiplyCeilings f32 = measure_multiply_ceilings(options.isa, team, DType::kFloat32, options.effort.seconds);
  if (options.json) {
    nlohmann::json line = to_json(roofline);
    line["threads"] = options.threads;
    add_to_json(line, "bf16", bf16);
    add_to_json(line, "f32", f32);
    fmt::print(out, "{}\n", line.dump());
  } else {
    print_roofline(roofline, options.threads, out);
    print_ceilings("bf16", bf16, out);
    print_ceilings("f32", f32, out);
  }
  return 0;
}

int run_bench_kernels(const BenchKernelsOptions& options, std::FILE* out) {
  ThreadTeam team(options.threads);
  KernelBench bench = options.bench;
  if (bench.shapes.empty()) bench.shapes = default_kernel_shapes();
  if (bench.batch_sizes.empty()) bench.batch_sizes = default_batch_sizes();
  if (bench.attention.cases.empty()) bench.attention.cases = default_attention_cases();
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
