// The methods of dict, list and tuple that do not change them.
#include <algorithm>
#include <array>

#include "braid/tokenizer/jinja/builtins.h"

namespace braid::jinja {

namespace {

Result<Value> get(Evaluator&, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("get", arguments, {"key", "default"}, 1));
  if (!arguments.named.empty()) return fail("get() takes no keyword arguments");
  if (!is_hashable(*bound[0])) return fail("unhashable type: '{}'", bound[0]->type_name());
  if (const Value* found = self.as_dict().find(*bound[0])) return *found;
  return bound[1] != nullptr ? *bound[1] : Value(None{});
}

template <SequenceKind kind>
Result<Value> view(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY([[maybe_unused]] const auto bound, bind("the method", arguments, {}));
  std::vector<Value> items;
  items.reserve(self.as_dict().entries.size());
  for (const auto& [key, value] : self.as_dict().entries) {
    if (kind == SequenceKind::kDictItems) {
      TRY(Value pair, evaluator.runtime().sequence({key, value}, SequenceKind::kTuple));
      items.push_back(std::move(pair));
    } else {
      items.push_back(kind == SequenceKind::kDictKeys ? key : value);
    }
  }
  return evaluator.runtime().sequence(std::move(items), kind);
}

Result<Value> copy(Evaluator&, const Value& self, const Arguments&) {
  return self;
}

Result<Value> count_items(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("count", arguments, {"value"}, 1));
  int64_t found = 0;
  for (const Value& item : self.as_sequence().items) {
    TRY(const bool same, equal(evaluator.runtime(), item, *bound[0]));
    found += same ? 1 : 0;
  }
  return Value(found);
}

Result<Value> index(Evaluator& evaluator, const Value& self, const Arguments& arguments) {
  TRY(const auto bound, bind("index", arguments, {"value", "start", "stop"}, 1));
  const auto& items = self.as_sequence().items;
  const auto size = static_cast<Int>(items.size());
  const auto bounded = [&](const Value* given, Int otherwise) -> Result<Int> {
    if (given == nullptr) return otherwise;
    TRY(const Int at, want_int("an index", *given));
    return std::clamp<Int>(at < 0 ? at + size : at, 0, size);
  };
  TRY(const Int from, bounded(bound[1], 0));
  TRY(const Int to, bounded(bound[2], size));
  for (Int at = from; at < to; ++at) {
    TRY(const bool same, equal(evaluator.runtime(), items[static_cast<size_t>(at)], *bound[0]));
    if (same) return Value(at);
  }
  return fail("the value is not in the list");
}

constexpr std::array<NamedBuiltin, 5> kDictMethods = {{
    {"get", get},
    {"items", view<SequenceKind::kDictItems>},
    {"keys", view<SequenceKind::kDictKeys>},
    {"values", view<SequenceKind::kDictValues>},
    {"copy", copy},
}};

}  // namespace

Builtin find_dict_method(std::string_view name) {
  const auto* at = std::ranges::find(kDictMethods, name, &NamedBuiltin::name);
  return at != kDictMethods.end() ? at->function : nullptr;
}

Builtin find_method(const Value& value, std::string_view name) {
  if (value.is_string()) return find_string_method(name);
  if (value.is_dict()) return find_dict_method(name);
  const bool is_list = value.is_sequence(SequenceKind::kList);
  if (!is_list && !value.is_sequence(SequenceKind::kTuple) && !value.is_sequence(SequenceKind::kRange)) return nullptr;
  if (name == "count") return count_items;
  if (name == "index") return index;
  return is_list && name == "copy" ? copy : nullptr;
}

}  // namespace braid::jinja
