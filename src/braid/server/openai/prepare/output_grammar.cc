#include "braid/server/openai/prepare/output_grammar.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "braid/grammar/json/schema_keywords.h"
#include "braid/server/parsers/forced_calls.h"
#include "braid/server/parsers/strict_calls.h"

namespace braid::openai {
namespace {

using MaybeGrammar = Result<std::optional<GrammarConstraint>, ApiError>;

struct Compile {
  GrammarCompiler& compiler;

  GrammarCompiler::Compiled operator()(std::monostate) const { return std::shared_ptr<const CompiledGrammar>(); }
  GrammarCompiler::Compiled operator()(AnyJsonObject) const { return compiler.json_object(); }
  GrammarCompiler::Compiled operator()(const JsonSchema& asked) const {
    TRY(const Json schema, parse_json(asked.schema));
    if (asked.is_strict) TRY_STATUS(grammar::check_strict_schema(schema));
    return compiler.json_schema(schema);
  }
  GrammarCompiler::Compiled operator()(const RegexPattern& asked) const { return compiler.regex(asked.pattern); }
  GrammarCompiler::Compiled operator()(const EbnfGrammar& asked) const { return compiler.ebnf(asked.grammar); }
  GrammarCompiler::Compiled operator()(const OneOf& asked) const { return compiler.choice(asked.choices); }
};

// The schemas of all tools form one document. Replaces places in it ("#/$defs/get_weather") by the tool's name.
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

// A form that cannot be compiled is the request's fault, unless the compiler has no room for it now.
ApiError grammar_error(const Error& error, const std::string& parameter) {
  if (!GrammarCompiler::is_no_room(error)) return {.message = parameter + ": " + error.message, .param = parameter};
  return {.status = 429,
          .message = error.message,
          .type = "rate_limit_error",
          .param = parameter,
          .code = "too_many_forms"};
}

ApiError tools_error(const Error& error, const ToolParameters& tools) {
  return grammar_error({with_tool_names(error.message, tools.tools)}, std::string(tools.name()));
}

// Strict tools have no unknown keywords in their parameters.
std::optional<ApiError> strict_tools_error(std::span<const parsers::ToolSpec> tools) {
  for (const parsers::ToolSpec& tool : tools) {
    if (!tool.is_strict || tool.parameters.empty()) continue;
    const auto parameters = parse_json(tool.parameters);
    if (!parameters.ok()) return ApiError{.message = "tools: " + parameters.error().message, .param = "tools"};
    const auto checked = grammar::check_strict_schema(*parameters);
    if (!checked.ok()) {
      return ApiError{.message = fmt::format("tools: the function {}: {}", tool.name, checked.error().message),
                      .param = "tools"};
    }
  }
  return std::nullopt;
}

MaybeGrammar forced_grammar(const ChatRequest& request, GrammarCompiler& compiler) {
  const ToolParameters& tools = request.tools;
  if (!std::holds_alternative<std::monostate>(request.common.structured_output)) {
    const std::string forcing = tools.are_functions ? "function_call" : "tool_choice";
    return ApiError{.message = fmt::format("{} forces a call, and {} asks for another form: one of them at most",
                                           forcing, request.common.structured_output_name),
                    .param = forcing};
  }
  auto compiled =
      Compile{compiler}(JsonSchema{parsers::forced_calls_schema(tools.tools, tools.choice, tools.parallel)});
  if (!compiled.ok()) return tools_error(compiled.error(), tools);
  return MaybeGrammar(GrammarConstraint{.grammar = *std::move(compiled)});
}

GrammarCompiler::Compiled compile_call(const parsers::StrictCall& call, GrammarCompiler& compiler) {
  TRY(const Json schema, parse_json(call.schema));
  if (!call.tagged) return compiler.json_schema(schema, call.end);
  return compiler.tagged_objects(schema, call.tagged->objects, call.tagged->tags);
}

// The output is free except for the calls of strict tools.
MaybeGrammar strict_calls_grammar(const ToolParameters& tools, parsers::ToolFormat format, GrammarCompiler& compiler) {
  GrammarConstraint constraint;
  for (const parsers::StrictCall& call : parsers::strict_calls(format, tools.tools)) {
    const auto compiled = compile_call(call, compiler);
    if (!compiled.ok()) return tools_error(compiled.error(), tools);
    for (const parsers::StrictCall::Begin& begin : call.begins) {
      constraint.triggered.push_back({.trigger = begin.marker + begin.json,
                                      .begin = begin.json,
                                      .only_at_start = call.only_at_start,
                                      .grammar = *compiled});
    }
  }
  if (constraint.triggered.empty()) return MaybeGrammar(std::nullopt);
  return MaybeGrammar(std::move(constraint));
}

// Lets the grammar begin behind the model's thinking. False if the model cannot think first: no token opens its
// thinking, and the prompt does not open it either.
bool start_behind_thinking(GrammarConstraint& grammar, const Tokenizer& tokenizer,
                           const parsers::ParserOptions& options) {
  if (options.reasoning == parsers::ReasoningFormat::kHarmony) {
    // Calls have channels of their own; the answer's channel follows that of the thinking.
    if (grammar.grammar != nullptr) grammar.starts_after = "<|channel|>final<|message|>";
    return true;
  }
  const parsers::ReasoningTags tags = parsers::reasoning_tags(options.reasoning);
  if (tags.close.empty()) return false;
  if (!options.begins_inside_reasoning) {
    grammar.may_open_with = tokenizer.token_to_id(tags.open);
    if (!grammar.may_open_with) return false;
  }
  grammar.starts_after = tags.close;
  return true;
}

}  // namespace

MaybeGrammar chat_grammar(const ChatRequest& request, const Tokenizer& tokenizer, GrammarCompiler& compiler,
                          parsers::ParserOptions& options) {
  if (auto error = strict_tools_error(request.tools.tools)) return *std::move(error);
  const bool is_forced = request.tools.choice.is_forced();
  TRY(auto grammar, is_forced ? forced_grammar(request, compiler) : output_grammar(request.common, compiler));
  if (!grammar) {
    TRY(auto calls, strict_calls_grammar(request.tools, options.tools, compiler));
    if (calls) (void)start_behind_thinking(*calls, tokenizer, options);
    return calls;
  }
  options.tools = is_forced ? parsers::ToolFormat::kForced : parsers::ToolFormat::kNone;
  if (!start_behind_thinking(*grammar, tokenizer, options)) {
    options.reasoning = parsers::ReasoningFormat::kNone;
    options.begins_inside_reasoning = false;
  }
  return grammar;
}

MaybeGrammar output_grammar(const CommonParameters& common, GrammarCompiler& compiler) {
  if (std::holds_alternative<std::monostate>(common.structured_output)) return MaybeGrammar(std::nullopt);
  auto compiled = std::visit(Compile{compiler}, common.structured_output);
  if (!compiled.ok()) return grammar_error(compiled.error(), common.structured_output_name);
  return MaybeGrammar(GrammarConstraint{.grammar = *std::move(compiled)});
}

}  // namespace braid::openai
