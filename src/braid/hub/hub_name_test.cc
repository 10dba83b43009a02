#include "braid/hub/hub_name.h"

#include <gtest/gtest.h>

namespace braid {
namespace {

TEST(HubName, HasARepositoryARevisionAndAVariant) {
  const auto plain = parse_hub_name("Qwen/Qwen3-0.6B");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->repository, "Qwen/Qwen3-0.6B");
  EXPECT_EQ(plain->revision, "main");
  EXPECT_EQ(plain->variant, "");
  const auto full = parse_hub_name("org/name@refs/pr/1:Q4_K_M");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->repository, "org/name");
  EXPECT_EQ(full->revision, "refs/pr/1");
  EXPECT_EQ(full->variant, "Q4_K_M");
  EXPECT_EQ(parse_hub_name("org/name:UD/model-Q2_K.gguf")->variant, "UD/model-Q2_K.gguf");
  for (const char* text : {"org/name", "org/name@v1.0", "org/name:Q8_0", "a/b@c:d"}) {
    EXPECT_EQ(parse_hub_name(text)->text(), text);
  }
}

TEST(HubName, OtherTextIsNoName) {
  for (const char* text : {"",
                           "name",
                           "/name",
                           "org/",
                           "a/b/c",
                           "../x",
                           "./x",
                           ".hidden/x",
                           "org/.x",
                           "models/qwen3.gguf",
                           "org/a..b",
                           "org/a b",
                           "org/name@",
                           "org/name:",
                           "org/name@a..b",
                           "org/name@/a",
                           "org/name@a/",
                           "/a/b",
                           "~/models",
                           "org/n\xc3\xa4me",
                           "org/name:../x",
                           "C:/models/x",
                           "org/name:a\nb"}) {
    EXPECT_FALSE(parse_hub_name(text)) << text;
  }
}

TEST(HubName, ACommitHasFortyHexadecimalDigits) {
  EXPECT_TRUE(is_commit_hash("0123456789abcdef0123456789abcdef01234567"));
  EXPECT_FALSE(is_commit_hash("0123456789abcdef0123456789abcdef0123456"));
  EXPECT_FALSE(is_commit_hash("0123456789abcdef0123456789abcdef0123456G"));
  EXPECT_FALSE(is_commit_hash("main"));
}

}  // namespace
}  // namespace braid
