#include "braid/tokenizer/loading/make_tokenizer.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.h"
#include "tests/support/tokenizer/fixtures.h"
#include "tests/support/tokenizer/tiny_tokenizer.h"

namespace braid {
namespace {

using testing::TemporaryFolder;

TEST(MakeTokenizer, FromTokenizerJsonAndFromAGgufVocabulary) {
  TextAssets assets;
  assets.tokenizer = testing::read_fixture("gpt2.json");
  const auto from_json = make_tokenizer(assets, "model");
  ASSERT_TRUE(from_json.ok()) << from_json.error().message;
  EXPECT_EQ((*from_json)->decode((*from_json)->encode("two words", false), false), "two words");
  const auto from_gguf = testing::load_tiny_tokenizer();
  EXPECT_EQ(from_gguf->decode(from_gguf->encode("two words", false), false), "two words");
}

TEST(MakeTokenizer, ErrorsNameTheModel) {
  TextAssets assets;
  EXPECT_EQ(make_tokenizer(assets, "some/model").error().message,
            "some/model: there is no tokenizer (tokenizer.json, or a GGUF file's vocabulary)");
  assets.tokenizer = "{";
  EXPECT_EQ(make_tokenizer(assets, "some/model").error().message.find("some/model: "), 0U);
}

TEST(MakeTokenizer, OnlyAFileWithTheEndingJsonIsATokenizerJson) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "model.json";
  EXPECT_TRUE(is_tokenizer_json(path.string()));  // even if it does not exist: reading it says so
  EXPECT_FALSE(is_tokenizer_json((folder.path() / "model.gguf").string()));
  std::filesystem::create_directory(path);
  EXPECT_FALSE(is_tokenizer_json(path.string()));
}

TEST(MakeTokenizer, ReadsATokenizerJsonByItsPath) {
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "tokenizer.json").string();
  EXPECT_EQ(read_tokenizer_json(path).error().message.find("--tokenizer-path: "), 0U);
  std::ofstream(path) << testing::read_fixture("gpt2.json");
  const auto tokenizer = read_tokenizer_json(path);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->decode((*tokenizer)->encode("two words", false), false), "two words");
  std::ofstream(path) << "{";
  EXPECT_EQ(read_tokenizer_json(path).error().message.find("--tokenizer-path " + path + ": "), 0U);
}

}  // namespace
}  // namespace braid
