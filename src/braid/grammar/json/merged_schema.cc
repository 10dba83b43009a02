#include "braid/grammar/json/merged_schema.h"

#include <algorithm>

#include "braid/grammar/json/schema_validator.h"

namespace braid::grammar {
namespace {

template <typename T>
void lower(std::optional<T>& bound, const std::optional<T>& other) {
  if (other) bound = std::min(bound.value_or(*other), *other);
}

void merge_conditions(const SchemaAtom& atom, MergedSchema& out) {
  if (atom.numbers.min) tighten_min(out.numbers, *atom.numbers.min);
  if (atom.numbers.max) tighten_max(out.numbers, *atom.numbers.max);
  for (const Decimal& multiple : atom.numbers.multiples_of) out.numbers.multiples_of.push_back(multiple);
  out.strings.min_length = std::max(out.strings.min_length, atom.min_length);
  lower(out.strings.max_length, atom.max_length);
  const auto add_new = [](std::vector<std::string>& list, const std::vector<std::string>& more) {
    for (const std::string& text : more) {
      if (std::ranges::find(list, text) == list.end()) list.push_back(text);
    }
  };
  add_new(out.strings.patterns, atom.patterns);
  add_new(out.strings.formats, atom.formats);
  out.min_items = std::max(out.min_items, atom.min_items);
  lower(out.max_items, atom.max_items);
  out.unique_items = out.unique_items || atom.unique_items;
  out.min_properties = std::max(out.min_properties, atom.min_properties);
  lower(out.max_properties, atom.max_properties);
}

// If an atom lists values: the listed values that satisfy every atom.
Result<std::optional<std::vector<const Json*>>> merge_values(SchemaDocument& document, const AtomList& atoms) {
  const auto lists = std::ranges::find_if(atoms, [](const SchemaAtom* atom) { return atom->values.has_value(); });
  if (lists == atoms.end()) return std::optional<std::vector<const Json*>>();
  std::vector<const Json*> values;
  for (const Json* value : *(*lists)->values) {
    bool is_value_valid = true;
    for (const SchemaAtom* atom : atoms) {
      TRY(const bool is_so, is_valid(document, *atom, *value, false));
      is_value_valid = is_value_valid && is_so;
    }
    if (is_value_valid) values.push_back(value);
  }
  return std::optional(std::move(values));
}

Error cannot_negate(const SchemaAtom& atom) {
  return fail(
      "schema {}: \"not\" is supported with \"type\", with \"enum\" or \"const\" of strings, null and booleans, or "
      "with \"required\" of one property, each alone",
      atom.path);
}

// Excludes what the schema under "not" allows.
Status subtract(const SchemaAtom& owner, const SchemaAtom& negated, WorkBudget& work, MergedSchema& out) {
  const bool combines = negated.reference || !negated.all_of.empty() || !negated.any_of.empty() ||
                        !negated.one_of.empty() || negated.negated != nullptr;
  if (combines) return cannot_negate(owner);
  if (negated.spoken_of == 0 && negated.types && !negated.values) {
    const bool splits_numbers = (*negated.types & kNumber) == kInteger && (out.types & kFraction) != 0;
    if (splits_numbers) return cannot_negate(owner);
    out.types &= static_cast<TypeSet>(~*negated.types);
    return {};
  }
  if (negated.spoken_of == 0 && negated.values && !negated.types) {
    std::vector<std::string> texts;
    for (const Json* value : *negated.values) {
      if (value->is_string()) {
        texts.push_back(value->get<std::string>());
      } else if (value->is_null()) {
        out.types &= static_cast<TypeSet>(~kNull);
      } else if ((out.types & type_of(*value)) != 0) {
        return cannot_negate(owner);
      }
    }
    if (texts.empty() || (out.types & kString) == 0) return {};
    TRY(const Dfa excluded, one_of(texts, work));
    TRY(Dfa others, complement(*excluded, work));
    out.strings.conditions.push_back(std::move(others));
    return {};
  }
  const bool is_one_property = negated.spoken_of == kObject && negated.required.size() == 1 &&
                               negated.source->size() == (negated.types ? 2U : 1U);
  if (!is_one_property || (out.types & ~kObject) != 0) return cannot_negate(owner);
  out.forbidden_properties.push_back(negated.required.front());
  return {};
}

}  // namespace

Result<MergedSchema> merge(SchemaDocument& document, const AtomList& atoms) {
  MergedSchema out{.atoms = atoms, .path = atoms.empty() ? "#" : atoms.front()->path};
  TypeSet spoken_of = 0;
  bool has_types = false;
  for (const SchemaAtom* atom : atoms) {
    merge_conditions(*atom, out);
    spoken_of |= atom->spoken_of;
    if (!atom->types) continue;
    has_types = true;
    out.types &= *atom->types;
  }
  TRY(out.values, merge_values(document, atoms));
  if (out.values) return out;  // already checked against every "not"
  if (!has_types && spoken_of != 0) out.types = spoken_of;
  out.numbers.is_integer = (out.types & kFraction) == 0;
  for (const SchemaAtom* atom : atoms) {
    if (atom->negated == nullptr) continue;
    if (atom->negated->is_boolean()) {
      if (atom->negated->get<bool>()) out.types = 0;
      continue;
    }
    TRY(const SchemaAtom* negated, document.atom(atom->negated));
    TRY_STATUS(subtract(*atom, *negated, document.automata().work(), out));
  }
  return out;
}

}  // namespace braid::grammar
