#include "braid/cli/config_file.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(ConfigFile, EachLineBecomesAFlag) {
  const auto flags =
      config_arguments("# a comment\nmodel-path: 'x y'\nmax_new_tokens = 5\nchat = true\njson = false\n", "f");
  EXPECT_EQ(flags.value(), (std::vector<std::string>{"--model-path=x y", "--max-new-tokens=5", "--chat"}));
  EXPECT_FALSE(config_arguments("no such line", "f").ok());
}

}  // namespace
}  // namespace braid
