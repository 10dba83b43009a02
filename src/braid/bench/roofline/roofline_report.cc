#include "braid/bench/roofline/roofline_report.h"

#include <fmt/format.h>

#include <string>

#include "braid/bench/roofline/multiply_ceilings.h"

namespace braid {
namespace {

// Adds "bf16_instruction", "bf16_register_flops_per_s" and so on.
void add_to_json(nlohmann::json& line, const std::string& dtype, const MultiplyCeilings& ceilings) {
  line[dtype + "_instruction"] = ceilings.instruction;
  line[dtype + "_register_flops_per_s"] = ceilings.from_registers;
  line[dtype + "_l1_flops_per_s"] = ceilings.from_l1;
  line[dtype + "_l2_flops_per_s"] = ceilings.from_l2;
}

void print_ceilings(const char* dtype, const char* unit, const MultiplyCeilings& ceilings, std::FILE* out) {
  fmt::print(out, "{} by {}: {:.1f} {} from registers, {:.1f} from L1, {:.1f} from L2\n", dtype, ceilings.instruction,
             ceilings.from_registers * 1e-9, unit, ceilings.from_l1 * 1e-9, ceilings.from_l2 * 1e-9);
}

}  // namespace

nlohmann::json roofline_json(const Roofline& roofline) {
  return {{"bf16_flops_per_s", roofline.bf16_flops_per_s}, {"f32_flops_per_s", roofline.f32_flops_per_s},
          {"int8_ops_per_s", roofline.int8_ops_per_s},     {"few_bits_ops_per_s", roofline.few_bits_ops_per_s},
          {"read_bytes_per_s", roofline.read_bytes_per_s}, {"isa", roofline.isa}};
}

void print_roofline(const Roofline& roofline, int threads, std::FILE* out) {
  fmt::print(out,
             "{} with {} threads: bf16 {:.1f} GFLOP/s, f32 {:.1f} GFLOP/s, int8 {:.1f} GOP/s, fewer bits {:.1f} GOP/s, "
             "read {:.2f} GB/s\n",
             roofline.isa, threads, roofline.bf16_flops_per_s * 1e-9, roofline.f32_flops_per_s * 1e-9,
             roofline.int8_ops_per_s * 1e-9, roofline.few_bits_ops_per_s * 1e-9, roofline.read_bytes_per_s * 1e-9);
}

int run_bench_roofline(const BenchRooflineOptions& options, std::FILE* out) {
  ThreadTeam team(options.threads);
  const Roofline roofline = measure_roofline(options.isa, team, options.effort);
  const MultiplyCeilings bf16 = measure_multiply_ceilings(options.isa, team, DType::kBFloat16, options.effort.seconds);
  const MultiplyCeilings f32 = measure_multiply_ceilings(options.isa, team, DType::kFloat32, options.effort.seconds);
  const MultiplyCeilings int8 = measure_integer_ceilings(options.isa, team, options.effort.seconds);
  const MultiplyCeilings few_bits = measure_few_bits_ceilings(options.isa, team, options.effort.seconds);
  if (options.json) {
    nlohmann::json line = roofline_json(roofline);
    line["threads"] = options.threads;
    add_to_json(line, "bf16", bf16);
    add_to_json(line, "f32", f32);
    add_to_json(line, "int8", int8);
    add_to_json(line, "few_bits", few_bits);
    fmt::print(out, "{}\n", line.dump());
  } else {
    print_roofline(roofline, options.threads, out);
    print_ceilings("bf16", "GFLOP/s", bf16, out);
    print_ceilings("f32", "GFLOP/s", f32, out);
    print_ceilings("int8", "GOP/s", int8, out);
    print_ceilings("weights of fewer bits", "GOP/s", few_bits, out);
  }
  return 0;
}

}  // namespace braid
