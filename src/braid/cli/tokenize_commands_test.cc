#include "braid/cli/tokenize_commands.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace braid {
namespace {

std::unique_ptr<Tokenizer> llama3() {
  std::ifstream file("src/braid/tokenizer/testdata/llama3.json");
  std::stringstream text;
  text << file.rdbuf();
  return *make_tokenizer_from_json(text.str());
}

TEST(TokenizeCommands, DetokenizeUndoesTokenize) {
  const std::unique_ptr<Tokenizer> tokenizer = llama3();
  const std::string lines = "\"Hello, world\"\n\"\"\n\"caf\u00e9 \\n\\u0000 \u4e2d\"\n";
  std::istringstream in(lines);
  std::stringstream ids;
  ASSERT_TRUE(tokenize_lines(*tokenizer, false, in, ids).ok());
  std::ostringstream out;
  ASSERT_TRUE(detokenize_lines(*tokenizer, false, ids, out).ok());
  EXPECT_EQ(out.str(), lines);
}

TEST(TokenizeCommands, SpecialTokensAreAddedWhenAskedFor) {
  const std::unique_ptr<Tokenizer> tokenizer = llama3();
  std::istringstream in("\"\"\n");
  std::ostringstream out;
  ASSERT_TRUE(tokenize_lines(*tokenizer, true, in, out).ok());
  EXPECT_EQ(out.str(), "[" + std::to_string(*tokenizer->token_to_id("<|begin_of_text|>")) + "]\n");
}

TEST(TokenizeCommands, AnInvalidLineIsNamed) {
  const std::unique_ptr<Tokenizer> tokenizer = llama3();
  for (const char* line : {"[1]", "\"a", "{}", "\"\\ud800\""}) {
    std::istringstream in(std::string("\"a\"\n") + line);
    std::ostringstream out;
    const Status status = tokenize_lines(*tokenizer, false, in, out);
    ASSERT_FALSE(status.ok());
    EXPECT_TRUE(status.error().message.starts_with("line 2 ")) << status.error().message;
  }
  for (const char* line : {"\"a\"", "[-1]", "[1.5]", "[3000000000]", "[[1]]", "[1"}) {
    std::istringstream in(line);
    std::ostringstream out;
    const Status status = detokenize_lines(*tokenizer, false, in, out);
    ASSERT_FALSE(status.ok());
    EXPECT_TRUE(status.error().message.starts_with("line 1 ")) << status.error().message;
  }
}

}  // namespace
}  // namespace braid
