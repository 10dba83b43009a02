#include "braid/bench/kernels/kernels_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "tests/support/bench/printed_by.h"

namespace braid {
namespace {

constexpr RooflineEffort kLittleEffort = {.seconds = 0.002, .read_bytes = int64_t{1} << 20};

TEST(KernelsReport, EveryFigureStandsBesideTheRooflineOfItsOwnRun) {
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
                                                   .roofline = kLittleEffort},
                                         .threads = 2,
                                         .json = true};
    const auto line = nlohmann::json::parse(
        testing::printed_by([&](std::FILE* out) { EXPECT_EQ(run_bench_kernels(options, out), 0); }));
    ASSERT_EQ(line.at("products").size(), 4U);
    ASSERT_EQ(line.at("attention").size(), 2U);
    EXPECT_EQ(line.at("attention")[1].at("new_tokens"), 33);
    for (const char* kind : {"products", "attention"}) {
      for (const auto& figure : line.at(kind)) {
        const double fraction =
            std::max(figure.at("bytes_per_s").get<double>() / figure.at("read_bytes_per_s").get<double>(),
                     figure.at("flops_per_s").get<double>() /
                         line.at(dtype == DType::kFloat32 ? "f32_flops_per_s" : "bf16_flops_per_s").get<double>());
        EXPECT_NEAR(figure.at("floor_fraction").get<double>(), fraction, 1e-6);
        EXPECT_GT(fraction, 0);
        EXPECT_LE(fraction, 1.000001);
      }
    }
  }
}

TEST(KernelsReport, AttentionOverCodesReadsHalfTheBytes) {
  for (const KvCodes codes : {KvCodes::kInt8, KvCodes::kE4m3}) {
    const BenchKernelsOptions options = {.bench = {.isa = available_isas().back(),
                                                   .batch_sizes = {1},
                                                   .attention = {.num_heads = 4,
                                                                 .num_kv_heads = 2,
                                                                 .head_dim = 16,
                                                                 .codes = codes,
                                                                 .cases = {{2, 40, 1}},
                                                                 .cache_bytes = 1 << 16,
                                                                 .seconds_per_case = 0.001},
                                                   .only_attention = true,
                                                   .roofline = kLittleEffort},
                                         .threads = 2,
                                         .json = true};
    const auto line = nlohmann::json::parse(
        testing::printed_by([&](std::FILE* out) { EXPECT_EQ(run_bench_kernels(options, out), 0); }));
    EXPECT_EQ(line.at("kv_cache_dtype"), kv_dtype_name(DType::kBFloat16, codes));
    EXPECT_TRUE(line.at("products").empty());
    ASSERT_EQ(line.at("attention").size(), 1U);
    const auto& figure = line.at("attention")[0];
    // Of keys and of values: 2 sequences, 40 tokens, 2 heads, 16 codes and a scale of 2 bytes.
    EXPECT_NEAR(figure.at("bytes_per_s").get<double>() * figure.at("seconds").get<double>(), 2 * 2 * 40 * 2 * 18, 0.5);
  }
}

TEST(KernelsReport, QuantizedProductsStandBesideThePeakOfTheirArithmetic) {
  for (const BenchWeights& weights : bench_weights()) {
    const BenchKernelsOptions options = {.bench = {.isa = available_isas().back(),
                                                   .weights = &weights,
                                                   .shapes = {{.k = 512, .n = 96}},
                                                   .batch_sizes = {1, 9},
                                                   .weight_bytes = 1 << 18,
                                                   .seconds_per_shape = 0.001,
                                                   .roofline = kLittleEffort},
                                         .threads = 2,
                                         .json = true};
    const auto line = nlohmann::json::parse(
        testing::printed_by([&](std::FILE* out) { EXPECT_EQ(run_bench_kernels(options, out), 0); }));
    EXPECT_EQ(line.at("weights"), weights.name);
    EXPECT_TRUE(line.at("attention").empty());
    ASSERT_EQ(line.at("products").size(), 2U);
    const char* peak = weights.format.bits < 8 ? "few_bits_ops_per_s" : "int8_ops_per_s";
    if (!allows_rounded_rows(weights.format)) peak = "bf16_flops_per_s";
    for (const auto& figure : line.at("products")) {
      // Less than 9.1 bits a weight, and more than 4.
      const double bytes = figure.at("bytes_per_s").get<double>() * figure.at("seconds").get<double>();
      EXPECT_GT(bytes, 512 * 96 * 4 / 8);
      EXPECT_LT(bytes, 512 * 96 * 9.1 / 8);
      const double fraction =
          std::max(figure.at("bytes_per_s").get<double>() / figure.at("read_bytes_per_s").get<double>(),
                   figure.at("flops_per_s").get<double>() / line.at(peak).get<double>());
      EXPECT_NEAR(figure.at("floor_fraction").get<double>(), fraction, 1e-6);
    }
  }
}

}  // namespace
}  // namespace braid
