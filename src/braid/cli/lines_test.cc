#include "braid/cli/lines.h"

#include <gtest/gtest.h>

#include <sstream>

namespace braid {
namespace {

TEST(Lines, TrimRemovesWhiteSpaceAtBothEnds) {
  EXPECT_EQ(trim(" \ta b\r\n"), "a b");
  EXPECT_EQ(trim("a"), "a");
  EXPECT_EQ(trim(""), "");
  EXPECT_TRUE(is_blank(" \t\r\n"));
  EXPECT_FALSE(is_blank(std::string_view("\0", 1)));
}

TEST(Lines, AreReadWholeUpToTheLimitAndCutBeyondIt) {
  for (const size_t length : {0, 1, 4094, 4095, 4096, 8190, 8191, 20'000}) {
    std::string text = std::string(length, 'x') + "\n\n" + std::string(1, '\0') + std::string(length, 'y');
    std::istringstream in(text);
    std::string line;
    EXPECT_EQ(read_line(in, line, 100'000), static_cast<int64_t>(length) + 1);
    EXPECT_EQ(line, std::string(length, 'x'));
    EXPECT_EQ(read_line(in, line, 100'000), 1);
    EXPECT_EQ(line, "");
    EXPECT_EQ(read_line(in, line, 5'000), static_cast<int64_t>(length) + 1);
    EXPECT_EQ(line, (std::string(1, '\0') + std::string(length, 'y')).substr(0, 5'001));
    EXPECT_EQ(read_line(in, line, 100'000), 0) << length;
  }
}

TEST(Lines, AreAnsweredUntilTheFirstError) {
  std::istringstream in("a\n \n\nb\nc\n");
  std::ostringstream out;
  const Status status = answer_lines(in, out, [](int64_t number, const std::string& line) -> Result<std::string> {
    if (line == "c") return fail("line {}", number);
    return line + std::to_string(number);
  });
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().message, "line 5");
  EXPECT_EQ(out.str(), "a1\nb4\n");
}

}  // namespace
}  // namespace braid
