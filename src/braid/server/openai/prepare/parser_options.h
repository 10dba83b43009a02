// The options of the parser that reads a chat's output: the model's formats, and what the request asks for.
// Tested by parser_options_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

#include "braid/server/openai/parse/requests.h"
#include "braid/server/parsers/output_parser.h"
#include "braid/server/parsers/template_formats.h"

namespace braid::openai {

// `prompt`: the rendered prompt. `id_seed`: random; the ids of calls are made from it.
parsers::ParserOptions parser_options(const ChatRequest& request, const parsers::TemplateFormats& formats,
                                      std::string_view prompt, uint64_t id_seed);

// Whether the parser looks for markers that are special tokens. The text must then contain them.
bool looks_for_special_tokens(const parsers::ParserOptions& options);

}  // namespace braid::openai
