#include "braid/tokenizer/chat_templates.h"

#include <gtest/gtest.h>

#include <fstream>

#include "braid/tokenizer/loading/text_assets.h"
#include "tests/support/temporary_folder.h"

namespace braid {
namespace {

ChatTemplates templates_of(std::vector<ChatTemplateSource> sources, Json variables = Json::object()) {
  TextAssets assets;
  assets.chat_templates = std::move(sources);
  assets.template_variables = std::move(variables);
  return choose_chat_templates(assets, "model", "").value();
}

const Json kWithTools = {{"tools", {{{"name", "f"}}}}};
const Json kWithoutTools = {{"tools", Json::array()}};

TEST(ChatTemplates, ToolsSelectTheTemplateToolUse) {
  const ChatTemplates both = templates_of({{"default", "D"}, {"tool_use", "T"}});
  EXPECT_EQ(both.render(kWithTools).value(), "T");
  EXPECT_EQ(both.render(kWithoutTools).value(), "D");
  EXPECT_EQ(both.render(Json::object()).value(), "D");
}

TEST(ChatTemplates, WithoutTheFittingOneRenderTheDefaultOrAnyOther) {
  EXPECT_EQ(templates_of({{"default", "D"}, {"rag", "R"}}).render(kWithTools).value(), "D");
  EXPECT_EQ(templates_of({{"rag", "R"}}).render(Json::object()).value(), "R");
}

TEST(ChatTemplates, WithoutAnyRenderIsAnErrorThatNamesTheFlag) {
  const ChatTemplates none = templates_of({});
  EXPECT_TRUE(none.empty());
  EXPECT_NE(none.render(Json::object()).error().message.find("--chat-template"), std::string::npos);
}

TEST(ChatTemplates, TheCallersVariablesOverrideTheCheckpoints) {
  const ChatTemplates templates =
      templates_of({{"default", "{{ bos_token }}{{ eos_token }}"}}, {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
  EXPECT_EQ(templates.render({{"eos_token", "<end>"}}).value(), "<s><end>");
}

TEST(ChatTemplates, KnowTheDeveloperRoleIfOneOfThemMentionsIt) {
  EXPECT_FALSE(templates_of({{"default", "user"}}).knows_developer_role());
  EXPECT_TRUE(templates_of({{"default", "user"}, {"rag", "{{ 'developer' }}"}}).knows_developer_role());
}

TEST(ChatTemplates, AFileReplacesTheModelsOwn) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "chat.jinja").string();
  std::ofstream(path) << "F{{ bos_token }}";
  TextAssets own;
  own.chat_templates = {{"default", "D"}, {"tool_use", "T"}};
  own.template_variables = {{"bos_token", "<s>"}};
  EXPECT_EQ(choose_chat_templates(own, "model", path)->render(kWithTools).value(), "F<s>");
}

TEST(ChatTemplates, ErrorsNameTheSource) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder.path() / "chat.jinja").string();
  TextAssets own;
  own.chat_templates = {{"rag", "{{"}};
  EXPECT_EQ(choose_chat_templates(own, "model", "").error().message.find("model: chat template \"rag\": "), 0U);
  EXPECT_EQ(choose_chat_templates(own, "model", path).error().message.find("--chat-template: "), 0U);
  std::ofstream(path) << "{% if %}";
  EXPECT_EQ(choose_chat_templates(own, "model", path).error().message.find("--chat-template " + path + ": "), 0U);
}

}  // namespace
}  // namespace braid
