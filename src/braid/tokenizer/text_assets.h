// What a checkpoint says about text: its tokenizer, chat templates and special tokens, as they lie in its files.
// Reading them needs no weights and no config.json.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/formats/resolved_model.h"
#include "braid/tokenizer/gguf_vocabulary.h"

namespace braid {

struct ChatTemplateSource {
  std::string name;  // "default", "tool_use", …
  std::string text;
};

struct TextAssets {
  // The text of tokenizer.json or a GGUF file's vocabulary; nothing: the checkpoint has no tokenizer.
  std::variant<std::monostate, std::string, GgufVocabulary> tokenizer;
  std::vector<ChatTemplateSource> chat_templates;  // "default" first where there is one
  // What transformers hands to a template beside the conversation: bos_token, eos_token, pad_token, … as strings.
  Json template_variables = Json::object();

  const std::string* find_chat_template(std::string_view name = "default") const;
};

// A directory: tokenizer.json; chat_template.jinja, else chat_template.json, else the template in tokenizer_config.json
// (a string or a named list); tokenizer_config.json's special tokens, else special_tokens_map.json's. A GGUF file: its
// tokenizer.ggml.… and tokenizer.chat_template… metadata. Errors name the file.
Result<TextAssets> read_text_assets(const ResolvedModel& model);

// Made from `assets.tokenizer`; none is an error that says so.
Result<std::unique_ptr<Tokenizer>> make_tokenizer(const TextAssets& assets, const std::string& model_path);

}  // namespace braid
