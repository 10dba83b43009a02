#include "braid/server/openai/answer_form.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "braid/server/parsers/forced_calls.h"

namespace braid::openai {
namespace {

struct Compile {
  GrammarCompiler& compiler;

  GrammarCompiler::Compiled operator()(std::monostate) const { return std::shared_ptr<const CompiledGrammar>(); }
  GrammarCompiler::Compiled operator()(AnyJsonObject) const { return compiler.json_object(); }
  GrammarCompiler::Compiled operator()(const JsonSchema& asked) const {
    TRY(const Json schema, parse_json(asked.schema));
    return compiler.json_schema(schema);
  }
  GrammarCompiler::Compiled operator()(const RegexPattern& asked) const { return compiler.regex(asked.pattern); }
  GrammarCompiler::Compiled operator()(const EbnfGrammar& asked) const { return compiler.ebnf(asked.grammar); }
  GrammarCompiler::Compiled operator()(const OneOf& asked) const { return compiler.choice(asked.choices); }
};

// Schemas of several tools are one document, "#/$defs/tool0" and so on: says whose it is.
std::string with_tool_names(std::string message, const ToolParameters& tools) {
  std::vector<std::string_view> names;  // of those that have a schema, in the document's order
  for (const parsers::ToolSpec& tool : tools.tools) {
    const bool is_meant = tools.choice.name.empty() || tools.choice.name == tool.name;
    if (is_meant && !tool.parameters.empty()) names.push_back(tool.name);
  }
  for (size_t i = names.size(); i-- > 0;) {  // tool10 before tool1
    const std::string place = fmt::format("#/$defs/tool{}", i);
    const std::string name = fmt::format("{}#", names[i]);
    for (size_t at = message.find(place); at != std::string::npos; at = message.find(place, at + name.size())) {
      message.replace(at, place.size(), name);
    }
  }
  return message;
}

AnswerForm forced_form(const ChatRequest& request, GrammarCompiler& compiler) {
  const ToolParameters& tools = request.tools;
  if (!std::holds_alternative<std::monostate>(request.common.structured_output)) {
    return ApiError{
        .message = fmt::format("tool_choice forces a call, and {} asks for another form: one of them at most",
                               request.common.structured_output_name),
        .param = "tool_choice"};
  }
  auto compiled =
      Compile{compiler}(JsonSchema{parsers::forced_calls_schema(tools.tools, tools.choice, tools.parallel)});
  if (!compiled.ok()) {
    return ApiError{.message = "tools: " + with_tool_names(compiled.error().message, tools), .param = "tools"};
  }
  return GrammarConstraint{.grammar = *std::move(compiled)};
}

// Where no token marks the end of thinking its form cannot begin there: then the model answers at once.
void start_behind_thinking(GrammarConstraint& form, const Tokenizer& tokenizer, parsers::ParserOptions& options) {
  const parsers::ReasoningTags tags = parsers::reasoning_tags(options.reasoning);
  const auto open = tags.open.empty() ? std::nullopt : tokenizer.token_to_id(tags.open);
  const auto close = tags.close.empty() ? std::nullopt : tokenizer.token_to_id(tags.close);
  if (close && (open || options.begins_inside_reasoning)) {
    form.starts_after = {*close};
    if (!options.begins_inside_reasoning) form.may_open_with = open;
  } else {
    options.reasoning = parsers::ReasoningFormat::kNone;
    options.begins_inside_reasoning = false;
  }
}

}  // namespace

AnswerForm chat_form(const ChatRequest& request, const Tokenizer& tokenizer, GrammarCompiler& compiler,
                     parsers::ParserOptions& options) {
  const bool is_forced = request.tools.choice.is_forced();
  AnswerForm form = is_forced ? forced_form(request, compiler) : answer_form(request.common, compiler);
  auto* const constraint = std::get_if<std::optional<GrammarConstraint>>(&form);
  if (constraint == nullptr || !constraint->has_value()) return form;
  options.tools = is_forced ? parsers::ToolFormat::kForced : parsers::ToolFormat::kNone;
  start_behind_thinking(**constraint, tokenizer, options);
  return form;
}

AnswerForm answer_form(const CommonParameters& common, GrammarCompiler& compiler) {
  if (std::holds_alternative<std::monostate>(common.structured_output)) return std::nullopt;
  auto compiled = std::visit(Compile{compiler}, common.structured_output);
  if (!compiled.ok()) {
    const std::string& parameter = common.structured_output_name;
    return ApiError{.message = parameter + ": " + compiled.error().message, .param = parameter};
  }
  return GrammarConstraint{.grammar = *std::move(compiled)};
}

}  // namespace braid::openai
