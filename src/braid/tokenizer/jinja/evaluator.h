// Runs a parsed template: statements write text, expressions compute values. Statements: statements.cc and
// statements_test.cc.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "braid/tokenizer/jinja/ast.h"
#include "braid/tokenizer/jinja/runtime.h"
#include "braid/tokenizer/jinja/value.h"

namespace braid::jinja {

// The names set in one turn of a loop, one call of a macro, or one block; `parent` is the enclosing scope.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<NameId, Value>> names;
  bool is_captured = false;  // by a macro: lives until the end of the rendering

  void set(NameId name, Value value);
};
using ScopePtr = std::shared_ptr<Scope>;

enum class Flow : uint8_t { kNext, kBreak, kContinue };

class LoopObject;
class MacroObject;

class Evaluator {
 public:
  Evaluator(const Template& parsed, Runtime& runtime) : template_(parsed), runtime_(runtime) {}

  // Errors name the line.
  Result<std::string> run(const nlohmann::ordered_json& variables);

  Runtime& runtime() { return runtime_; }
  Result<Value> call(const Value& function, const Arguments& arguments);
  Result<Value> apply_filter(std::string_view name, const Value& input, const Arguments& arguments);
  Result<bool> apply_test(std::string_view name, const Value& input, const Arguments& arguments);
  Result<Value> attribute(const Value& value, std::string_view name);  // value.name
  Result<Value> item(const Value& value, const Value& key);            // value[key]

  // For loops and macros.
  Result<Value> eval(const Expr& expr, const ScopePtr& scope);
  Result<std::string> capture(const Block& block, const ScopePtr& scope);
  Result<std::string> run_loop(const Stmt& stmt, const Value& items, const ScopePtr& scope, int32_t loop_depth);
  Result<Value> call_macro(const MacroObject& macro, const Arguments& arguments);
  Status assign(const Target& target, const Value& value, Scope& scope);

 private:
  Result<Value> eval_node(const Expr& expr, const ScopePtr& scope);
  Result<Value> eval_name(const Expr& expr, const Scope& scope);
  Result<Value> eval_compare(const Expr& expr, const ScopePtr& scope);
  Result<Value> eval_sequence(const Expr& expr, const ScopePtr& scope);
  Result<Value> eval_dict(const Expr& expr, const ScopePtr& scope);
  Result<Value> eval_concat(const Expr& expr, const ScopePtr& scope);
  Result<Value> eval_slice(const Expr& expr, const ScopePtr& scope);
  Result<Value> eval_filters(const Expr& expr, const ScopePtr& scope, const Value* block_text);
  Result<Arguments> eval_arguments(const CallArguments& arguments, const ScopePtr& scope);

  Result<Flow> exec_block(const Block& block, const ScopePtr& scope, std::string& out);
  Result<Flow> exec(const Stmt& stmt, const ScopePtr& scope, std::string& out);
  Result<Flow> exec_if(const Stmt& stmt, const ScopePtr& scope, std::string& out);
  Status exec_for(const Stmt& stmt, const Value& items, const ScopePtr& scope, int32_t loop_depth, std::string& out);
  Status exec_turns(const Stmt& stmt, LoopObject& loop, const std::shared_ptr<LoopObject>& shared,
                    const ScopePtr& scope, std::string& out);
  Status exec_set(const Stmt& stmt, const ScopePtr& scope);
  Status exec_call(const Stmt& stmt, const ScopePtr& scope, std::string& out);
  Result<Value> make_macro(const Stmt& stmt, const ScopePtr& scope);
  Status append(std::string& out, std::string_view text);
  Status check_depth() const;

  const Template& template_;
  Runtime& runtime_;
  std::vector<Value> globals_;  // by NameId; undefined if there is none
  NameId loop_name_ = -1;
  int32_t depth_ = 0;
  int32_t error_line_ = 0;      // of the innermost node that failed
  int64_t buffered_bytes_ = 0;  // in all texts that are being written
};

ScopePtr make_scope(const ScopePtr& parent);

}  // namespace braid::jinja
