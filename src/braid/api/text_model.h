// The text side of a model: its tokenizer and its chat templates. Immutable.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "braid/api/model_source.h"
#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/tokenizer/chat_template.h"
#include "braid/tokenizer/tokenizer.h"
#include "braid/weights/checkpoint.h"

namespace braid {

struct ChatTemplates {
  std::map<std::string, ChatTemplate> by_name;  // "default", "tool_use", …; may be empty
  std::string text;                             // of all of them, joined
  Json variables;                               // bos_token, eos_token, …: what every template may read

  bool empty() const { return by_name.empty(); }
  // Some template speaks of a role "developer".
  bool knows_developer_role() const { return text.find("developer") != std::string::npos; }

  // `given`: messages, and tools, add_generation_prompt, … as the caller likes. With tools, a template of the name
  // "tool_use" goes before the default one. The prompt has its special tokens: encode it without adding any.
  Result<std::string> render(const Json& given) const;
};

struct TextModel {
  std::unique_ptr<Tokenizer> tokenizer;
  ChatTemplates chat;
};

// These read the tokenizer's files alone. A template that cannot be parsed is an error.
Result<std::unique_ptr<Tokenizer>> load_tokenizer(const ModelSourceOptions& source);
Result<ChatTemplates> load_chat_templates(const ModelSourceOptions& source);
Result<TextModel> load_text_model(const ModelSourceOptions& source);

Result<Checkpoint> open_checkpoint(const ModelSourceOptions& source);

}  // namespace braid
