// A macro, or the body of a call block: statements with the scope of their definition.
#pragma once

#include <string>
#include <utility>

#include "braid/tokenizer/jinja/evaluator.h"

namespace braid::jinja {

class MacroObject : public Object {
 public:
  MacroObject(const Stmt& stmt, ScopePtr scope) : stmt_(stmt), scope_(std::move(scope)) {}

  const Stmt& stmt() const { return stmt_; }
  const ScopePtr& scope() const { return scope_; }

  std::string type_name() const override { return "Macro"; }
  std::string repr() const override { return "<Macro '" + stmt_.text + "'>"; }
  bool is_callable() const override { return true; }
  Result<Value> call(Evaluator& evaluator, const Arguments& arguments) override {
    return evaluator.call_macro(*this, arguments);
  }
  Result<std::optional<Value>> attribute(Evaluator& evaluator, std::string_view name) override;

 private:
  const Stmt& stmt_;
  ScopePtr scope_;  // the runtime also holds it until the end of the rendering, and breaks cycles then
};

}  // namespace braid::jinja
