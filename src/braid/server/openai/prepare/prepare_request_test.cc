#include "braid/server/openai/prepare/prepare_request.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include "tests/support/server/openai/parsed_requests.h"

namespace braid::openai {
namespace {

using testing::completion;
using testing::kLimits;

TEST(GenerationRequest, DefaultsComeFromTheModelThenFromTheField) {
  const auto request = completion(R"({"prompt":"x","temperature":null,"top_p":null,"stop":null,"n":null})");
  const auto plain = to_generation_request(request.common, request.prompts[0], true, std::nullopt, {});
  EXPECT_EQ(plain.sampling.temperature, 1.0F);
  EXPECT_TRUE(plain.until_context_end);
  GenerationDefaults defaults;
  defaults.temperature = 0.25F;
  EXPECT_EQ(to_generation_request(request.common, request.prompts[0], true, 16, defaults).sampling.temperature, 0.25F);
}

TEST(GenerationRequest, DpRankIsAHintUnlessItIsStrict) {
  ProtocolLimits limits = kLimits;
  limits.dp_size = 4;
  const auto placed = [&](std::string_view members) {
    const auto parsed = parse_completion_request(fmt::format(R"({{"prompt":"x",{}}})", members), limits);
    if (!parsed.ok()) return parsed.error().message;
    const auto generation = to_generation_request(parsed->common, parsed->prompts[0], true, 16, {});
    return fmt::format("{}{}", generation.dp_rank.value_or(-1), generation.dp_rank_strict ? " strictly" : "");
  };
  EXPECT_EQ(placed(R"("n":1)"), "-1");
  EXPECT_EQ(placed(R"("dp_rank":3)"), "3");
  EXPECT_EQ(placed(R"("routed_dp_rank":2)"), "2");
  EXPECT_EQ(placed(R"("data_parallel_rank":1)"), "1");
  EXPECT_EQ(placed(R"("dp_rank":3,"dp_rank_strict":true)"), "3 strictly");
  EXPECT_EQ(placed(R"("dp_rank":3,"dp_rank_strict":false)"), "3");
  EXPECT_EQ(placed(R"("dp_rank_strict":2)"), "2 strictly");
  EXPECT_EQ(placed(R"("dp_rank":4)"), "dp_rank is 4: must be an integer from 0 to 3");
}

}  // namespace
}  // namespace braid::openai
