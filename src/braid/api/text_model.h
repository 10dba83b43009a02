// The text side of a model: its tokenizer and its chat templates. Immutable. Tested by tests/e2e/test_text_commands.py
// and tests/e2e/test_generate.py.
#pragma once

#include <memory>
#include <string>

#include "braid/api/model_source.h"
#include "braid/base/result.h"
#include "braid/tokenizer/chat_templates.h"
#include "braid/tokenizer/tokenizer.h"
#include "braid/weights/checkpoint.h"

namespace braid {

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
