#include "braid/bench/serving/long_prompts.h"

#include <gtest/gtest.h>

#include <optional>
#include <utility>
#include <vector>

namespace braid::serving {
namespace {

TEST(LongPrompts, TheLastWholeChunkIsTheLongest) {
  const auto ends = [](int32_t len, int32_t chunk) {
    const ChunkEnds found = last_chunk(len, chunk);
    return std::pair(found.shorter, found.longer);
  };
  EXPECT_EQ(ends(4096, 512), std::pair(3584, 4096));
  EXPECT_EQ(ends(4100, 512), std::pair(3584, 4096));
  EXPECT_EQ(ends(700, 512), std::pair(0, 512));
  EXPECT_EQ(ends(100, 512), std::pair(0, 100));
}

TEST(LongPrompts, ReportsTheGapsOfOtherRequestsBesideAChunkAndAStep) {
  const std::vector<RequestTimes> decoding = {{.pieces_s = {1, 1.1, 1.2, 2.2, 3.1, 3.2}}};
  const std::vector<RequestTimes> arrived = {{.start_s = 1.25, .end_s = 3.1, .pieces_s = {3.1}}};
  const LongPromptReport report =
      report_long_prompts(decoding, arrived, {.count = 1, .len = 64}, /*steady_step_ms=*/100, /*chunk_s=*/0.95);
  EXPECT_EQ(report.num_completed, 1);
  EXPECT_EQ(report.num_gaps, 2);  // 1.2-2.2, 2.2-3.1
  EXPECT_NEAR(report.inter_token.mean, 950, 1e-6);
  EXPECT_NEAR(report.first_token.median, 1850, 1e-6);
  EXPECT_NEAR(*report.chunk_and_step_ms(), 1050, 1e-6);
  EXPECT_FALSE(report_long_prompts(decoding, arrived, {}, 100, std::nullopt).chunk_and_step_ms().has_value());
}

}  // namespace
}  // namespace braid::serving
