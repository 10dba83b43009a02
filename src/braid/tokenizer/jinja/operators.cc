// Truth, comparison, iteration, indexing.
#include "braid/tokenizer/jinja/operators.h"

#include <algorithm>
#include <cmath>

#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

bool is_true(const Value& value) {
  if (value.is_undefined() || value.is_none()) return false;
  if (value.is_float()) return value.as_double() != 0;
  if (value.is_number()) return value.as_int() != 0;
  if (value.is_string()) return !value.text().empty();
  if (value.is_dict()) return !value.as_dict().entries.empty();
  if (value.is_sequence(SequenceKind::kGenerator)) return true;
  if (value.is_sequence()) return !value.as_sequence().items.empty();
  return true;
}

namespace {

bool same_kind(const Sequence& a, const Sequence& b) {
  return a.kind == b.kind && a.kind != SequenceKind::kGenerator && a.kind != SequenceKind::kDictValues;
}

Result<bool> equal_dicts(Runtime& runtime, const Dict& a, const Dict& b) {
  if (a.entries.size() != b.entries.size()) return false;
  for (const auto& [key, value] : a.entries) {
    const Value* other = b.find(key);
    if (other == nullptr) return false;
    TRY(const bool same, equal(runtime, value, *other));
    if (!same) return false;
  }
  return true;
}

Error cannot_compare(const Value& a, const Value& b) {
  return fail("'<' is not supported between '{}' and '{}'", a.type_name(), b.type_name());
}

}  // namespace

Result<bool> equal(Runtime& runtime, const Value& a, const Value& b) {
  TRY_STATUS(runtime.charge(1));
  if (a.is_number() && b.is_number()) {
    if (a.is_float() && std::isnan(a.as_double())) return false;
    return key_order(a, b) == 0;
  }
  if (a.is_string() && b.is_string()) {
    if (a.text().size() != b.text().size()) return false;
    TRY_STATUS(runtime.charge_bytes(a.text().size()));
    return a.text() == b.text();
  }
  if (a.is_undefined() || b.is_undefined()) return a.is_undefined() && b.is_undefined();
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (a.is_dict() && b.is_dict()) return equal_dicts(runtime, a.as_dict(), b.as_dict());
  if (a.is_object() && b.is_object()) return a.as_object() == b.as_object();
  if (!a.is_sequence() || !b.is_sequence()) return false;
  const Sequence& x = a.as_sequence();
  const Sequence& y = b.as_sequence();
  if (&x == &y) return true;
  if (!same_kind(x, y) || x.items.size() != y.items.size()) return false;
  for (size_t i = 0; i < x.items.size(); ++i) {
    TRY(const bool same, equal(runtime, x.items[i], y.items[i]));
    if (!same) return false;
  }
  return true;
}

Result<bool> less(Runtime& runtime, const Value& a, const Value& b) {
  TRY_STATUS(runtime.charge(1));
  if (a.is_undefined() || b.is_undefined()) return Error{(a.is_undefined() ? a : b).undefined_message()};
  if (a.is_number() && b.is_number()) {
    if ((a.is_float() && std::isnan(a.as_double())) || (b.is_float() && std::isnan(b.as_double()))) return false;
    return key_order(a, b) < 0;
  }
  if (a.is_string() && b.is_string()) {
    TRY_STATUS(runtime.charge_bytes(std::min(a.text().size(), b.text().size())));
    return a.text() < b.text();  // UTF-8 sorts in the order of code points
  }
  const bool are_ordered = (a.is_sequence(SequenceKind::kList) && b.is_sequence(SequenceKind::kList)) ||
                           (a.is_sequence(SequenceKind::kTuple) && b.is_sequence(SequenceKind::kTuple));
  if (!are_ordered) return cannot_compare(a, b);
  const auto& x = a.as_sequence().items;
  const auto& y = b.as_sequence().items;
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    TRY(const bool same, equal(runtime, x[i], y[i]));
    if (!same) return less(runtime, x[i], y[i]);
  }
  return x.size() < y.size();
}

