// Python's operators on the values of a template. Python's TypeError is an Error here. The tests are beside the files
// that define them: operators.cc, arithmetic.cc, text_of.cc, json_text.cc, printf_format.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "braid/tokenizer/jinja/runtime.h"
#include "braid/tokenizer/jinja/value.h"

namespace braid::jinja {

bool is_true(const Value& value);
Result<bool> equal(Runtime& runtime, const Value& a, const Value& b);
Result<bool> less(Runtime& runtime, const Value& a, const Value& b);
// == != < <= > >= in, not in
Result<bool> compare(Runtime& runtime, std::string_view op, const Value& a, const Value& b);
Result<bool> contains(Runtime& runtime, const Value& container, const Value& item);
// + - * / // % **
Result<Value> binary(Runtime& runtime, std::string_view op, const Value& a, const Value& b);
Result<Value> negative(const Value& value);
// `format % arguments` (printf_format.cc).
Result<Value> format_percent(Runtime& runtime, const Value& format, const Value& arguments);

// The items that a loop over the value sees. Exhausts a generator. An undefined value has no items.
Result<std::vector<Value>> iterate(Runtime& runtime, const Value& value);
bool is_iterable(const Value& value);
// nullopt if the value has no length.
std::optional<int64_t> length(const Value& value);

// value[index] of a sequence or a string: undefined where Python raises IndexError, KeyError or TypeError.
// value[start:stop:step] (none means absent): an error where Python raises one.
Result<Value> item_at(Runtime& runtime, const Value& value, const Value& index);
Result<Value> slice(Runtime& runtime, const Value& value, const Value& start, const Value& stop, const Value& step);

// str() and repr() (text_of.cc).
Result<std::string> to_text(Runtime& runtime, const Value& value);
Result<std::string> to_repr(Runtime& runtime, const Value& value);
std::string int_text(Int value);

struct JsonStyle {
  bool ensure_ascii = false;
  std::optional<std::string> indent;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};
// json.dumps (json_text.cc).
Result<std::string> to_json(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace braid::jinja
