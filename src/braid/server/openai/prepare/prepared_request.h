// From a validated request to what the engine is asked for: prompts in ids, the answer's form, how its text is read.
#pragma once

#include <cstdint>
#include <vector>

#include "braid/api/engine.h"
#include "braid/grammar/grammar_compiler.h"
#include "braid/server/openai/parse/requests.h"
#include "braid/server/openai/prepare/chat_renderer.h"
#include "braid/server/openai/write/responses.h"
#include "braid/server/parsers/template_formats.h"

namespace braid::openai {

// What requests need of their model, which outlives this and what is prepared with it.
struct RequestModel {
  const Tokenizer& tokenizer;
  const GenerationDefaults& defaults;
  GrammarCompiler& grammars;
  ChatRenderer renderer;
  parsers::TemplateFormats formats;  // how it writes its thinking and its tool calls
};

// The formats are those that its chat template shows.
RequestModel request_model_of(Engine& engine);

struct PreparedRequest {
  std::vector<GenerationRequest> generations;  // one for each prompt
  std::vector<PromptResult> prompts;           // beside them; their choices are empty yet
  MakeMessageParser make_parser;               // of a chat's answer
};

// Rendering, tokenizing and compiling take their time. The prompts, or the messages, are taken out of the request.
ApiResult<PreparedRequest> prepare_completion(CompletionRequest& request, const RequestModel& model);
// `id_seed`: random; the ids of tool calls are made from it.
ApiResult<PreparedRequest> prepare_chat(ChatRequest& request, const RequestModel& model, uint64_t id_seed);

}  // namespace braid::openai
