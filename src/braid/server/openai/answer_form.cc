#include "braid/server/openai/answer_form.h"

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

}  // namespace

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
