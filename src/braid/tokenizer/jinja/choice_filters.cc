// Filters that look at each item: map, select, reject, sort, unique, groupby, min, max, dictsort.
#include <algorithm>
#include <array>
#include <set>
#include <span>

#include "braid/tokenizer/jinja/builtins.h"
#include "braid/tokenizer/jinja/text.h"

namespace braid::jinja {

namespace {

Result<Value> without_case(Runtime& runtime, Value value, bool is_case_sensitive) {
  if (is_case_sensitive || !value.is_string()) return value;
  return runtime.string(to_lower(value.text()));
}

bool is_set(const Value* value) {
  return value != nullptr && is_true(*value);
}

Status fill_map(Evaluator& evaluator, const Value& input, const Arguments& arguments, std::vector<Value>& mapped) {
  if (!is_true(input)) return {};
  const bool has_attribute = arguments.positional.empty() && !arguments.named.empty();
  TRY(const auto items, iterate(evaluator.runtime(), input));
  if (has_attribute) {
    TRY(const auto bound, bind("map", arguments, {"attribute", "default"}, 1));
    for (const Value& item : items) {
      TRY(Value value, dotted_attribute(evaluator, item, *bound[0], bound[1]));
      mapped.push_back(std::move(value));
    }
    return {};
  }
  if (arguments.positional.empty()) return fail("map requires a filter argument");
  TRY(const auto name, want_text("map's filter", arguments.positional[0]));
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin());
  for (const Value& item : items) {
    TRY(Value value, evaluator.apply_filter(name, item, rest));
    mapped.push_back(std::move(value));
  }
  return {};
}

Result<Value> map_filter(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  std::vector<Value> mapped;
  const Status status = fill_map(evaluator, input, arguments, mapped);
  return evaluator.runtime().generator(std::move(mapped), status);
}

Status fill_chosen(Evaluator& evaluator, const Value& input, const Arguments& arguments, bool by_attribute, bool wanted,
                   std::vector<Value>& chosen) {
  if (!is_true(input)) return {};
  const size_t test_at = by_attribute ? 1 : 0;
  if (arguments.positional.size() < test_at) return fail("Missing parameter for attribute name");
  const bool has_test = arguments.positional.size() > test_at;
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(test_at + (has_test ? 1 : 0)));
  std::string_view name;
  if (has_test) {
    TRY(name, want_text("the test's name", arguments.positional[test_at]));
  }
  TRY(const auto items, iterate(evaluator.runtime(), input));
  for (const Value& item : items) {
    Value tested = item;
    if (by_attribute) {
      TRY(tested, dotted_attribute(evaluator, item, arguments.positional[0]));
    }
    bool holds = is_true(tested);
    if (has_test) {
      TRY(holds, evaluator.apply_test(name, tested, rest));
    }
    if (holds == wanted) chosen.push_back(item);
  }
  return {};
}

Result<Value> choose(Evaluator& evaluator, const Value& input, const Arguments& arguments, bool by_attribute,
                     bool wanted) {
  std::vector<Value> chosen;
  const Status status = fill_chosen(evaluator, input, arguments, by_attribute, wanted, chosen);
  return evaluator.runtime().generator(std::move(chosen), status);
}

Result<Value> select(Evaluator& e, const Value& v, const Arguments& a) {
  return choose(e, v, a, false, true);
}
Result<Value> reject(Evaluator& e, const Value& v, const Arguments& a) {
  return choose(e, v, a, false, false);
}
Result<Value> selectattr(Evaluator& e, const Value& v, const Arguments& a) {
  return choose(e, v, a, true, true);
}
Result<Value> rejectattr(Evaluator& e, const Value& v, const Arguments& a) {
  return choose(e, v, a, true, false);
}

using Keyed = std::pair<Value, Value>;  // the sort key and the item

// A stable sort. A failed comparison is the sort's error.
Status sort_by_key(Runtime& runtime, std::vector<Keyed>& items, bool is_reversed) {
  Status status;
  if (is_reversed) std::ranges::reverse(items);  // so that equal items keep their order
  std::ranges::stable_sort(items, [&](const Keyed& a, const Keyed& b) {
    if (!status.ok()) return false;
    auto is_less = less(runtime, a.first, b.first);
    if (is_less.ok()) return *is_less;
    status = is_less.error();
    return false;
  });
  if (is_reversed) std::ranges::reverse(items);
  return status;
}

Result<Value> sort(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("sort", arguments, {"reverse", "case_sensitive", "attribute"}));
  Runtime& runtime = evaluator.runtime();
  TRY(const auto items, iterate(runtime, input));
  std::vector<Value> paths;
  if (bound[2] != nullptr && bound[2]->is_string()) {
    for (const auto path : split_by(bound[2]->text(), ",", -1)) paths.push_back(Value::constant(std::string(path)));
  } else {
    paths.push_back(bound[2] != nullptr ? *bound[2] : Value(None{}));
  }
  std::vector<Keyed> keyed;
  for (const Value& item : items) {
    std::vector<Value> keys;
    for (const Value& path : paths) {
      TRY(Value key, dotted_attribute(evaluator, item, path));
      TRY(key, without_case(runtime, std::move(key), is_set(bound[1])));
      keys.push_back(std::move(key));
    }
    TRY(Value key, runtime.sequence(std::move(keys)));
    keyed.emplace_back(std::move(key), item);
  }
  TRY_STATUS(sort_by_key(runtime, keyed, is_set(bound[0])));
  std::vector<Value> sorted;
  for (auto& [key, item] : keyed) sorted.push_back(std::move(item));
  return runtime.sequence(std::move(sorted));
}