Result<bool> compare(Runtime& runtime, std::string_view op, const Value& a, const Value& b) {
  const bool is_negated = op == "!=" || op == "not in";
  if (op == "==" || op == "!=") {
    TRY(const bool same, equal(runtime, a, b));
    return same != is_negated;
  }
  if (op == "in" || op == "not in") {
    TRY(const bool has, contains(runtime, b, a));
    return has != is_negated;
  }
  if (op == "<") return less(runtime, a, b);
  if (op == ">") return less(runtime, b, a);
  TRY(const bool is_less, op == "<=" ? less(runtime, a, b) : less(runtime, b, a));
  if (is_less) return true;
  return equal(runtime, a, b);
}

Result<bool> contains(Runtime& runtime, const Value& container, const Value& item) {
  TRY_STATUS(runtime.charge(1));
  if (container.is_string()) {
    if (item.is_undefined()) return Error{item.undefined_message()};
    if (!item.is_string()) return fail("'in <string>' requires string as left operand, not {}", item.type_name());
    TRY_STATUS(runtime.charge_bytes(container.text().size()));
    return find_text(container.text(), item.text()) != std::string_view::npos;
  }
  if (container.is_dict() || container.is_sequence(SequenceKind::kDictKeys)) {
    if (!is_hashable(item)) return fail("unhashable type: '{}'", item.type_name());
    if (container.is_dict()) return container.as_dict().find(item) != nullptr;
  }
  if (!is_iterable(container)) return fail("argument of type '{}' is not iterable", container.type_name());
  TRY(const auto items, iterate(runtime, container));
  for (const Value& candidate : items) {
    if (candidate.is_same(item)) return true;
    TRY(const bool same, equal(runtime, candidate, item));
    if (same) return true;
  }
  return false;
}

bool is_iterable(const Value& value) {
  return value.is_undefined() || value.is_string() || value.is_sequence() || value.is_dict();
}

Result<std::vector<Value>> iterate(Runtime& runtime, const Value& value) {
  std::vector<Value> items;
  if (value.is_undefined()) return items;
  if (value.is_string()) {
    const std::string& text = value.text();
    items.reserve(static_cast<size_t>(value.as_string().num_chars));
    TRY_STATUS(runtime.charge(value.as_string().num_chars));
    for (size_t at = 0; at < text.size();) {
      const size_t start = at;
      next_char(text, at);
      TRY(Value c, runtime.string(text.substr(start, at - start)));
      items.push_back(std::move(c));
    }
    return items;
  }
  if (value.is_dict()) {
    const auto& entries = value.as_dict().entries;
    TRY_STATUS(runtime.charge(static_cast<int64_t>(entries.size())));
    for (const auto& [key, unused] : entries) items.push_back(key);
    return items;
  }
  if (!value.is_sequence()) return fail("'{}' object is not iterable", value.type_name());
  const Sequence& sequence = value.as_sequence();
  if (sequence.kind == SequenceKind::kGenerator) {
    const size_t from = std::exchange(sequence.next_item, sequence.items.size());
    if (sequence.failure) return *sequence.failure;
    items.assign(sequence.items.begin() + static_cast<std::ptrdiff_t>(from), sequence.items.end());
    TRY_STATUS(runtime.charge(static_cast<int64_t>(items.size())));
    return items;
  }
  TRY_STATUS(runtime.charge(static_cast<int64_t>(sequence.items.size())));
  return sequence.items;
}

std::optional<int64_t> length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (value.is_string()) return value.as_string().num_chars;
  if (value.is_dict()) return static_cast<int64_t>(value.as_dict().entries.size());
  if (value.is_sequence() && !value.is_sequence(SequenceKind::kGenerator)) {
    return static_cast<int64_t>(value.as_sequence().items.size());
  }
  return std::nullopt;
}

