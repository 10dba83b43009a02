// Evaluates expressions.
#include "braid/tokenizer/jinja/evaluator.h"

#include <algorithm>

#include "braid/tokenizer/jinja/builtins.h"
#include "braid/tokenizer/jinja/parser.h"

namespace braid::jinja {

ScopePtr make_scope(const ScopePtr& parent) {
  auto scope = std::make_shared<Scope>();
  scope->parent = parent;
  return scope;
}

void Scope::set(NameId name, Value value) {
  for (auto& [known, old] : names) {
    if (known != name) continue;
    old = std::move(value);
    return;
  }
  names.emplace_back(name, std::move(value));
}

Status Evaluator::check_depth() const {
  if (depth_ > runtime_.limits().max_depth) {
    return fail("the template nests or recurses deeper than {}", runtime_.limits().max_depth);
  }
  return {};
}

Result<Value> Evaluator::eval(const Expr& expr, const ScopePtr& scope) {
  TRY_STATUS(runtime_.charge(1));
  if (expr.kind == ExprKind::kConst) return expr.value;
  const Nesting nesting(depth_);
  auto result = [&]() -> Result<Value> {
    TRY_STATUS(check_depth());
    return eval_node(expr, scope);
  }();
  if (!result.ok() && error_line_ == 0) error_line_ = expr.line;
  return result;
}

Result<Value> Evaluator::eval_node(const Expr& expr, const ScopePtr& scope) {
  switch (expr.kind) {
    case ExprKind::kConst:
      return expr.value;
    case ExprKind::kName:
      return eval_name(expr, *scope);
    case ExprKind::kList:
    case ExprKind::kTuple:
      return eval_sequence(expr, scope);
    case ExprKind::kDict:
      return eval_dict(expr, scope);
    case ExprKind::kCondition: {
      TRY(const Value condition, eval(*expr.operands[1], scope));
      const Expr* chosen = expr.operands[is_true(condition) ? 0 : 2];
      if (chosen != nullptr) return eval(*chosen, scope);
      return Value::undefined(fmt::format(
          "the inline if-expression on line {} evaluated to false and no else section was defined", expr.line));
    }
    case ExprKind::kBinary: {
      TRY(const Value left, eval(*expr.operands[0], scope));
      TRY(const Value right, eval(*expr.operands[1], scope));
      return binary(runtime_, expr.text, left, right);
    }
    case ExprKind::kConcat:
      return eval_concat(expr, scope);
    case ExprKind::kCompare:
      return eval_compare(expr, scope);
    case ExprKind::kAnd:
    case ExprKind::kOr: {
      TRY(Value left, eval(*expr.operands[0], scope));
      if (is_true(left) == (expr.kind == ExprKind::kOr)) return left;
      return eval(*expr.operands[1], scope);
    }
    case ExprKind::kNot: {
      TRY(const Value operand, eval(*expr.operands[0], scope));
      return Value(!is_true(operand));
    }
    case ExprKind::kNegative: {
      TRY(const Value operand, eval(*expr.operands[0], scope));
      return negative(operand);
    }
    case ExprKind::kPositive: {
      TRY(const Value operand, eval(*expr.operands[0], scope));
      if (operand.is_float()) return operand;
      if (operand.is_number()) return Value(operand.as_int());
      return fail("bad operand type for unary +: '{}'", operand.type_name());
    }
    case ExprKind::kAttribute: {
      TRY(const Value value, eval(*expr.operands[0], scope));
      return attribute(value, expr.text);
    }
    case ExprKind::kItem: {
      TRY(const Value value, eval(*expr.operands[0], scope));
      TRY(const Value key, eval(*expr.operands[1], scope));
      return item(value, key);
    }
    case ExprKind::kSlice:
      return eval_slice(expr, scope);
    case ExprKind::kCall: {
      TRY(const Value function, eval(*expr.operands[0], scope));
      TRY(const Arguments arguments, eval_arguments(expr.arguments, scope));
      return call(function, arguments);
    }
    case ExprKind::kFilter:
      return eval_filters(expr, scope, nullptr);
    case ExprKind::kTest: {
      TRY(const Value value, eval(*expr.operands[0], scope));
      TRY(const Arguments arguments, eval_arguments(expr.arguments, scope));
      TRY(const bool holds, apply_test(expr.text, value, arguments));
      return Value(holds);
    }
  }
  return Value();
}

Result<Value> Evaluator::eval_name(const Expr& expr, const Scope& scope) {
  int64_t scanned = 0;
  for (const Scope* at = &scope; at != nullptr; at = at->parent.get()) {
    for (const auto& [name, value] : at->names) {
      if (name == expr.name) return value;
    }
    scanned += static_cast<int64_t>(at->names.size());
  }
  TRY_STATUS(runtime_.charge(scanned / 16));
  const auto name = static_cast<size_t>(expr.name);
  if (!globals_[name].is_undefined()) return globals_[name];
  return Value::undefined(fmt::format("'{}' is undefined", template_.name_texts[name]));
}

Result<Value> Evaluator::eval_sequence(const Expr& expr, const ScopePtr& scope) {
  std::vector<Value> items;
  items.reserve(expr.operands.size());
  for (const Expr* operand : expr.operands) {
    TRY(Value item, eval(*operand, scope));
    items.push_back(std::move(item));
  }
  return runtime_.sequence(std::move(items), expr.kind == ExprKind::kList ? SequenceKind::kList : SequenceKind::kTuple);
}

Result<Value> Evaluator::eval_dict(const Expr& expr, const ScopePtr& scope) {
  std::vector<std::pair<Value, Value>> entries;
  entries.reserve(expr.operands.size() / 2);
  for (size_t i = 0; i + 1 < expr.operands.size(); i += 2) {
    TRY(Value key, eval(*expr.operands[i], scope));
    TRY(Value value, eval(*expr.operands[i + 1], scope));
    entries.emplace_back(std::move(key), std::move(value));
  }
  return runtime_.dict(std::move(entries));
}

Result<Value> Evaluator::eval_concat(const Expr& expr, const ScopePtr& scope) {
  std::string out;
  for (const Expr* operand : expr.operands) {
    TRY(const Value value, eval(*operand, scope));
    TRY(const std::string text, to_text(runtime_, value));
    TRY_STATUS(runtime_.check_size(static_cast<Int>(out.size() + text.size())));
    out += text;
  }
  return runtime_.string(std::move(out));
}

Result<Value> Evaluator::eval_compare(const Expr& expr, const ScopePtr& scope) {
  TRY(Value left, eval(*expr.operands[0], scope));
  for (size_t i = 0; i < expr.operators.size(); ++i) {
    TRY(Value right, eval(*expr.operands[i + 1], scope));
    TRY(const bool holds, compare(runtime_, expr.operators[i], left, right));
    if (!holds) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Result<Value> Evaluator::eval_slice(const Expr& expr, const ScopePtr& scope) {
  TRY(const Value value, eval(*expr.operands[0], scope));
  Value bounds[3] = {Value(None{}), Value(None{}), Value(None{})};
  for (size_t i = 0; i < 3; ++i) {
    if (expr.operands[i + 1] == nullptr) continue;
    TRY(bounds[i], eval(*expr.operands[i + 1], scope));
  }
  return slice(runtime_, value, bounds[0], bounds[1], bounds[2]);
}

Result<Value> Evaluator::eval_filters(const Expr& expr, const ScopePtr& scope, const Value* block_text) {
  Value input;
  const Expr* operand = expr.operands[0];
  if (operand == nullptr) {
    if (block_text == nullptr) return fail("a filter without a value");
    input = *block_text;
  } else if (operand->kind == ExprKind::kFilter && block_text != nullptr) {
    TRY(input, eval_filters(*operand, scope, block_text));
  } else {
    TRY(input, eval(*operand, scope));
  }
  TRY(const Arguments arguments, eval_arguments(expr.arguments, scope));
  return apply_filter(expr.text, input, arguments);
}

Result<Arguments> Evaluator::eval_arguments(const CallArguments& arguments, const ScopePtr& scope) {
  Arguments values;
  for (const Expr* expr : arguments.positional) {
    TRY(Value value, eval(*expr, scope));
    values.positional.push_back(std::move(value));
  }
  const auto add_named = [&](const std::string& name, Value value) -> Status {
    for (const auto& [known, unused] : values.named) {
      if (known == name) return fail("got two values for the argument '{}'", name);
    }
    values.named.emplace_back(name, std::move(value));
    return {};
  };
  for (const auto& [name, expr] : arguments.named) {
    TRY(Value value, eval(*expr, scope));
    TRY_STATUS(add_named(name, std::move(value)));
  }
  if (arguments.rest != nullptr) {
    TRY(const Value rest, eval(*arguments.rest, scope));
    TRY(const auto items, iterate(runtime_, rest));
    values.positional.insert(values.positional.end(), items.begin(), items.end());
  }
  if (arguments.named_rest != nullptr) {
    TRY(const Value rest, eval(*arguments.named_rest, scope));
    if (!rest.is_dict()) return fail("the argument after ** must be a mapping, not {}", rest.type_name());
    TRY_STATUS(
        runtime_.charge(static_cast<int64_t>(rest.as_dict().entries.size() * rest.as_dict().entries.size() / 16)));
    for (const auto& [key, value] : rest.as_dict().entries) {
      if (!key.is_string()) return fail("keywords must be strings, not {}", key.type_name());
      TRY_STATUS(add_named(key.text(), value));
    }
  }
  return values;
}

Result<Value> Evaluator::call(const Value& function, const Arguments& arguments) {
  if (function.is_undefined()) return Error{function.undefined_message()};
  if (!function.is_object() || !function.as_object()->is_callable()) {
    return fail("'{}' object is not callable", function.type_name());
  }
  TRY_STATUS(runtime_.charge(1));
  const Nesting nesting(depth_);
  TRY_STATUS(check_depth());
  const ObjectPtr object = function.as_object();
  return object->call(*this, arguments);
}

Result<Value> Evaluator::apply_filter(std::string_view name, const Value& input, const Arguments& arguments) {
  const Builtin filter = find_filter(name);
  if (filter == nullptr) return fail("no filter named '{}'", name);
  TRY_STATUS(runtime_.charge(1));
  return filter(*this, input, arguments);
}

Result<bool> Evaluator::apply_test(std::string_view name, const Value& input, const Arguments& arguments) {
  const Test test = find_test(name);
  if (test == nullptr) return fail("no test named '{}'", name);
  TRY_STATUS(runtime_.charge(1));
  return test(*this, input, arguments);
}

Result<Value> Evaluator::attribute(const Value& value, std::string_view name) {
  if (value.is_undefined()) return Error{value.undefined_message()};
  if (value.is_object()) {
    TRY(auto found, value.as_object()->attribute(*this, name));
    if (found) return *std::move(found);
  } else if (const Builtin method = find_method(value, name)) {
    auto object = std::make_shared<BuiltinObject>(name, method, value, true);
    if (object->depth() > 500) return fail("a value is nested too deeply");
    return Value(ObjectPtr(std::move(object)));
  } else if (value.is_sequence() && value.as_sequence().is_group && (name == "grouper" || name == "list")) {
    return value.as_sequence().items[name == "list" ? 1 : 0];
  } else if (value.is_dict()) {
    static constexpr std::string_view kChanging[] = {"clear", "pop", "popitem", "setdefault", "update"};
    if (std::ranges::find(kChanging, name) != std::end(kChanging)) {
      return Value::undefined(fmt::format("access to attribute '{}' of 'dict' object is unsafe.", name));
    }
    if (const Value* found = value.as_dict().find(name)) return *found;
  }
  return Value::undefined(fmt::format("'{} object' has no attribute '{}'", value.type_name(), name));
}

Result<Value> Evaluator::item(const Value& value, const Value& key) {
  if (value.is_undefined()) return Error{value.undefined_message()};
  if (value.is_dict() && is_hashable(key)) {
    if (key.is_string()) TRY_STATUS(runtime_.charge_bytes(key.text().size()));
    if (const Value* found = value.as_dict().find(key)) return *found;
  }
  if (key.is_string()) {
    if (!value.is_dict()) return attribute(value, key.text());
    // No such key: look for a method only.
    if (find_method(value, key.text()) != nullptr) return attribute(value, key.text());
    return Value::undefined(fmt::format("'dict object' has no attribute '{}'", key.text()));
  }
  return item_at(runtime_, value, key);
}

}  // namespace braid::jinja
