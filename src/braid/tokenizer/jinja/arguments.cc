// Binds a call's arguments to the parameters of a builtin, and finds filters by name.
#include <algorithm>

#include "braid/tokenizer/jinja/builtins.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

Result<std::vector<const Value*>> bind(std::string_view function, const Arguments& arguments,
                                       std::initializer_list<std::string_view> names, size_t num_required) {
  std::vector<const Value*> bound(names.size(), nullptr);
  if (arguments.positional.size() > names.size()) {
    return fail("{}() takes at most {} argument(s), got {}", function, names.size(), arguments.positional.size());
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) bound[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto at = static_cast<size_t>(std::ranges::find(names, name) - names.begin());
    if (at == names.size()) return fail("{}() got an unexpected keyword argument '{}'", function, name);
    if (bound[at] != nullptr) return fail("{}() got two values for the argument '{}'", function, name);
    bound[at] = &value;
  }
  for (size_t i = 0; i < num_required; ++i) {
    if (bound[i] == nullptr) return fail("{}() misses the argument '{}'", function, *(names.begin() + i));
  }
  return bound;
}

Result<Int> want_int(std::string_view what, const Value& value) {
  if (value.is_undefined()) return Error{value.undefined_message()};
  if (!value.is_integral()) return fail("{} must be an integer, not {}", what, value.type_name());
  return value.as_int();
}

Result<std::string_view> want_text(std::string_view what, const Value& value) {
  if (value.is_undefined()) return Error{value.undefined_message()};
  if (!value.is_string()) return fail("{} must be a string, not {}", what, value.type_name());
  return std::string_view(value.text());
}

Result<Value> dotted_attribute(Evaluator& evaluator, Value value, const Value& path, const Value* default_value) {
  const auto step = [&](const Value& key) -> Status {
    TRY(value, evaluator.item(value, key));
    if (default_value != nullptr && !default_value->is_none() && value.is_undefined()) value = *default_value;
    return {};
  };
  if (path.is_none()) return value;
  if (!path.is_string()) {
    TRY_STATUS(step(path));
    return value;
  }
  for (const auto part : split_by(path.text(), ".", -1)) {
    const bool is_number =
        !part.empty() && part.size() <= 18 && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
    TRY_STATUS(
        step(is_number ? Value(static_cast<Int>(std::stoll(std::string(part)))) : Value::constant(std::string(part))));
  }
  return value;
}

Builtin find_filter(std::string_view name) {
  for (const auto find : {find_text_filter, find_number_filter, find_sequence_filter, find_choice_filter}) {
    if (const Builtin filter = find(name)) return filter;
  }
  return nullptr;
}

}  // namespace braid::jinja
