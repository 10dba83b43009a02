#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "braid/bench/kernels.h"

namespace braid {
namespace {

constexpr RooflineEffort kLittle = {.seconds = 0.002, .read_bytes = int64_t{1} << 20};

// What a command prints to its stream.
template <typename Run>
std::string output_of(const Run& run) {
  std::FILE* file = std::tmpfile();
  EXPECT_EQ(run(file), 0);
  std::rewind(file);
  std::string text;
  for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

TEST(BenchRoofline, PrintsOneLineOfJson) {
  const BenchRooflineOptions options = {.isa = available_isas().back(), .threads = 2, .json = true, .effort = kLittle};
  const std::string text = output_of([&](std::FILE* out) { return run_bench_roofline(options, out); });
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto line = nlohmann::json::parse(text);
  EXPECT_GT(line.at("bf16_flops_per_s").get<double>(), 0);
  EXPECT_GT(line.at("f32_flops_per_s").get<double>(), 0);
  EXPECT_GT(line.at("read_bytes_per_s").get<double>(), 0);
  EXPECT_EQ(line.at("isa").get<std::string>(), isa_name(available_isas().back()));
  for (const std::string dtype : {"bf16", "f32"}) {
    EXPECT_NE(line.at(dtype + "_instruction").get<std::string>(), "");
    for (const char* source : {"register", "l1", "l2"}) {
      EXPECT_GT(line.at(dtype + "_" + source + "_flops_per_s").get<double>(), 0);
    }
  }
}

TEST(BenchKernels, EveryFigureStandsBesideTheFloorOfItsOwnRun) {
  for (DType dtype : {DType::kBFloat16, DType::kFloat32}) {
    const BenchKernelsOptions options = {.bench = {.isa = available_isas().back(),
                                                   .dtype = dtype,
                                                   .shapes = {{.k = 64, .n = 96}, {.k = 128, .n = 64}},
                                                   .batch_sizes = {1, 7},
                                                   .weight_bytes = 1 << 16,
                                                   .seconds_per_shape = 0.001,
                                                   .attention = {.num_heads = 4,
                                                                 .num_kv_heads = 2,
                                                                 .head_dim = 16,
                                                                 .cases = {{2, 40, 1}, {1, 33, 33}},
                                                                 .cache_bytes = 1 << 16,
                                                                 .seconds_per_case = 0.001},
                                                   .roofline = kLittle},
                                         .threads = 2,
                                         .json = true};
    const auto line = nlohmann::json::parse(output_of([&](std::FILE* out) { return run_bench_kernels(options, out); }));
    ASSERT_EQ(line.at("products").size(), 4U);
    ASSERT_EQ(line.at("attention").size(), 2U);
    EXPECT_EQ(line.at("attention")[1].at("new_tokens"), 33);
    for (const char* kind : {"products", "attention"}) {
      for (const auto& figure : line.at(kind)) {
        const double floor_s =
            std::max(figure.at("bytes_per_s").get<double>() / figure.at("read_bytes_per_s").get<double>(),
                     figure.at("flops_per_s").get<double>() /
                         line.at(dtype == DType::kFloat32 ? "f32_flops_per_s" : "bf16_flops_per_s").get<double>());
        EXPECT_NEAR(figure.at("floor_fraction").get<double>(), floor_s, 1e-6);
        EXPECT_GT(floor_s, 0);
        EXPECT_LE(floor_s, 1.000001);
      }
    }
  }
}

}  // namespace
}  // namespace braid
