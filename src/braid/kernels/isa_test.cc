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
