#include "braid/kernels/isa.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

namespace braid {
namespace {

TEST(Isa, TheBestIsChosenUnlessALowerOneIsForced) {
  const std::vector<CpuIsa> available = available_isas();
  EXPECT_EQ(choose_isa(std::nullopt).value(), available.back());
  EXPECT_TRUE(std::is_sorted(available.begin(), available.end()));
  for (CpuIsa isa : available) EXPECT_EQ(choose_isa(isa_name(isa)).value(), isa);
  const auto unknown = choose_isa("sse9");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("sse9"), std::string::npos);
  EXPECT_NE(unknown.error().message.find("portable"), std::string::npos);
  EXPECT_EQ(choose_isa("amx_bf16").ok(), available.back() == CpuIsa::kAmxBf16);
}

TEST(Isa, IntegerProductsAreThoseOfTheTierOrBelow) {
  const std::vector<IntegerDots> all = available_integer_dots();
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_EQ(integer_dots(CpuIsa::kPortable), IntegerDots::kPortable);
  for (const CpuIsa isa : available_isas()) {
    const IntegerDots dots = integer_dots(isa);
    EXPECT_NE(std::find(all.begin(), all.end(), dots), all.end());
    if (isa == CpuIsa::kAvx2) {
      EXPECT_TRUE(dots == IntegerDots::kAvx2 || dots == IntegerDots::kAvxVnni);
    }
  }
  EXPECT_EQ(integer_dots(available_isas().back()), all.back());
}

TEST(Isa, ByteLookupsComeWithAvx512) {
  const std::vector<CpuIsa> available = available_isas();
  if (has_byte_lookups()) {
    EXPECT_NE(std::find(available.begin(), available.end(), CpuIsa::kAvx512), available.end());
  }
}

TEST(Isa, ReportsTheTiersThatThisMachineLacks) {
  const std::vector<CpuIsa> available = available_isas();
  std::string lacking;
  for (CpuIsa isa : {CpuIsa::kPortable, CpuIsa::kAvx2, CpuIsa::kAvx512, CpuIsa::kAvx512Bf16, CpuIsa::kAmxBf16}) {
    if (std::find(available.begin(), available.end(), isa) == available.end()) {
      lacking += fmt::format(" {}", isa_name(isa));
    }
  }
  RecordProperty("tiers_lacking", lacking);
  std::printf("tiers that this machine lacks:%s\n", lacking.empty() ? " none" : lacking.c_str());
  EXPECT_EQ(available.front(), CpuIsa::kPortable);
}

}  // namespace
}  // namespace braid
