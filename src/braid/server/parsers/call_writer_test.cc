#include "braid/server/parsers/call_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "tests/support/server/parsers/parsing.h"

namespace braid::parsers {
namespace {

TEST(CallWriter, IdsLookRandomAndDiffer) {
  const std::string text =
      "<tool_call>{\"name\": \"f\"}</tool_call><tool_call>{\"name\": \"f\"}</tool_call><tool_call>{\"name\": \"f\"}";
  std::vector<std::string> ids;
  for (uint64_t seed = 0; seed < 100; ++seed) {
    for (const Event& event : testing::parse({.tools = ToolFormat::kHermes, .id_seed = seed}, text)) {
      if (event.kind == Event::Kind::kCallBegin) ids.push_back(event.id);
    }
  }
  ASSERT_EQ(ids.size(), 300U);
  for (const std::string& id : ids) {
    EXPECT_EQ(id.size(), 29U);
    EXPECT_TRUE(id.starts_with("call_")) << id;
  }
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(std::unique(ids.begin(), ids.end()), ids.end());
  const std::string nine = make_call_id(CallIdStyle::kNineAlphanumeric, 7, 0);
  EXPECT_EQ(nine.size(), 9U);
  EXPECT_TRUE(std::all_of(nine.begin(), nine.end(), [](unsigned char c) { return std::isalnum(c); })) << nine;
}

TEST(CallWriter, WithoutParallelCallsOnlyTheFirstIsKept) {
  const std::string text =
      "a<tool_call>{\"name\": \"f\", \"arguments\": {\"x\": 1}}</tool_call>b<tool_call>{\"name\": \"g\"}</tool_call>c";
  EXPECT_EQ(testing::parsed({.tools = ToolFormat::kHermes, .parallel_tool_calls = false}, text), "a[0 f {\"x\": 1}]bc");
}

}  // namespace
}  // namespace braid::parsers
