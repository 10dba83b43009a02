// Jinja's tests: the predicates that may follow `is`.
#include <algorithm>
#include <array>

#include "braid/tokenizer/jinja/builtins.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

Result<Int> remainder(Evaluator& evaluator, const Value& input, const Value& divisor, bool& is_zero) {
  TRY(const Value rest, binary(evaluator.runtime(), "%", input, divisor));
  is_zero = rest.is_number() && rest.as_double() == 0;
  return Int{rest.is_number() && rest.as_double() == 1 ? 1 : 0};
}

Result<bool> odd(Evaluator& evaluator, const Value& input, const Arguments&) {
  bool is_zero = false;
  TRY(const Int rest, remainder(evaluator, input, Value(2), is_zero));
  return rest == 1;
}

Result<bool> even(Evaluator& evaluator, const Value& input, const Arguments&) {
  bool is_zero = false;
  TRY([[maybe_unused]] const Int rest, remainder(evaluator, input, Value(2), is_zero));
  return is_zero;
}

Result<bool> divisible_by(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("divisibleby", arguments, {"num"}, 1));
  bool is_zero = false;
  TRY([[maybe_unused]] const Int rest, remainder(evaluator, input, *bound[0], is_zero));
  return is_zero;
}

Result<bool> defined(Evaluator&, const Value& v, const Arguments&) {
  return !v.is_undefined();
}
Result<bool> undefined(Evaluator&, const Value& v, const Arguments&) {
  return v.is_undefined();
}
Result<bool> none(Evaluator&, const Value& v, const Arguments&) {
  return v.is_none();
}
Result<bool> boolean(Evaluator&, const Value& v, const Arguments&) {
  return v.is_bool();
}
Result<bool> is_true_test(Evaluator&, const Value& v, const Arguments&) {
  return v.is_bool() && v.as_bool();
}
Result<bool> is_false_test(Evaluator&, const Value& v, const Arguments&) {
  return v.is_bool() && !v.as_bool();
}
Result<bool> integer(Evaluator&, const Value& v, const Arguments&) {
  return v.is_int();
}
Result<bool> float_test(Evaluator&, const Value& v, const Arguments&) {
  return v.is_float();
}
Result<bool> number(Evaluator&, const Value& v, const Arguments&) {
  return v.is_number();
}
Result<bool> string(Evaluator&, const Value& v, const Arguments&) {
  return v.is_string();
}
Result<bool> mapping(Evaluator&, const Value& v, const Arguments&) {
  return v.is_dict();
}
Result<bool> iterable(Evaluator&, const Value& v, const Arguments&) {
  return is_iterable(v);
}
Result<bool> escaped(Evaluator&, const Value& v, const Arguments&) {
  return v.is_string() && v.as_string().is_markup;
}

Result<bool> sequence(Evaluator&, const Value& v, const Arguments&) {
  if (v.is_string() || v.is_dict() || v.is_undefined()) return true;
  return v.is_sequence(SequenceKind::kList) || v.is_sequence(SequenceKind::kTuple) ||
         v.is_sequence(SequenceKind::kRange);
}

Result<bool> callable(Evaluator&, const Value& v, const Arguments&) {
  return v.is_undefined() || (v.is_object() && v.as_object()->is_callable());  // Undefined has __call__
}

template <typename Holds>
Result<bool> all_letters(Evaluator& evaluator, const Value& input, Holds is_other_case) {
  TRY(const std::string text, to_text(evaluator.runtime(), input));
  bool has_cased = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_char(text, at);
    if (is_other_case(c) || is_title(c)) return false;
    has_cased |= is_upper(c) || is_lower(c);
  }
  return has_cased;
}

Result<bool> lower_test(Evaluator& e, const Value& v, const Arguments&) {
  return all_letters(e, v, is_upper);
}
Result<bool> upper_test(Evaluator& e, const Value& v, const Arguments&) {
  return all_letters(e, v, is_lower);
}

Result<bool> same_as(Evaluator&, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("sameas", arguments, {"other"}, 1));
  return input.is_same(*bound[0]);
}

Result<bool> in(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("in", arguments, {"seq"}, 1));
  return contains(evaluator.runtime(), *bound[0], input);
}

template <int kOperator>
Result<bool> compare_test(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  static constexpr std::array<std::string_view, 6> kOperators = {"==", "!=", "<", "<=", ">", ">="};
  TRY(const auto bound, bind("comparison", arguments, {"other"}, 1));
  return compare(evaluator.runtime(), kOperators[kOperator], input, *bound[0]);
}

Result<bool> filter(Evaluator&, const Value& input, const Arguments&) {
  if (!is_hashable(input)) return fail("unhashable type: '{}'", input.type_name());
  return input.is_string() && find_filter(input.text()) != nullptr;
}

Result<bool> test(Evaluator&, const Value& input, const Arguments&) {
  if (!is_hashable(input)) return fail("unhashable type: '{}'", input.type_name());
  return input.is_string() && find_test(input.text()) != nullptr;
}

struct NamedTest {
  std::string_view name;
  Test function;
};

constexpr std::array<NamedTest, 39> kTests = {{
    {"odd", odd},
    {"even", even},
    {"divisibleby", divisible_by},
    {"defined", defined},
    {"undefined", undefined},
    {"filter", filter},
    {"test", test},
    {"none", none},
    {"boolean", boolean},
    {"false", is_false_test},
    {"true", is_true_test},
    {"integer", integer},
    {"float", float_test},
    {"lower", lower_test},
    {"upper", upper_test},
    {"string", string},
    {"mapping", mapping},
    {"number", number},
    {"sequence", sequence},
    {"iterable", iterable},
    {"callable", callable},
    {"sameas", same_as},
    {"escaped", escaped},
    {"in", in},
    {"==", compare_test<0>},
    {"eq", compare_test<0>},
    {"equalto", compare_test<0>},
    {"!=", compare_test<1>},
    {"ne", compare_test<1>},
    {"<", compare_test<2>},
    {"lt", compare_test<2>},
    {"lessthan", compare_test<2>},
    {"<=", compare_test<3>},
    {"le", compare_test<3>},
    {">", compare_test<4>},
    {"gt", compare_test<4>},
    {"greaterthan", compare_test<4>},
    {">=", compare_test<5>},
    {"ge", compare_test<5>},
}};

}  // namespace

Test find_test(std::string_view name) {
  const auto* at = std::ranges::find(kTests, name, &NamedTest::name);
  return at != kTests.end() ? at->function : nullptr;
}

}  // namespace braid::jinja
