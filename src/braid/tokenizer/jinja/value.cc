// The types of values, and the order of dict keys.
#include "braid/tokenizer/jinja/value.h"

#include <algorithm>
#include <cmath>

#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

int compare_numbers(const Value& a, const Value& b) {
  if (!a.is_float() && !b.is_float()) return a.as_int() < b.as_int() ? -1 : (a.as_int() > b.as_int() ? 1 : 0);
  // Exact for 64 bits. NaN sorts after every number, so the order is total.
  const auto wide = [](const Value& v) {
    return v.is_float() ? static_cast<long double>(v.as_double()) : static_cast<long double>(v.as_int());
  };
  const long double x = wide(a);
  const long double y = wide(b);
  if (std::isnan(x) || std::isnan(y)) return int{std::isnan(x)} - int{std::isnan(y)};
  return x < y ? -1 : (x > y ? 1 : 0);
}

// Equal only to itself, whatever its items are.
bool is_itself_alone(SequenceKind kind) {
  return kind == SequenceKind::kGenerator || kind == SequenceKind::kDictValues;
}

int rank(const Value& value) {
  if (value.is_number()) return 0;
  return static_cast<int>(value.state().index()) + 1;
}

}  // namespace

Result<Value> Object::call(Evaluator&, const Arguments&) {
  return fail("'{}' object is not callable", type_name());
}

Result<std::optional<Value>> Object::attribute(Evaluator&, std::string_view) {
  return std::optional<Value>{};
}

Value Value::undefined(std::string hint) {
  Value value;
  value.state_ = Undefined{std::make_shared<const std::string>(std::move(hint))};
  return value;
}

Value Value::constant(std::string text) {
  auto string = std::make_shared<String>();
  string->num_chars = count_chars(text);
  string->text = std::move(text);
  return Value(StringPtr(std::move(string)));
}

std::string Value::type_name() const {
  if (is_undefined()) return "Undefined";
  if (is_none()) return "NoneType";
  if (is_bool()) return "bool";
  if (is_int()) return "int";
  if (is_float()) return "float";
  if (is_string()) return as_string().is_markup ? "Markup" : "str";
  if (is_dict()) return "dict";
  if (is_object()) return as_object()->type_name();
  switch (as_sequence().kind) {
    case SequenceKind::kList:
      return "list";
    case SequenceKind::kTuple:
      return "tuple";
    case SequenceKind::kRange:
      return "range";
    case SequenceKind::kDictKeys:
      return "dict_keys";
    case SequenceKind::kDictValues:
      return "dict_values";
    case SequenceKind::kDictItems:
      return "dict_items";
    case SequenceKind::kGenerator:
      break;
  }
  return "generator";
}

std::string Value::undefined_message() const {
  const auto& hint = std::get<Undefined>(state_).hint;
  return hint ? *hint : "value is undefined";
}

int32_t Value::depth() const {
  if (is_sequence()) return as_sequence().depth;
  if (is_dict()) return as_dict().depth;
  if (is_object()) return as_object()->depth();
  return 0;
}

bool Value::is_same(const Value& other) const {
  if (state_.index() != other.state_.index()) return false;
  if (is_none()) return true;
  if (is_undefined()) return std::get<Undefined>(state_).hint == std::get<Undefined>(other.state_).hint;
  if (is_bool()) return as_bool() == other.as_bool();
  if (is_int()) return as_int() == other.as_int() && as_int() >= -5 && as_int() <= 256;  // CPython shares these
  if (is_float()) return false;
  if (is_string()) {
    return std::get<StringPtr>(state_) == std::get<StringPtr>(other.state_) ||
           (text().size() <= 1 && text() == other.text());
  }
  if (is_sequence()) return std::get<SequencePtr>(state_) == std::get<SequencePtr>(other.state_);
  if (is_dict()) return std::get<DictPtr>(state_) == std::get<DictPtr>(other.state_);
  return as_object() == other.as_object();
}

int key_order(const Value& a, const Value& b) {
  if (const int by_rank = rank(a) - rank(b); by_rank != 0) return by_rank;
  if (a.is_number()) return compare_numbers(a, b);
  if (a.is_string()) return a.text().compare(b.text());
  if (a.is_sequence()) {
    const Sequence& first = a.as_sequence();
    const Sequence& second = b.as_sequence();
    if (first.kind != second.kind) return first.kind < second.kind ? -1 : 1;
    if (is_itself_alone(first.kind)) return &first == &second ? 0 : (std::less<>()(&first, &second) ? -1 : 1);
    const auto& x = first.items;
    const auto& y = second.items;
    for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
      if (const int order = key_order(x[i], y[i]); order != 0) return order;
    }
    return x.size() < y.size() ? -1 : (x.size() > y.size() ? 1 : 0);
  }
  if (a.is_object()) {
    if (a.as_object() == b.as_object()) return 0;
    return std::less<>()(a.as_object().get(), b.as_object().get()) ? -1 : 1;
  }
  return 0;
}

bool is_hashable(const Value& value) {
  if (value.is_dict()) return false;
  if (!value.is_sequence()) return true;
  const Sequence& sequence = value.as_sequence();
  if (sequence.kind == SequenceKind::kTuple) return std::ranges::all_of(sequence.items, is_hashable);
  return sequence.kind == SequenceKind::kRange || is_itself_alone(sequence.kind);
}

const Value* Dict::find(const Value& key) const {
  if (order.empty()) {
    for (const auto& [k, v] : entries) {
      if (key_order(k, key) == 0) return &v;
    }
    return nullptr;
  }
  const auto at = std::ranges::lower_bound(
      order, key, [](const Value& a, const Value& b) { return key_order(a, b) < 0; },
      [&](uint32_t i) -> const Value& { return entries[i].first; });
  if (at == order.end() || key_order(entries[*at].first, key) != 0) return nullptr;
  return &entries[*at].second;
}

const Value* Dict::find(std::string_view key) const {
  if (entries.size() > kFew) return find(Value::constant(std::string(key)));
  for (const auto& [k, v] : entries) {
    if (k.is_string() && k.text() == key) return &v;
  }
  return nullptr;
}

}  // namespace braid::jinja
