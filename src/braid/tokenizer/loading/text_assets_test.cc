#include "braid/tokenizer/loading/text_assets.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/formats/gguf_text.h"
#include "tests/support/model_fixture.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

using testing::TemporaryFolder;

void write(const TemporaryFolder& folder, const char* name, std::string_view text) {
  std::ofstream(folder.path() / name) << text;
}

Result<TextAssets> read(const TemporaryFolder& folder) {
  return read_text_assets({ResolvedModel::Kind::kDirectory, folder.path().string()});
}

TEST(TextAssets, ReadsADirectory) {
  const TemporaryFolder folder;
  auto assets = read(folder);
  ASSERT_TRUE(assets.ok());
  EXPECT_TRUE(std::holds_alternative<std::monostate>(assets->tokenizer));

  write(folder, "tokenizer.json", "{}");
  write(folder, "special_tokens_map.json", R"({"eos_token": "<never>", "unk_token": "<u>"})");
  write(folder, "tokenizer_config.json",
        R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>", "pad_token": null,
            "chat_template": [{"name": "tool_use", "template": "T"}, {"name": "default", "template": "D"}]})");
  assets = read(folder);
  ASSERT_TRUE(assets.ok()) << assets.error().message;
  EXPECT_EQ(std::get<std::string>(assets->tokenizer), "{}");
  EXPECT_EQ(assets->template_variables.dump(), R"({"bos_token":"<s>","eos_token":"</s>","unk_token":"<u>"})");
  ASSERT_EQ(assets->chat_templates.size(), 2U);
  EXPECT_EQ(assets->chat_templates.front().text, "D");
  EXPECT_EQ(*assets->find_chat_template("tool_use"), "T");
  EXPECT_EQ(assets->find_chat_template("other"), nullptr);

  write(folder, "chat_template.json", R"({"chat_template": "J"})");
  EXPECT_EQ(*read(folder)->find_chat_template(), "J");
  write(folder, "chat_template.jinja", "X");
  EXPECT_EQ(*read(folder)->find_chat_template(), "X");

  write(folder, "tokenizer_config.json", R"({"chat_template": 7})");
  EXPECT_TRUE(read(folder).ok());  // not read: the others come first
  write(folder, "chat_template.json", "[");
  EXPECT_NE(read(folder).error().message.find("chat_template.json: not valid JSON"), std::string::npos);
}

TEST(TextAssets, ReadsAGgufFile) {
  for (const std::string& name : testing::gguf_fixture_names()) {
    const auto fixture = testing::read_model_fixture(name);
    const auto assets = read_text_assets({ResolvedModel::Kind::kGguf, fixture.gguf().string()});
    ASSERT_TRUE(assets.ok()) << assets.error().message;
    const auto& vocabulary = std::get<GgufVocabulary>(assets->tokenizer);
    EXPECT_EQ(vocabulary.model, "gpt2");
    EXPECT_EQ(static_cast<int64_t>(vocabulary.tokens.size()), fixture.vocab);
    EXPECT_EQ(vocabulary.tokens.size(), vocabulary.token_types.size());
    EXPECT_FALSE(vocabulary.merges.empty());
    EXPECT_EQ(vocabulary.add_bos, false);
    ASSERT_TRUE(vocabulary.eos.has_value());
    EXPECT_EQ(assets->template_variables["eos_token"], vocabulary.tokens[static_cast<size_t>(*vocabulary.eos)]);
    EXPECT_NE(assets->find_chat_template(), nullptr);
  }
}

TEST(TextAssets, ARepeatedTemplateNameInAGgufFileCountsOnce) {
  const testing::GgufText file = testing::GgufTextReader().read(
      "S tokenizer.chat_templates rag,tool_use,rag,rag,none\ns tokenizer.chat_template.tool_use T\n"
      "s tokenizer.chat_template.rag R\ns tokenizer.chat_template D");
  const TemporaryFolder folder;
  const std::string bytes(reinterpret_cast<const char*>(file.head.data()), file.head.size());
  write(folder, "model.gguf", bytes);
  const auto assets = read_text_assets({ResolvedModel::Kind::kGguf, (folder.path() / "model.gguf").string()});
  ASSERT_TRUE(assets.ok()) << assets.error().message;
  std::string found;
  for (const ChatTemplateSource& source : assets->chat_templates) found += source.name + source.text + " ";
  EXPECT_EQ(found, "defaultD ragR tool_useT ");
}

}  // namespace
}  // namespace braid
