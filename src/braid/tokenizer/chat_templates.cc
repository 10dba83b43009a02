#include "braid/tokenizer/chat_templates.h"

#include <utility>

#include "braid/formats/input_file.h"
#include "braid/tokenizer/loading/text_assets.h"

namespace braid {

Result<std::string> ChatTemplates::render(const Json& given) const {
  if (empty()) return fail("the model has no chat template; give one with --chat-template FILE");
  Json all = variables;
  all.update(given);
  const auto tools = given.find("tools");
  const bool has_tools = tools != given.end() && !tools->empty();
  auto chosen = by_name.find(has_tools ? "tool_use" : "default");
  if (chosen == by_name.end()) chosen = by_name.find("default");
  if (chosen == by_name.end()) chosen = by_name.begin();
  return chosen->second.render(all);
}

Result<ChatTemplates> choose_chat_templates(const TextAssets& own, const std::string& model_path,
                                            const std::string& chat_template_file) {
  ChatTemplates chosen;
  chosen.variables = own.template_variables;
  if (!chat_template_file.empty()) {
    const auto text = read_text_file(chat_template_file, kMaxChatTemplateBytes);
    if (!text.ok()) return fail("--chat-template: {}", text.error().message);
    auto parsed = ChatTemplate::parse(*text);
    if (!parsed.ok()) return fail("--chat-template {}: {}", chat_template_file, parsed.error().message);
    chosen.by_name.emplace("default", std::move(parsed).value());
    chosen.text = *text;
    return chosen;
  }
  for (const ChatTemplateSource& named : own.chat_templates) {
    auto parsed = ChatTemplate::parse(named.text);
    if (!parsed.ok()) return fail("{}: chat template \"{}\": {}", model_path, named.name, parsed.error().message);
    chosen.by_name.emplace(named.name, std::move(parsed).value());
    chosen.text += named.text + "\n";
  }
  return chosen;
}

}  // namespace braid
