#include "braid/server/openai/answer_form.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

#include "braid/server/parsers/forced_calls.h"
#include "braid/server/parsers/strict_calls.h"

namespace braid::openai {
namespace {

struct CompileForm {
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
      CompileForm{compiler}(JsonSchema{parsers::forced_calls_schema(tools.tools, tools.choice, tools.parallel)});
  if (!compiled.ok()) {
    return ApiError{.message = "tools: " + with_tool_names(compiled.error().message, tools), .param = "tools"};
  }
  return GrammarConstraint{.grammar = *std::move(compiled)};
}

// Free but for the calls of strict tools.
AnswerForm strict_calls_form(std::span<const parsers::ToolSpec> tools, parsers::ToolFormat format,
                             GrammarCompiler& compiler) {
  GrammarConstraint constraint;
  for (const parsers::StrictCall& call : parsers::strict_calls(format, tools)) {
    const auto schema = parse_json(call.schema);
    auto compiled = schema.ok() ? compiler.json_schema(*schema, call.end) : GrammarCompiler::Compiled(schema.error());
    if (!compiled.ok()) return ApiError{.message = "tools: " + compiled.error().message, .param = "tools"};
    for (const parsers::StrictCall::Begin& begin : call.begins) {
      constraint.triggered.push_back({.trigger = begin.marker + begin.json,
                                      .begin = begin.json,
                                      .only_at_start = call.only_at_start,
                                      .grammar = *compiled});
    }
  }
  if (constraint.triggered.empty()) return std::nullopt;
  return constraint;
}

// False where the model cannot think first: no token opens its thinking, and the prompt has not either.
bool start_behind_thinking(GrammarConstraint& form, const Tokenizer& tokenizer, const parsers::ParserOptions& options) {
  if (options.reasoning == parsers::ReasoningFormat::kHarmony) {
    // Calls stand in channels of their own; an answer behind the thinking's.
    if (form.grammar != nullptr) form.starts_after = "<|channel|>final<|message|>";
    return true;
  }
  const parsers::ReasoningTags tags = parsers::reasoning_tags(options.reasoning);
  if (tags.close.empty()) return false;
  if (!options.begins_inside_reasoning) {
    form.may_open_with = tokenizer.token_to_id(tags.open);
    if (!form.may_open_with) return false;
  }
  form.starts_after = tags.close;
  return true;
}

}  // namespace

AnswerForm chat_form(const ChatRequest& request, const Tokenizer& tokenizer, GrammarCompiler& compiler,
                     parsers::ParserOptions& options) {
  const bool is_forced = request.tools.choice.is_forced();
  AnswerForm form = is_forced ? forced_form(request, compiler) : answer_form(request.common, compiler);
  auto* constraint = std::get_if<std::optional<GrammarConstraint>>(&form);
  if (constraint == nullptr) return form;
  if (!constraint->has_value()) {
    AnswerForm calls = strict_calls_form(request.tools.tools, options.tools, compiler);
    constraint = std::get_if<std::optional<GrammarConstraint>>(&calls);
    if (constraint != nullptr && constraint->has_value()) (void)start_behind_thinking(**constraint, tokenizer, options);
    return calls;
  }
  options.tools = is_forced ? parsers::ToolFormat::kForced : parsers::ToolFormat::kNone;
  if (!start_behind_thinking(**constraint, tokenizer, options)) {
    options.reasoning = parsers::ReasoningFormat::kNone;
    options.begins_inside_reasoning = false;
  }
  return form;
}

AnswerForm answer_form(const CommonParameters& common, GrammarCompiler& compiler) {
  if (std::holds_alternative<std::monostate>(common.structured_output)) return std::nullopt;
  auto compiled = std::visit(CompileForm{compiler}, common.structured_output);
  if (!compiled.ok()) {
    const std::string& parameter = common.structured_output_name;
    return ApiError{.message = parameter + ": " + compiled.error().message, .param = parameter};
  }
  return GrammarConstraint{.grammar = *std::move(compiled)};
}

}  // namespace braid::openai
