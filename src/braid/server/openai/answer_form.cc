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

Result<std::shared_ptr<const CompiledGrammar>> compile_form(const StructuredOutput& output, GrammarCompiler& compiler) {
  return std::visit(Compile{compiler}, output);
}

}  // namespace braid::openai
