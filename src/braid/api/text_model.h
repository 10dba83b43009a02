// The text side of a model: its tokenizer, its chat templates, and the defaults that its files state. Immutable.
#pragma once

#include <memory>
#include <string>

#include "braid/base/result.h"
#include "braid/config/model_config.h"
#include "braid/hub/model_path.h"
#include "braid/tokenizer/chat_templates.h"
#include "braid/tokenizer/tokenizer.h"
#include "braid/weights/checkpoint.h"

namespace braid {

// Where the checkpoint, its tokenizer and its template are, as the command line says.
struct ModelSourceOptions {
  std::string model_path;
  std::string tokenizer_path = {};      // a directory, GGUF file or tokenizer.json; empty: the model's
  std::string chat_template_file = {};  // empty: the model's
  ModelPathEnvironment environment = {};
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