namespace {

bool is_indexable(const Value& value) {
  if (value.is_string()) return true;
  if (!value.is_sequence()) return false;
  const auto kind = value.as_sequence().kind;
  return kind == SequenceKind::kList || kind == SequenceKind::kTuple || kind == SequenceKind::kRange;
}

Value no_element(const Value& value, const std::string& what) {
  return Value::undefined(fmt::format("{} object has no element {}", value.type_name(), what));
}

}  // namespace

Result<Value> item_at(Runtime& runtime, const Value& value, const Value& index) {
  if (!is_indexable(value) || !index.is_integral()) {
    TRY(const std::string what, to_repr(runtime, index));
    return no_element(value, what);
  }
  const Int size = *length(value);
  const Int at = index.as_int() < 0 ? index.as_int() + size : index.as_int();
  if (at < 0 || at >= size) return no_element(value, int_text(index.as_int()));
  if (value.is_sequence()) return value.as_sequence().items[static_cast<size_t>(at)];
  const std::string& text = value.text();
  TRY_STATUS(runtime.charge_bytes(text.size()));
  const size_t start =
      value.as_string().is_ascii() ? static_cast<size_t>(at) : offset_of_char(text, static_cast<int64_t>(at));
  size_t end = start;
  next_char(text, end);
  return runtime.string(text.substr(start, end - start));
}

Result<Value> slice(Runtime& runtime, const Value& value, const Value& start, const Value& stop, const Value& step) {
  if (value.is_undefined()) return Error{value.undefined_message()};
  const auto is_bound = [](const Value& v) { return v.is_none() || v.is_integral(); };
  if (!is_indexable(value)) return fail("a value of type '{}' has no slices", value.type_name());
  if (!is_bound(start) || !is_bound(stop) || !is_bound(step)) return fail("slice indices must be integers or none");
  const Int size = *length(value);
  const Int stride = step.is_none() ? 1 : step.as_int();
  if (stride == 0) return fail("slice step cannot be zero");
  const Int lowest = stride > 0 ? 0 : -1;
  const Int highest = stride > 0 ? size : size - 1;
  const auto bound = [&](const Value& v, Int otherwise) {
    if (v.is_none()) return otherwise;
    const Int at = v.as_int() < 0 ? v.as_int() + size : v.as_int();
    return std::clamp(at, lowest, highest);
  };
  const Int from = bound(start, stride > 0 ? lowest : highest);
  const Int to = bound(stop, stride > 0 ? highest : lowest);

  if (value.is_string()) {
    const std::string& text = value.text();
    TRY_STATUS(runtime.charge_bytes(text.size()));
    if (stride == 1) {
      if (from >= to) return runtime.string("");
      const size_t first = offset_of_char(text, static_cast<int64_t>(from));
      const size_t bytes = offset_of_char(std::string_view(text).substr(first), static_cast<int64_t>(to - from));
      return runtime.string(text.substr(first, bytes));
    }
    const auto chars = to_chars32(text);
    std::string out;
    for (Int i = from; stride > 0 ? i < to : i > to; i += std::clamp(stride, -size - 1, size + 1)) {
      append_char(out, chars[static_cast<size_t>(i)]);
    }
    return runtime.string(std::move(out));
  }
  const Sequence& sequence = value.as_sequence();
  std::vector<Value> items;
  for (Int i = from; stride > 0 ? i < to : i > to; i += std::clamp(stride, -size - 1, size + 1)) {
    items.push_back(sequence.items[static_cast<size_t>(i)]);
  }
  if (sequence.kind == SequenceKind::kRange) {
    const Int first = sequence.range_start + from * sequence.range_step;
    return runtime.range(first, sequence.range_start + to * sequence.range_step, sequence.range_step * stride);
  }
  return runtime.sequence(std::move(items), sequence.kind);
}

}  // namespace braid::jinja
