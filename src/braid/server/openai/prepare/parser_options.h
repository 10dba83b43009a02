// How the output of a chat is read: by the formats of its model, and as its request wants it.
#pragma once

#include <cstdint>
#include <string_view>

#include "braid/server/openai/parse/requests.h"
#include "braid/server/parsers/output_parser.h"
#include "braid/server/parsers/template_formats.h"

namespace braid::openai {

// `prompt`: the request's, as rendered. `id_seed`: random; the ids of calls are made from it.
parsers::ParserOptions parser_options(const ChatRequest& request, const parsers::TemplateFormats& formats,
                                      std::string_view prompt, uint64_t id_seed);

// Then they must not be left out of the text: a parser has to see the markers that it looks for.
bool looks_for_special_tokens(const parsers::ParserOptions& options);

}  // namespace braid::openai
