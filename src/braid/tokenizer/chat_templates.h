// The chat templates of one model: parsed once, and chosen by what a conversation needs.
#pragma once

#include <map>
#include <string>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/tokenizer/chat_template.h"

namespace braid {

struct TextAssets;

struct ChatTemplates {
  std::map<std::string, ChatTemplate> by_name;  // "default", "tool_use", …; may be empty
  std::string text;                             // the sources of all of them, joined
  Json variables;                               // bos_token, eos_token, …: available to every template

  bool empty() const { return by_name.empty(); }
  // True if some template mentions the role "developer".
  bool knows_developer_role() const { return text.find("developer") != std::string::npos; }

  // `given` has the messages and, optionally, tools, add_generation_prompt, … It overrides `variables`. With tools, the
  // template "tool_use" takes precedence over "default". The prompt contains its special tokens: encode it without
  // adding any.
  Result<std::string> render(const Json& given) const;
};

// The template in `chat_template_file` (--chat-template), or the model's own if that is empty. A template that cannot
// be parsed is an error that names its source.
Result<ChatTemplates> choose_chat_templates(const TextAssets& own, const std::string& model_path,
                                            const std::string& chat_template_file);

}  // namespace braid
