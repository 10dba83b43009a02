#include "braid/bench/roofline/roofline_report.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/support/bench/printed_by.h"

namespace braid {
namespace {

TEST(RooflineReport, PrintsOneLineOfJson) {
  const BenchRooflineOptions options = {.isa = available_isas().back(),
                                        .threads = 2,
                                        .json = true,
                                        .effort = {.seconds = 0.002, .read_bytes = int64_t{1} << 20}};
  const std::string text = testing::printed_by([&](std::FILE* out) { EXPECT_EQ(run_bench_roofline(options, out), 0); });
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  const auto line = nlohmann::json::parse(text);
  EXPECT_GT(line.at("bf16_flops_per_s").get<double>(), 0);
  EXPECT_GT(line.at("f32_flops_per_s").get<double>(), 0);
  EXPECT_GT(line.at("int8_ops_per_s").get<double>(), 0);
  EXPECT_GT(line.at("few_bits_ops_per_s").get<double>(), 0);
  EXPECT_GT(line.at("read_bytes_per_s").get<double>(), 0);
  EXPECT_EQ(line.at("isa").get<std::string>(), isa_name(available_isas().back()));
  for (const std::string dtype : {"bf16", "f32", "int8", "few_bits"}) {
    EXPECT_NE(line.at(dtype + "_instruction").get<std::string>(), "");
    for (const char* source : {"register", "l1", "l2"}) {
      EXPECT_GT(line.at(dtype + "_" + source + "_flops_per_s").get<double>(), 0);
    }
  }
}

}  // namespace
}  // namespace braid
