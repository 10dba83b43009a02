#include "braid/grammar/json/schema_validator.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <unordered_set>

#include "braid/grammar/json/string_schema.h"
#include "braid/tokenizer/unicode/utf8.h"

namespace braid::grammar {
namespace {

constexpr int kMaxReferenceDepth = 300;  // of nested schemas: a deeper one is an endless reference

bool is_valid_number(const NumberRange& range, const Json& value) {
  const Decimal number = decimal_of(value);
  const auto is_in = [&](const std::optional<NumberBound>& bound, bool is_min) {
    if (!bound) return true;
    const auto order = compare(number, bound->value);
    if (order == 0) return !bound->is_exclusive;
    return is_min ? order > 0 : order < 0;
  };
  if (!is_in(range.min, true) || !is_in(range.max, false)) return false;
  return std::ranges::all_of(range.multiples_of,
                             [&](const Decimal& multiple) { return is_multiple(number, multiple); });
}

Result<bool> is_valid_string(SchemaDocument& document, const SchemaAtom& atom, const std::string& text) {
  TRY_STATUS(document.looks().spend(text.size() / 16));
  uint32_t length = 0;
  for (std::string_view rest = text; !rest.empty(); rest.remove_prefix(unicode::sequence_length(rest.front()))) {
    ++length;
  }
  if (length < atom.min_length || (atom.max_length && length > *atom.max_length)) return false;
  const StringSchema conditions{.max_length = {}, .patterns = atom.patterns, .formats = atom.formats, .conditions = {}};
  if (conditions.has_condition()) {
    TRY(const TextMatcher* matcher, document.automata().matcher(conditions));
    if (!matcher->matches(text)) return false;
  }
  for (const std::string& pattern : atom.excluded_patterns) {
    TRY(const TextMatcher* matcher,
        document.automata().matcher({.max_length = {}, .patterns = {pattern}, .formats = {}, .conditions = {}}));
    if (matcher->matches(text)) return false;
  }
  return true;
}

Result<bool> is_valid_array(SchemaDocument& document, const SchemaAtom& atom, const Json& value, int depth) {
  TRY_STATUS(document.looks().spend(value.size()));
  if (atom.closes_items && !value.empty()) {
    return fail("schema {}: \"unevaluatedItems\" beside listed values is not supported", atom.path);
  }
  if (value.size() < atom.min_items || (atom.max_items && value.size() > *atom.max_items)) return false;
  for (size_t i = 0; i < value.size(); ++i) {
    const Schema schema = i < atom.prefix_items.size() ? atom.prefix_items[i] : atom.items;
    if (schema == nullptr) continue;
    TRY(const bool is_member_valid, is_valid(document, schema, value[i], depth + 1));
    if (!is_member_valid) return false;
  }
  if (atom.contains != nullptr) {
    uint32_t count = 0;
    for (const Json& member : value) {
      TRY(const bool is_member_valid, is_valid(document, atom.contains, member, depth + 1));
      count += is_member_valid ? 1 : 0;
    }
    if (count < atom.min_contains || (atom.max_contains && count > *atom.max_contains)) return false;
  }
  if (!atom.unique_items) return true;
  ValueIndex seen;
  for (const Json& member : value) {
    TRY(const bool is_known, seen.contains(member, document.looks()));
    if (is_known) return false;
    seen.add(member);
  }
  return true;
}

Result<bool> is_valid_object(SchemaDocument& document, const SchemaAtom& atom, const Json& value, int depth) {
  if (atom.closes_properties && !value.empty()) {
    return fail("schema {}: \"unevaluatedProperties\" beside listed values is not supported", atom.path);
  }
  if (value.size() < atom.min_properties || (atom.max_properties && value.size() > *atom.max_properties)) return false;
  const auto& members = value.get_ref<const Json::object_t&>();
  TRY_STATUS(document.looks().spend(members.size() + atom.required.size()));
  if (!atom.required.empty()) {
    std::unordered_set<std::string_view> names;
    for (const auto& [name, member] : members) names.insert(name);
    for (const std::string_view name : atom.required) {
      if (!names.contains(name)) return false;
    }
  }
  if (!atom.forbidden.empty()) {
    const auto is_forbidden = [&](const auto& member) {
      return std::ranges::find(atom.forbidden, member.first) != atom.forbidden.end();
    };
    if (std::ranges::any_of(members, is_forbidden)) return false;
  }
  for (const auto& [name, member] : members) {
    if (atom.property_names != nullptr) {
      TRY(const bool is_name_valid, is_valid(document, atom.property_names, Json(name), depth + 1));
      if (!is_name_valid) return false;
    }
    std::vector<Schema> schemas;
    if (const auto found = atom.property_index.find(name); found != atom.property_index.end()) {
      schemas.push_back(found->second);
    }
    for (const auto& [pattern, schema] : atom.pattern_properties) {
      TRY_STATUS(document.looks().spend(1 + name.size() / 16));
      const StringSchema matching{.max_length = {}, .patterns = {pattern}, .formats = {}, .conditions = {}};
      TRY(const TextMatcher* matcher, document.automata().matcher(matching));
      if (matcher->matches(name)) schemas.push_back(schema);
    }
    if (schemas.empty() && atom.additional_properties != nullptr) schemas.push_back(atom.additional_properties);
    for (const Schema schema : schemas) {
      TRY(const bool is_member_valid, is_valid(document, schema, member, depth + 1));
      if (!is_member_valid) return false;
    }
  }
  return true;
}

Result<bool> is_valid_itself(SchemaDocument& document, const SchemaAtom& atom, const Json& value, int depth) {
  const TypeSet type = type_of(value);
  if (atom.types && (*atom.types & type) == 0) return false;
  if (atom.values) {
    TRY(const bool is_listed, atom.value_index.contains(value, document.looks()));
    if (!is_listed) return false;
  }
  for (const Json* excluded : atom.excluded_values) {
    TRY(const bool is_excluded, equal_values(value, *excluded, document.looks()));
    if (is_excluded) return false;
  }
  if ((type & kNumber) != 0) return is_valid_number(atom.numbers, value);
  if (type == kString) return is_valid_string(document, atom, value.get_ref<const std::string&>());
  if (type == kArray) return is_valid_array(document, atom, value, depth);
  if (type == kObject) return is_valid_object(document, atom, value, depth);
  return true;
}

Result<bool> meets_conditions(SchemaDocument& document, const SchemaAtom& atom, const Json& value, int depth) {
  if (atom.negated != nullptr) {
    TRY(const bool is_negated_valid, is_valid(document, atom.negated, value, depth + 1));
    if (is_negated_valid) return false;
  }
  if (atom.test != nullptr) {
    TRY(const bool is_test_valid, is_valid(document, atom.test, value, depth + 1));
    const Schema then = is_test_valid ? atom.consequence : atom.alternative;
    if (then != nullptr) {
      TRY(const bool is_then_valid, is_valid(document, then, value, depth + 1));
      if (!is_then_valid) return false;
    }
  }
  if (!value.is_object()) return true;
  const auto has = [&](std::string_view name) { return value.find(std::string(name)) != value.end(); };
  for (const auto& [name, names] : atom.dependent_required) {
    TRY_STATUS(document.looks().spend(1 + names.size() * value.size() / 8));
    if (has(name) && !std::ranges::all_of(names, has)) return false;
  }
  for (const auto& [name, schema] : atom.dependent_schemas) {
    if (!has(name)) continue;
    TRY(const bool is_schema_valid, is_valid(document, schema, value, depth + 1));
    if (!is_schema_valid) return false;
  }
  return true;
}

}  // namespace

Result<bool> is_valid(SchemaDocument& document, Schema schema, const Json& value, int depth) {
  if (schema->is_boolean()) return schema->get<bool>();
  TRY(const SchemaAtom* atom, document.atom(schema));
  return is_valid(document, *atom, value, true, depth);
}

Result<bool> is_valid(SchemaDocument& document, const SchemaAtom& atom, const Json& value, bool with_applicators,
                      int depth) {
  TRY_STATUS(document.count_look());
  if (depth > kMaxReferenceDepth) return fail("schema {} refers to itself without end", atom.path);
  TRY(const bool is_so_itself, is_valid_itself(document, atom, value, depth));
  if (!is_so_itself) return false;
  TRY(const bool is_so_conditionally, meets_conditions(document, atom, value, depth));
  if (!is_so_conditionally) return false;
  if (!with_applicators) return true;
  if (atom.reference) {
    TRY(const Schema target, document.resolve(*atom.reference, atom.source));
    TRY(const bool is_target_valid, is_valid(document, target, value, depth + 1));
    if (!is_target_valid) return false;
  }
  const auto count_valid = [&](const std::vector<Schema>& schemas) -> Result<size_t> {
    size_t count = 0;
    for (const Schema schema : schemas) {
      TRY(const bool is_branch_valid, is_valid(document, schema, value, depth + 1));
      count += is_branch_valid ? 1 : 0;
    }
    return count;
  };
  TRY(const size_t num_all, count_valid(atom.all_of));
  TRY(const size_t num_any, count_valid(atom.any_of));
  TRY(const size_t num_one, count_valid(atom.one_of));
  return num_all == atom.all_of.size() && (num_any > 0 || atom.any_of.empty()) && (num_one == 1 || atom.one_of.empty());
}

}  // namespace braid::grammar
