// The functions, filters, tests and methods that templates may use, by name. Each is a small function of a value and
// its arguments. Tested by choice_filters_test.cc, number_filters_test.cc, sequence_filters_test.cc,
// text_filters_test.cc, container_methods_test.cc, string_methods_test.cc, globals_test.cc, is_predicates_test.cc and
// arguments_test.cc.
#pragma once

#include <initializer_list>
#include <string_view>
#include <vector>

#include "braid/tokenizer/jinja/evaluator.h"
#include "braid/tokenizer/jinja/operators.h"

namespace braid::jinja {

using Builtin = Result<Value> (*)(Evaluator&, const Value& input, const Arguments&);
using Test = Result<bool> (*)(Evaluator&, const Value& input, const Arguments&);

struct NamedBuiltin {
  std::string_view name;
  Builtin function;
};

// Null if there is none of that name.
Builtin find_filter(std::string_view name);
Test find_test(std::string_view name);
Builtin find_method(const Value& value, std::string_view name);
// Undefined if there is none.
Value find_global(std::string_view name);

// By subject; find_filter searches all of them.
Builtin find_text_filter(std::string_view name);
Builtin find_number_filter(std::string_view name);
Builtin find_sequence_filter(std::string_view name);
Builtin find_choice_filter(std::string_view name);  // select, reject, map, sort, unique, …
Builtin find_string_method(std::string_view name);
Builtin find_dict_method(std::string_view name);

// The arguments in the order of `names`; null if absent. Too many, unknown or repeated arguments, or fewer than
// `num_required`, are an error that names the function.
Result<std::vector<const Value*>> bind(std::string_view function, const Arguments& arguments,
                                       std::initializer_list<std::string_view> names, size_t num_required = 0);
Result<Int> want_int(std::string_view what, const Value& value);
Result<std::string_view> want_text(std::string_view what, const Value& value);

// The attribute "a.b.0" of a value, as in `map(attribute=…)` and similar filters.
Result<Value> dotted_attribute(Evaluator& evaluator, Value value, const Value& path,
                               const Value* default_value = nullptr);

// "{} {name}".format (string_format.cc).
Result<Value> format_braces(Evaluator& evaluator, const Value& input, const Arguments& arguments);

// A named function, or a method bound to its value.
class BuiltinObject : public Object {
 public:
  BuiltinObject(std::string_view name, Builtin function, Value self, bool is_method)
      : name_(name), function_(function), self_(std::move(self)), is_method_(is_method) {}
  std::string type_name() const override { return is_method_ ? "builtin_function_or_method" : "function"; }
  std::string repr() const override { return "<built-in function " + std::string(name_) + ">"; }
  bool is_callable() const override { return true; }
  int32_t depth() const override { return self_.depth() + (is_method_ ? 1 : 0); }
  Result<Value> call(Evaluator& evaluator, const Arguments& arguments) override {
    return function_(evaluator, self_, arguments);
  }

 private:
  std::string_view name_;
  Builtin function_;
  Value self_;
  bool is_method_;
};

// namespace(…): the only value that a template can change.
class NamespaceObject : public Object {
 public:
  std::string type_name() const override { return "Namespace"; }
  std::string repr() const override { return "<Namespace>"; }
  Result<std::optional<Value>> attribute(Evaluator& evaluator, std::string_view name) override;
  Status set(Runtime& runtime, const std::string& name, Value value);
  void clear() { attributes_.clear(); }

 private:
  std::vector<std::pair<std::string, Value>> attributes_;
};

}  // namespace braid::jinja
