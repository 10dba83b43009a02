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
  out.forbidden_properties.insert(out.forbidden_properties.end(), atom.forbidden.begin(), atom.forbidden.end());
}

// If an atom lists values: the listed values that satisfy every atom.
Result<std::optional<std::vector<const Json*>>> merge_values(SchemaDocument& document, const AtomList& atoms) {
  const SchemaAtom* listing = fewest_values(atoms);
  if (listing == nullptr) return std::optional<std::vector<const Json*>>();
  std::vector<const Json*> values;
  for (const Json* value : *listing->values) {
    bool is_value_valid = true;
    for (auto atom = atoms.begin(); atom != atoms.end() && is_value_valid; ++atom) {
      TRY(is_value_valid, is_valid(document, **atom, *value, false));
    }
    if (is_value_valid) values.push_back(value);
  }
  return std::optional(std::move(values));
}

// Takes out what the atoms exclude.
Status exclude(const AtomList& atoms, Automata& automata, MergedSchema& out) {
  std::vector<std::string> texts;
  bool allows[] = {true, true};
  for (const SchemaAtom* atom : atoms) {
    for (const Json* value : atom->excluded_values) {
      if (value->is_string()) texts.push_back(value->get<std::string>());
      if (value->is_null()) out.types &= static_cast<TypeSet>(~kNull);
      if (value->is_boolean()) allows[value->get<bool>() ? 1 : 0] = false;
    }
    for (const std::string& pattern : atom->excluded_patterns) {
      if ((out.types & kString) == 0) continue;
      auto matching = automata.strings({.max_length = {}, .patterns = {pattern}, .formats = {}, .conditions = {}});
      if (!matching.ok()) return fail("schema {}: {}", atom->path, matching.error().message);
      TRY(Dfa others, complement(**matching, automata.work()));
      out.strings.conditions.push_back(std::move(others));
    }
  }
  if (!allows[0] && !allows[1]) out.types &= static_cast<TypeSet>(~kBoolean);
  if (allows[0] != allows[1]) out.only_boolean = allows[1];
  if (texts.empty() || (out.types & kString) == 0) return {};
  std::ranges::sort(texts);
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  TRY(const Dfa excluded, one_of(texts, automata.work()));
  TRY(Dfa others, complement(*excluded, automata.work()));
  out.strings.conditions.push_back(std::move(others));
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
    has_types = has_types || !atom->is_condition;
    out.types &= *atom->types;
  }
  TRY(out.values, merge_values(document, atoms));
  if (out.values) return out;  // already checked against every condition
  if (!has_types && spoken_of != 0) out.types &= spoken_of;
  out.numbers.is_integer = (out.types & kFraction) == 0;
  out.numbers.is_fraction = (out.types & kInteger) == 0;
  TRY_STATUS(exclude(atoms, document.automata(), out));
  return out;
}

}  // namespace braid::grammar
