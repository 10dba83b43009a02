// What a checkpoint's files say about text: its tokenizer, chat templates and special tokens, not parsed yet. Reading
// them needs no weights and no config.json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/formats/resolved_model.h"
#include "braid/tokenizer/gguf/gguf_vocabulary.h"

namespace braid {

inline constexpr int64_t kMaxTokenizerBytes = int64_t{256} << 20;  // of tokenizer.json, and of the other JSON files
inline constexpr int64_t kMaxChatTemplateBytes = int64_t{4} << 20;

struct ChatTemplateSource {
  std::string name;  // "default", "tool_use", …
  std::string text;
};

struct TextAssets {
  // The text of tokenizer.json or a GGUF file's vocabulary; monostate if the checkpoint has no tokenizer.
  std::variant<std::monostate, std::string, GgufVocabulary> tokenizer;
  std::vector<ChatTemplateSource> chat_templates;  // "default" comes first, if present
  // Passed to every template beside the conversation, as transformers does: bos_token, eos_token, pad_token, …
  Json template_variables = Json::object();

  const std::string* find_chat_template(std::string_view name = "default") const;
};

// From a directory: tokenizer.json; chat_template.jinja, else chat_template.json, else the template in
// tokenizer_config.json (a string or a named list); special tokens of tokenizer_config.json, else of
// special_tokens_map.json. From a GGUF file: its metadata tokenizer.ggml.… and tokenizer.chat_template…. Errors name
// the file.
Result<TextAssets> read_text_assets(const ResolvedModel& model);

}  // namespace braid