Result<Value> dictsort(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("dictsort", arguments, {"case_sensitive", "by", "reverse"}));
  Runtime& runtime = evaluator.runtime();
  std::string_view by = "key";
  if (bound[1] != nullptr) {
    TRY(by, want_text("dictsort's by", *bound[1]));
  }
  if (by != "key" && by != "value") return fail("You can only sort by either \"key\" or \"value\"");
  if (input.is_undefined()) return Error{input.undefined_message()};
  if (!input.is_dict()) return fail("'{}' object has no attribute 'items'", input.type_name());
  std::vector<Keyed> keyed;
  for (const auto& [key, value] : input.as_dict().entries) {
    TRY(Value pair, runtime.sequence({key, value}, SequenceKind::kTuple));
    TRY(Value sort_key, without_case(runtime, by == "key" ? key : value, is_set(bound[0])));
    keyed.emplace_back(std::move(sort_key), std::move(pair));
  }
  TRY_STATUS(sort_by_key(runtime, keyed, is_set(bound[2])));
  std::vector<Value> sorted;
  for (auto& [key, pair] : keyed) sorted.push_back(std::move(pair));
  return runtime.sequence(std::move(sorted));
}

Status fill_unique(Evaluator& evaluator, const Value& input, std::span<const Value* const> bound,
                   std::vector<Value>& kept) {
  Runtime& runtime = evaluator.runtime();
  TRY(const auto items, iterate(runtime, input));
  const auto before = [](const Value& a, const Value& b) { return key_order(a, b) < 0; };
  std::set<Value, decltype(before)> seen(before);
  for (const Value& item : items) {
    TRY(Value key, dotted_attribute(evaluator, item, bound[1] != nullptr ? *bound[1] : Value(None{})));
    TRY(key, without_case(runtime, std::move(key), is_set(bound[0])));
    if (!is_hashable(key)) return fail("unhashable type: '{}'", key.type_name());
    if (key.is_string()) TRY_STATUS(runtime.charge_bytes(key.text().size() * 16));
    if (seen.insert(std::move(key)).second) kept.push_back(item);
  }
  return {};
}

Result<Value> unique(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("unique", arguments, {"case_sensitive", "attribute"}));
  std::vector<Value> kept;
  const Status status = fill_unique(evaluator, input, bound, kept);
  return evaluator.runtime().generator(std::move(kept), status);
}

Result<Value> extreme(Evaluator& evaluator, const Value& input, const Arguments& arguments, bool wants_largest) {
  TRY(const auto bound, bind(wants_largest ? "max" : "min", arguments, {"case_sensitive", "attribute"}));
  Runtime& runtime = evaluator.runtime();
  TRY(const auto items, iterate(runtime, input));
  if (items.empty()) return Value::undefined("No aggregated item, sequence was empty.");
  const Value* best = nullptr;
  Value best_key;
  for (const Value& item : items) {
    TRY(Value key, dotted_attribute(evaluator, item, bound[1] != nullptr ? *bound[1] : Value(None{})));
    TRY(key, without_case(runtime, std::move(key), is_set(bound[0])));
    bool is_better = best == nullptr;
    if (!is_better) {
      TRY(is_better, wants_largest ? less(runtime, best_key, key) : less(runtime, key, best_key));
    }
    if (!is_better) continue;
    best = &item;
    best_key = std::move(key);
  }
  return *best;
}

Result<Value> min_filter(Evaluator& e, const Value& v, const Arguments& a) {
  return extreme(e, v, a, false);
}
Result<Value> max_filter(Evaluator& e, const Value& v, const Arguments& a) {
  return extreme(e, v, a, true);
}

Result<Value> groupby(Evaluator& evaluator, const Value& input, const Arguments& arguments) {
  TRY(const auto bound, bind("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1));
  Runtime& runtime = evaluator.runtime();
  TRY(const auto items, iterate(runtime, input));
  std::vector<Keyed> keyed;
  for (const Value& item : items) {
    TRY(Value key, dotted_attribute(evaluator, item, *bound[0], bound[1]));
    TRY(key, without_case(runtime, std::move(key), is_set(bound[2])));
    keyed.emplace_back(std::move(key), item);
  }
  TRY_STATUS(sort_by_key(runtime, keyed, false));
  std::vector<Value> groups;
  for (size_t i = 0; i < keyed.size();) {
    std::vector<Value> members;
    size_t end = i;
    for (bool same = true; same && end < keyed.size();) {
      members.push_back(keyed[end++].second);
      if (end < keyed.size()) {
        TRY(same, equal(runtime, keyed[end].first, keyed[i].first));
      }
    }
    TRY(Value grouper, dotted_attribute(evaluator, members[0], *bound[0], bound[1]));
    TRY(Value list, runtime.sequence(std::move(members)));
    TRY(Value group, runtime.sequence({std::move(grouper), std::move(list)}, SequenceKind::kTuple));
    const_cast<Sequence&>(group.as_sequence()).is_group = true;  // not shared yet
    groups.push_back(std::move(group));
    i = end;
  }
  return runtime.sequence(std::move(groups));
}

constexpr std::array<NamedBuiltin, 11> kChoiceFilters = {{
    {"map", map_filter},
    {"select", select},
    {"reject", reject},
    {"selectattr", selectattr},
    {"rejectattr", rejectattr},
    {"sort", sort},
    {"dictsort", dictsort},
    {"unique", unique},
    {"min", min_filter},
    {"max", max_filter},
    {"groupby", groupby},
}};

}  // namespace

Builtin find_choice_filter(std::string_view name) {
  const auto* at = std::ranges::find(kChoiceFilters, name, &NamedBuiltin::name);
  return at != kChoiceFilters.end() ? at->function : nullptr;
}

}  // namespace braid::jinja
