#include "braid/server/openai/prepare/output_grammar.h"

#include <fmt/format.h>

#include <algorithm>
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

// Schemas of several tools are one document, "#/$defs/get_weather" and so on: says whose it is.
std::string with_tool_names(std::string message, std::span<const parsers::ToolSpec> tools) {
  constexpr std::string_view kPlace = "#/$defs/";
  for (size_t at = message.find(kPlace); at != std::string::npos; at = message.find(kPlace, at + 1)) {
    const size_t begin = at + kPlace.size();
    const std::string name = message.substr(begin, message.find_first_of("/: \"", begin) - begin);
    if (std::ranges::find(tools, name, &parsers::ToolSpec::name) == tools.end()) continue;
    message.replace(at, kPlace.size() + name.size(), name + "#");
  }
  return message;
}

// What cannot be compiled is the request's fault, unless there is no room for it now.
ApiError form_error(const Error& error, const std::string& parameter) {
  if (!GrammarCompiler::is_no_room(error)) return {.message = parameter + ": " + error.message, .param = parameter};
  return {.status = 429,
          .message = error.message,
          .type = "rate_limit_error",
          .param = parameter,
          .code = "too_many_forms"};
}

ApiError tools_error(const Error& error, std::span<const parsers::ToolSpec> tools) {
  return form_error({with_tool_names(error.message, tools)}, "tools");
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
  if (!compiled.ok()) return tools_error(compiled.error(), tools.tools);
  return GrammarConstraint{.grammar = *std::move(compiled)};
}

GrammarCompiler::Compiled compile_call(const parsers::StrictCall& call, GrammarCompiler& compiler) {
  TRY(const Json schema, parse_json(call.schema));
  if (!call.tagged) return compiler.json_schema(schema, call.end);
  return compiler.tagged_objects(schema, call.tagged->objects, call.tagged->tags);
}

// Free but for the calls of strict tools.
AnswerForm strict_calls_form(std::span<const parsers::ToolSpec> tools, parsers::ToolFormat format,
                             GrammarCompiler& compiler) {
  GrammarConstraint constraint;
  for (const parsers::StrictCall& call : parsers::strict_calls(format, tools)) {
    const auto compiled = compile_call(call, compiler);
    if (!compiled.ok()) return tools_error(compiled.error(), tools);
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
  if (!compiled.ok()) return form_error(compiled.error(), common.structured_output_name);
  return GrammarConstraint{.grammar = *std::move(compiled)};
}

}  // namespace braid::openai
