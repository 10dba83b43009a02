// Runs statements and whole templates.
#include <algorithm>

#include "braid/tokenizer/jinja/builtins.h"
#include "braid/tokenizer/jinja/evaluator.h"
#include "braid/tokenizer/jinja/loop_object.h"
#include "braid/tokenizer/jinja/macro_object.h"
#include "braid/tokenizer/jinja/parser.h"

namespace braid::jinja {

Result<std::string> Evaluator::run(const nlohmann::ordered_json& variables) {
  const ScopePtr root = make_scope(nullptr);
  globals_.resize(template_.name_texts.size());
  for (size_t name = 0; name < globals_.size(); ++name) globals_[name] = find_global(template_.name_texts[name]);
  if (const auto loop = template_.names.find("loop"); loop != template_.names.end()) loop_name_ = loop->second;
  for (const auto& [name, json] : variables.items()) {
    const auto id = template_.names.find(name);
    if (id == template_.names.end()) continue;  // the template does not use it
    TRY(Value value, from_json(runtime_, json));
    root->set(id->second, std::move(value));
  }
  std::string out;
  const auto flow = exec_block(template_.body, root, out);
  if (flow.ok()) return out;
  if (error_line_ == 0) return flow.error();
  return fail("line {}: {}", error_line_, flow.error().message);
}

Status Evaluator::append(std::string& out, std::string_view text) {
  buffered_bytes_ += static_cast<int64_t>(text.size());
  if (buffered_bytes_ > runtime_.limits().max_output_bytes) {
    return fail("the template writes more than {} bytes", runtime_.limits().max_output_bytes);
  }
  TRY_STATUS(runtime_.charge_bytes(text.size()));
  out += text;
  return {};
}

Result<std::string> Evaluator::capture(const Block& block, const ScopePtr& scope) {
  std::string out;
  const auto flow = exec_block(block, scope, out);
  buffered_bytes_ -= static_cast<int64_t>(out.size());
  if (!flow.ok()) return flow.error();
  return out;
}

Result<Flow> Evaluator::exec_block(const Block& block, const ScopePtr& scope, std::string& out) {
  const Nesting nesting(depth_);
  TRY_STATUS(check_depth());
  for (const Stmt* stmt : block) {
    TRY_STATUS(runtime_.charge(1));
    auto flow = exec(*stmt, scope, out);
    if (!flow.ok() && error_line_ == 0) error_line_ = stmt->line;
    if (!flow.ok() || *flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Result<Flow> Evaluator::exec(const Stmt& stmt, const ScopePtr& scope, std::string& out) {
  switch (stmt.kind) {
    case StmtKind::kText:
      TRY_STATUS(append(out, stmt.text));
      return Flow::kNext;
    case StmtKind::kPrint: {
      TRY(const Value value, eval(*stmt.expr, scope));
      if (value.is_string()) {
        TRY_STATUS(append(out, value.text()));
        return Flow::kNext;
      }
      TRY(const std::string text, to_text(runtime_, value));
      TRY_STATUS(append(out, text));
      return Flow::kNext;
    }
    case StmtKind::kFor: {
      TRY(const Value items, eval(*stmt.expr, scope));
      TRY_STATUS(exec_for(stmt, items, scope, 0, out));
      return Flow::kNext;
    }
    case StmtKind::kIf:
      return exec_if(stmt, scope, out);
    case StmtKind::kSet:
    case StmtKind::kSetBlock:
      TRY_STATUS(exec_set(stmt, scope));
      return Flow::kNext;
    case StmtKind::kMacro: {
      TRY(Value macro, make_macro(stmt, scope));
      scope->set(stmt.target.name, std::move(macro));
      return Flow::kNext;
    }
    case StmtKind::kCall:
      TRY_STATUS(exec_call(stmt, scope, out));
      return Flow::kNext;
    case StmtKind::kFilter: {
      const ScopePtr inner = make_scope(scope);
      TRY(std::string body, capture(stmt.body, inner));
      TRY(const Value text, runtime_.string(std::move(body)));
      TRY(const Value filtered, eval_filters(*stmt.filter, inner, &text));
      if (!filtered.is_string()) {
        return fail("the filters of a block must give text, not a value of type '{}'", filtered.type_name());
      }
      TRY_STATUS(append(out, filtered.text()));
      return Flow::kNext;
    }
    case StmtKind::kWith: {
      const ScopePtr inner = make_scope(scope);
      for (const auto& [target, expr] : stmt.bindings) {
        TRY(const Value value, eval(*expr, scope));
        TRY_STATUS(assign(target, value, *inner));
      }
      return exec_block(stmt.body, inner, out);
    }
    case StmtKind::kScope:
      return exec_block(stmt.body, make_scope(scope), out);
    case StmtKind::kBreak:
      return Flow::kBreak;
    case StmtKind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

Result<Flow> Evaluator::exec_if(const Stmt& stmt, const ScopePtr& scope, std::string& out) {
  for (const Branch& branch : stmt.branches) {
    if (branch.condition != nullptr) {
      TRY(const Value condition, eval(*branch.condition, scope));
      if (!is_true(condition)) continue;
    }
    return exec_block(branch.body, scope, out);
  }
  return Flow::kNext;
}

Status Evaluator::exec_for(const Stmt& stmt, const Value& items, const ScopePtr& scope, int32_t loop_depth,
                           std::string& out) {
  TRY(auto source, iterate(runtime_, items));
  const auto loop = std::make_shared<LoopObject>(stmt, std::move(source), scope, loop_depth);
  auto status = exec_turns(stmt, *loop, loop, scope, out);
  loop->finish();
  return status;
}

Status Evaluator::exec_turns(const Stmt& stmt, LoopObject& loop, const std::shared_ptr<LoopObject>& shared,
                             const ScopePtr& scope, std::string& out) {
  bool is_empty = true;
  while (true) {
    TRY(const bool has_item, loop.advance(*this));
    if (!has_item) break;
    is_empty = false;
    TRY_STATUS(runtime_.charge(1));
    const ScopePtr turn = make_scope(scope);
    if (loop_name_ >= 0) turn->set(loop_name_, Value(ObjectPtr(shared)));
    TRY_STATUS(assign(stmt.target, loop.current(), *turn));
    TRY(const Flow flow, exec_block(stmt.body, turn, out));
    if (flow == Flow::kBreak) break;
  }
  if (is_empty && !stmt.otherwise.empty()) {
    TRY([[maybe_unused]] const Flow flow, exec_block(stmt.otherwise, make_scope(scope), out));
  }
  return {};
}

Result<std::string> Evaluator::run_loop(const Stmt& stmt, const Value& items, const ScopePtr& scope,
                                        int32_t loop_depth) {
  std::string out;
  const Nesting nesting(depth_);
  TRY_STATUS(check_depth());
  const auto status = exec_for(stmt, items, scope, loop_depth, out);
  buffered_bytes_ -= static_cast<int64_t>(out.size());
  if (!status.ok()) return status.error();
  return out;
}

Status Evaluator::assign(const Target& target, const Value& value, Scope& scope) {
  if (target.is_tuple) {
    if (!is_iterable(value)) return fail("cannot unpack a value of type '{}'", value.type_name());
    TRY(const auto items, iterate(runtime_, value));
    if (items.size() != target.elements.size()) {
      return fail("cannot unpack {} values into {} names", items.size(), target.elements.size());
    }
    for (size_t i = 0; i < items.size(); ++i) TRY_STATUS(assign(target.elements[i], items[i], scope));
    return {};
  }
  if (target.attribute.empty()) {
    TRY_STATUS(runtime_.charge(static_cast<int64_t>(scope.names.size() / 16)));
    scope.set(target.name, value);
    return {};
  }
  Expr name;
  name.name = target.name;
  TRY(const Value object, eval_name(name, scope));
  auto* space = object.is_object() ? dynamic_cast<NamespaceObject*>(object.as_object().get()) : nullptr;
  if (space == nullptr) return fail("cannot assign attribute on non-namespace object");
  return space->set(runtime_, target.attribute, value);
}

Status Evaluator::exec_set(const Stmt& stmt, const ScopePtr& scope) {
  if (stmt.kind == StmtKind::kSet) {
    TRY(const Value value, eval(*stmt.expr, scope));
    return assign(stmt.target, value, *scope);
  }
  const ScopePtr inner = make_scope(scope);
  TRY(std::string body, capture(stmt.body, inner));
  TRY(Value value, runtime_.string(std::move(body)));
  if (stmt.filter != nullptr) {
    TRY(value, eval_filters(*stmt.filter, inner, &value));
  }
  return assign(stmt.target, value, *scope);
}

Status Evaluator::exec_call(const Stmt& stmt, const ScopePtr& scope, std::string& out) {
  TRY(const Value function, eval(*stmt.expr->operands[0], scope));
  TRY(Arguments arguments, eval_arguments(stmt.expr->arguments, scope));
  TRY(Value caller, make_macro(stmt, scope));
  arguments.named.emplace_back("caller", std::move(caller));
  TRY(const Value result, call(function, arguments));
  TRY(const std::string text, to_text(runtime_, result));
  return append(out, text);
}

}  // namespace braid::jinja
