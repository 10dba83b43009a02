#include "braid/cli/render_command.h"

#include <gtest/gtest.h>

#include <sstream>

namespace braid {
namespace {

TEST(RenderLines, EachLineIsAStringOrAnError) {
  std::istringstream in("{\"x\":1}\n\nnot json\n[]\n{\"x\":2}");
  std::ostringstream out;
  const auto status = render_lines(in, out, [](const Json& variables) -> Result<std::string> {
    if (variables["x"] == 2) return fail("line 1: no");
    return std::string("a\n\"é\"");
  });
  EXPECT_TRUE(status.ok());
  std::istringstream lines(out.str());
  std::string line;
  std::getline(lines, line);
  EXPECT_EQ(line, "\"a\\n\\\"é\\\"\"");
  for (int i = 0; i < 3; ++i) {
    std::getline(lines, line);
    EXPECT_TRUE(Json::parse(line).contains("error")) << line;
  }
}

}  // namespace
}  // namespace braid
