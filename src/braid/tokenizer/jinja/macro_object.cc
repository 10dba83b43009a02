// Defines and calls macros. Arguments are bound to parameters as in jinja2.runtime.Macro.
#include "braid/tokenizer/jinja/macro_object.h"

#include <algorithm>

#include "braid/tokenizer/jinja/operators.h"

namespace braid::jinja {

Result<Value> Evaluator::make_macro(const Stmt& stmt, const ScopePtr& scope) {
  for (ScopePtr at = scope; at != nullptr && !at->is_captured; at = at->parent) {
    at->is_captured = true;
    TRY_STATUS(runtime_.hold(256));
    runtime_.at_end([at] { at->names.clear(); });
  }
  TRY_STATUS(runtime_.charge(1));
  return Value(ObjectPtr(std::make_shared<MacroObject>(stmt, scope)));
}

Result<std::optional<Value>> MacroObject::attribute(Evaluator& evaluator, std::string_view name) {
  using Found = std::optional<Value>;
  Runtime& runtime = evaluator.runtime();
  if (name == "catch_kwargs") return Found(stmt_.reads_kwargs);
  if (name == "catch_varargs") return Found(stmt_.reads_varargs);
  if (name == "caller") return Found(stmt_.reads_caller);
  if (name == "name") {
    TRY(Value text, runtime.string(stmt_.text));
    return Found(std::move(text));
  }
  if (name != "arguments") return Found();
  std::vector<Value> names;
  for (const Parameter& parameter : stmt_.parameters) {
    TRY(Value text, runtime.string(parameter.text));
    names.push_back(std::move(text));
  }
  TRY(Value tuple, runtime.sequence(std::move(names), SequenceKind::kTuple));
  return Found(std::move(tuple));
}

namespace {

// Named arguments without a parameter: for `kwargs` or `caller`; otherwise an error.
class Leftover {
 public:
  explicit Leftover(const Arguments& arguments) : named_(arguments.named) {}

  const Value* take(std::string_view name) {
    const auto at = std::ranges::find_if(named_, [&](const auto& entry) { return entry.first == name; });
    if (at == named_.end()) return nullptr;
    taken_.push_back(std::move(*at));
    named_.erase(at);
    return &taken_.back().second;
  }
  const auto& rest() const { return named_; }

 private:
  std::vector<std::pair<std::string, Value>> named_;
  std::deque<std::pair<std::string, Value>> taken_;
};

}  // namespace

Result<Value> Evaluator::call_macro(const MacroObject& macro, const Arguments& arguments) {
  const Stmt& stmt = macro.stmt();
  const ScopePtr scope = make_scope(macro.scope());
  Leftover named(arguments);
  for (size_t i = 0; i < stmt.parameters.size(); ++i) {
    const Parameter& parameter = stmt.parameters[i];
    if (i < arguments.positional.size()) {
      if (named.take(parameter.text) != nullptr) {
        return fail("macro '{}' got two values for the argument '{}'", stmt.text, parameter.text);
      }
      scope->set(parameter.name, arguments.positional[i]);
    } else if (const Value* given = named.take(parameter.text)) {
      scope->set(parameter.name, *given);
    } else if (parameter.default_value != nullptr) {
      TRY(Value value, eval(*parameter.default_value, scope));
      scope->set(parameter.name, std::move(value));
    } else {
      scope->set(parameter.name, Value::undefined(fmt::format("parameter '{}' was not provided", parameter.text)));
    }
  }
  const bool has_caller_parameter =
      std::ranges::find(stmt.parameters, std::string_view("caller"), &Parameter::text) != stmt.parameters.end();
  if (stmt.reads_caller && !has_caller_parameter) {
    const Value* caller = named.take("caller");
    const auto id = template_.names.find("caller");
    if (id != template_.names.end() && (caller != nullptr || stmt.text != "caller")) {
      scope->set(id->second, caller != nullptr ? *caller : Value::undefined("No caller defined"));
    }
  }
  if (stmt.reads_kwargs) {
    std::vector<std::pair<Value, Value>> entries;
    for (const auto& [name, value] : named.rest()) {
      TRY(Value key, runtime_.string(name));
      entries.emplace_back(std::move(key), value);
    }
    TRY(Value kwargs, runtime_.dict(std::move(entries)));
    scope->set(template_.names.at("kwargs"), std::move(kwargs));
  } else if (!named.rest().empty()) {
    return fail("macro '{}' takes no keyword argument '{}'", stmt.text, named.rest()[0].first);
  }
  const size_t num_parameters = std::min(stmt.parameters.size(), arguments.positional.size());
  if (stmt.reads_varargs) {
    TRY(Value varargs, runtime_.sequence({arguments.positional.begin() + static_cast<std::ptrdiff_t>(num_parameters),
                                          arguments.positional.end()},
                                         SequenceKind::kTuple));
    scope->set(template_.names.at("varargs"), std::move(varargs));
  } else if (arguments.positional.size() > num_parameters) {
    return fail("macro '{}' takes not more than {} argument(s)", stmt.text, stmt.parameters.size());
  }
  TRY(std::string text, capture(stmt.body, scope));
  return runtime_.string(std::move(text));
}

}  // namespace braid::jinja
