#include "braid/server/openai/prepare/parser_options.h"

#include <memory>
#include <string>

namespace braid::openai {

parsers::ParserOptions parser_options(const ChatRequest& request, const parsers::TemplateFormats& formats,
                                      std::string_view prompt, uint64_t id_seed) {
  const ToolParameters& tools = request.tools;
  const std::string continued =
      request.continue_final_message ? request.messages.back()["content"].get<std::string>() : std::string();
  parsers::ParserOptions options;
  options.reasoning = formats.reasoning;
  options.begins_inside_reasoning = parsers::begins_inside_reasoning(formats.reasoning, prompt, continued);
  options.separate_reasoning = request.separate_reasoning;
  if (tools.choice.mode != parsers::ToolChoice::Mode::kNone) {
    options.tools = formats.tools;
    options.tool_set = std::make_shared<const parsers::ToolSet>(tools.tools);
  }
  options.parallel_tool_calls = tools.parallel;
  options.id_style = formats.ids;
  options.id_seed = id_seed;
  return options;
}

bool looks_for_special_tokens(const parsers::ParserOptions& options) {
  return parsers::has_special_markers(options.reasoning) || parsers::has_special_markers(options.tools);
}

}  // namespace braid::openai
