// What preparing a request needs to know about the model. Tested by server/service/api_service_test.cc.
#pragma once

#include "braid/config/model_config.h"
#include "braid/grammar/grammar_compiler.h"
#include "braid/multimodal/sources/media_policy.h"
#include "braid/server/openai/prepare/chat_renderer.h"
#include "braid/server/parsers/template_formats.h"
#include "braid/tokenizer/tokenizer.h"

namespace braid {
class Engine;
class ImagePlacer;
}  // namespace braid

namespace braid::openai {

// Everything referenced outlives this struct and the requests prepared with it.
struct RequestModel {
  const Tokenizer& tokenizer;
  const GenerationDefaults& defaults;
  GrammarCompiler& grammars;
  ChatRenderer renderer;
  parsers::TemplateFormats formats;     // how the model writes its thinking and its tool calls
  const ImagePlacer* images = nullptr;  // null: the model takes none
  MediaPolicy media;                    // where images may come from
};

// With the formats that the model's chat template shows.
RequestModel request_model_of(Engine& engine);

}  // namespace braid::openai
