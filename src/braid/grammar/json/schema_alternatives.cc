#include "braid/grammar/json/schema_alternatives.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "braid/grammar/json/schema_complement.h"
#include "braid/grammar/json/schema_validator.h"
#include "braid/grammar/json/string_schema.h"

namespace braid::grammar {
namespace {

constexpr size_t kMaxAlternatives = 1024;  // combinations of branches
constexpr size_t kMaxAtoms = 4096;         // schemas that one place must satisfy at once
constexpr int kMaxDisjointDepth = 4;       // how deep into objects to search for a difference

// An open choice: one of the branches. Or, with has_conditions, what the owner's conditions demand, not yet expanded.
using Branches = const std::vector<Schema>*;
struct Group {
  const SchemaAtom* owner = nullptr;
  Branches branches = nullptr;
  bool has_conditions = false;
  std::vector<Branches> inside;  // the groups in whose branches it was found
};

struct Flat {
  AtomList atoms;
  std::vector<Group> groups;
  bool is_unsatisfiable = false;
};

// Follows references and allOf of schemas that must all hold.
class Flattener {
 public:
  explicit Flattener(SchemaDocument& document) : document_(document) {}

  Status add(Schema schema) {
    if (schema->is_boolean()) {
      flat_.is_unsatisfiable = flat_.is_unsatisfiable || !schema->get<bool>();
      return {};
    }
    if (done_.contains(schema)) return {};
    TRY_STATUS(document_.count_look());
    TRY(const SchemaAtom* atom, document_.atom(schema));
    if (!under_way_.insert(schema).second) {
      return fail("schema {} refers to itself without end: no value stands between", atom->path);
    }
    if (done_.size() > kMaxAtoms)
      return fail("schema {}: more than {} schemas must hold at once", atom->path, kMaxAtoms);
    if (atom->reference) {
      auto target = document_.resolve(*atom->reference, atom->source);
      if (!target.ok()) return fail("schema {}: {}", atom->path, target.error().message);
      TRY_STATUS(add(*target));
    }
    for (const Schema part : atom->all_of) TRY_STATUS(add(part));
    flat_.atoms.push_back(atom);
    if (!atom->any_of.empty()) flat_.groups.push_back({atom, &atom->any_of, false, {}});
    if (!atom->one_of.empty()) flat_.groups.push_back({atom, &atom->one_of, false, {}});
    if (atom->has_conditions()) flat_.groups.push_back({atom, &atom->all_of, true, {}});
    under_way_.erase(schema);
    done_.insert(schema);
    return {};
  }

  Flat take() { return std::move(flat_); }

 private:
  SchemaDocument& document_;
  Flat flat_;
  std::unordered_set<Schema> under_way_;
  std::unordered_set<Schema> done_;
};

Result<Flat> flatten(SchemaDocument& document, const std::vector<Schema>& schemas) {
  Flattener flattener(document);
  for (const Schema schema : schemas) TRY_STATUS(flattener.add(schema));
  return flattener.take();
}

// The lists contain each atom once.
void append(AtomList& list, const AtomList& more) {
  const std::unordered_set<const SchemaAtom*> known(list.begin(), list.end());
  for (const SchemaAtom* atom : more) {
    if (!known.contains(atom)) list.push_back(atom);
  }
}

TypeSet types_of(const AtomList& atoms) {
  TypeSet types = kAnyType;
  for (const SchemaAtom* atom : atoms) {
    if (atom->types) types &= *atom->types;
    if (atom->values) types &= atom->types_of_values;
  }
  return types;
}

// A group inside one of its own branches would expand without end.
Status place_inside(std::vector<Group>& groups, const std::vector<Branches>& inside) {
  for (Group& group : groups) {
    if (std::ranges::find(inside, group.branches) != inside.end()) {
      return fail("schema {} refers to itself without end: no value stands between", group.owner->path);
    }
    group.inside = inside;
  }
  return {};
}

std::vector<Branches> inside_of(const Group& group) {
  std::vector<Branches> inside = group.inside;
  inside.push_back(group.branches);
  return inside;
}

// Without `checks_one_of`, oneOf counts as anyOf and conditions are left out, which is enough to decide that two sets
// are disjoint.
// Finds cases that no value satisfies, early: the cases of many conditions on one property exclude each other.
class Contradictions {
 public:
  explicit Contradictions(SchemaDocument& document) : document_(document) {}

  // True if a property that the atoms require cannot be there, judged by the properties that the last of them,
  // `added`, speak of.
  Result<bool> are_in(const AtomList& atoms, const AtomList& added) {
    std::unordered_set<std::string_view> names;
    for (const SchemaAtom* atom : added) {
      for (const auto& [name, unused] : atom->properties) names.insert(name);
      names.insert(atom->required.begin(), atom->required.end());
      names.insert(atom->forbidden.begin(), atom->forbidden.end());
    }
    if (names.empty()) return false;
    std::unordered_set<std::string_view> required;
    TypeSet types = kAnyType;
    TypeSet spoken_of = 0;
    bool has_types = false;
    for (const SchemaAtom* atom : atoms) {
      if (atom->types) types &= *atom->types;
      has_types = has_types || (atom->types && !atom->is_condition);
      spoken_of |= atom->spoken_of;
      for (const std::string_view name : atom->required) {
        if (names.contains(name)) required.insert(name);
      }
    }
    if (!has_types && spoken_of != 0) types &= spoken_of;  // as merge() does
    if (types != kObject) return false;                    // a value of another type has no properties
    for (const std::string_view name : required) {
      TRY(const bool is_impossible, is_absent(atoms, name));
      if (is_impossible) return true;
    }
    return false;
  }

 private:
  // True if the property certainly has no value.
  Result<bool> is_absent(const AtomList& atoms, std::string_view name) {
    TRY_STATUS(document_.looks().spend(1 + atoms.size() / 4));
    std::vector<Schema> schemas;
    for (const SchemaAtom* atom : atoms) {
      if (std::ranges::find(atom->forbidden, name) != atom->forbidden.end()) return true;
      if (const auto found = atom->property_index.find(name); found != atom->property_index.end()) {
        schemas.push_back(found->second);
      }
    }
    if (schemas.size() < 2) return false;
    const SchemaSet all = schema_set(std::move(schemas));
    const auto [known, is_new] = known_.emplace(lookup_key(all), false);
    if (!is_new) return known->second;
    bool& result = known->second;
    TRY(const Flat flat, flatten(document_, all));
    result = flat.is_unsatisfiable || types_of(flat.atoms) == 0;
    const SchemaAtom* listing = fewest_values(flat.atoms);
    if (result || listing == nullptr) return result;
    for (const Json* value : *listing->values) {
      bool is_value_valid = true;
      for (auto atom = flat.atoms.begin(); atom != flat.atoms.end() && is_value_valid; ++atom) {
        TRY(is_value_valid, is_valid(document_, **atom, *value, false));
      }
      if (is_value_valid) return false;
    }
    result = true;
    return true;
  }

  SchemaDocument& document_;
  std::map<SchemaSetKey, bool> known_;
};

Result<std::vector<AtomList>> find_alternatives(SchemaDocument& document, const SchemaSet& schemas, bool checks_one_of,
                                                const std::vector<Branches>& inside = {});

class Alternatives {
 public:
  Alternatives(SchemaDocument& document, bool checks_one_of) : document_(document), checks_one_of_(checks_one_of) {}

  Status expand(AtomList atoms, std::vector<Group> groups) {
    if (types_of(atoms) == 0) return {};  // no value has two types
    const std::optional<Group> group = take_next(groups, atoms);
    if (!group) {
      if (found_.size() >= kMaxAlternatives) {
        return fail("schema {}: anyOf, oneOf and conditions combine to more than {} cases",
                    atoms.empty() ? "#" : atoms.front()->path, kMaxAlternatives);
      }
      found_.push_back(std::move(atoms));
      return {};
    }
    if (group->has_conditions) {
      TRY(std::vector<Schema> conditions, conditions_of(document_, *group->owner));
      return expand_branch(*group, std::move(conditions), atoms, groups);
    }
    std::vector<std::vector<size_t>> overlaps(group->branches->size());
    const bool is_one_of = group->branches == &group->owner->one_of;
    if (is_one_of && checks_one_of_) {
      TRY(overlaps, overlaps_of(*group, atoms));
    }
    for (size_t i = 0; i < overlaps.size(); ++i) {
      std::vector<Schema> parts = {(*group->branches)[i]};
      for (const size_t other : overlaps[i]) {
        auto others = complement_of(document_, (*group->branches)[other]);
        if (!others.ok()) return overlap_error(*group, i, other, others.error());
        parts.push_back(*others);
      }
      TRY_STATUS(expand_branch(*group, std::move(parts), atoms, groups));
    }
    return {};
  }

  std::vector<AtomList> take() { return std::move(found_); }

 private:
  // The last group is next, and conditions come last: by then most of them are decided. Nothing if none is left.
  std::optional<Group> take_next(std::vector<Group>& groups, const AtomList& atoms) const {
    // Listed values are checked against whole atoms, with their conditions.
    const bool has_values = std::ranges::any_of(atoms, [](const SchemaAtom* atom) { return atom->values.has_value(); });
    while (!groups.empty()) {
      const auto choices =
          std::ranges::find_if(groups.rbegin(), groups.rend(), std::logical_not(), &Group::has_conditions);
      const auto next = choices == groups.rend() ? groups.end() - 1 : choices.base() - 1;
      Group group = std::move(*next);
      groups.erase(next);
      if (!group.has_conditions || (checks_one_of_ && !has_values)) return group;
    }
    return std::nullopt;
  }

  // Continues with the atoms and `parts`, which must hold too.
  Status expand_branch(const Group& group, std::vector<Schema> parts, const AtomList& atoms,
                       const std::vector<Group>& groups) {
    if (++num_steps_ > 8 * kMaxAlternatives) {
      return fail("schema {}: anyOf, oneOf and conditions combine to too many cases", group.owner->path);
    }
    TRY(Flat flat, flatten(document_, parts));
    if (flat.is_unsatisfiable) return {};
    TRY_STATUS(place_inside(flat.groups, inside_of(group)));
    const std::unordered_set<const SchemaAtom*> known(atoms.begin(), atoms.end());
    std::erase_if(flat.groups, [&](const Group& one) { return known.contains(one.owner); });
    std::erase_if(flat.atoms, [&](const SchemaAtom* atom) { return known.contains(atom); });
    AtomList joined = atoms;
    joined.insert(joined.end(), flat.atoms.begin(), flat.atoms.end());
    TRY(const bool is_impossible, contradictions_.are_in(joined, flat.atoms));
    if (is_impossible) return {};
    std::vector<Group> open = groups;
    open.insert(open.end(), flat.groups.begin(), flat.groups.end());
    return expand(std::move(joined), std::move(open));
  }

  // For each branch, the others that may hold with it. If there are none, oneOf equals anyOf.
  Result<std::vector<std::vector<size_t>>> overlaps_of(const Group& group, const AtomList& beside) {
    const auto& branches = *group.branches;
    constexpr size_t kMaxBranches = 200;
    if (branches.size() > kMaxBranches) {
      return fail("schema {}: \"oneOf\" has {} branches, at most {}", group.owner->path, branches.size(), kMaxBranches);
    }
    std::vector<std::vector<AtomList>> cases;
    for (const Schema branch : branches) {
      TRY(std::vector<AtomList> of_branch, find_alternatives(document_, {branch}, false, inside_of(group)));
      for (AtomList& atoms : of_branch) append(atoms, beside);
      cases.push_back(std::move(of_branch));
    }
    std::vector<std::vector<size_t>> overlaps(branches.size());
    for (size_t i = 0; i < cases.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        TRY(const bool is_disjoint, all_are_disjoint(cases[i], cases[j]));
        if (is_disjoint) continue;
        overlaps[i].push_back(j);
        overlaps[j].push_back(i);
      }
    }
    return overlaps;
  }

  Result<bool> all_are_disjoint(const std::vector<AtomList>& some, const std::vector<AtomList>& others) {
    for (const AtomList& a : some) {
      for (const AtomList& b : others) {
        TRY(const bool is_disjoint, are_disjoint(document_, a, b));
        if (!is_disjoint) return false;
      }
    }
    return true;
  }

  static Error overlap_error(const Group& group, size_t i, size_t j, const Error& reason) {
    return fail(
        "schema {}: \"oneOf\": a value may satisfy both branch {} and branch {}; make them exclude each other (by "
        "type, "
        "or by a required property with different constants), or use anyOf ({})",
        group.owner->path, std::min(i, j), std::max(i, j), reason.message);
  }

  SchemaDocument& document_;
  const bool checks_one_of_;
  Contradictions contradictions_{document_};
  std::vector<AtomList> found_;
  size_t num_steps_ = 0;
};

Result<std::vector<AtomList>> find_alternatives(SchemaDocument& document, const SchemaSet& schemas, bool checks_one_of,
                                                const std::vector<Branches>& inside) {
  TRY(Flat flat, flatten(document, schemas));
  if (flat.is_unsatisfiable) return std::vector<AtomList>();
  TRY_STATUS(place_inside(flat.groups, inside));
  Alternatives alternatives(document, checks_one_of);
  TRY_STATUS(alternatives.expand(std::move(flat.atoms), std::move(flat.groups)));
  return alternatives.take();
}

// True if no value listed by `named` satisfies `other`.
Result<bool> values_are_disjoint(SchemaDocument& document, const AtomList& named, const AtomList& other) {
  for (const SchemaAtom* atom : named) {
    if (!atom->values) continue;
    bool any_valid = false;
    for (const Json* value : *atom->values) {
      bool is_value_valid = true;
      for (const SchemaAtom* judge : other) {
        TRY(const bool is_so, is_valid(document, *judge, *value, false));
        is_value_valid = is_value_valid && is_so;
      }
      any_valid = any_valid || is_value_valid;
    }
    if (!any_valid) return true;
  }
  return false;
}

bool numbers_are_disjoint(const AtomList& a, const AtomList& b) {
  NumberRange range;
  for (const AtomList* list : {&a, &b}) {
    for (const SchemaAtom* atom : *list) {
      if (atom->numbers.min) tighten_min(range, *atom->numbers.min);
      if (atom->numbers.max) tighten_max(range, *atom->numbers.max);
    }
  }
  if (!range.min || !range.max) return false;
  const auto order = compare(range.min->value, range.max->value);
  return order > 0 || (order == 0 && (range.min->is_exclusive || range.max->is_exclusive));
}

Result<bool> strings_are_disjoint(SchemaDocument& document, const AtomList& a, const AtomList& b) {
  StringSchema both;
  for (const AtomList* list : {&a, &b}) {
    for (const SchemaAtom* atom : *list) {
      both.min_length = std::max(both.min_length, atom->min_length);
      if (atom->max_length) both.max_length = std::min(both.max_length.value_or(UINT32_MAX), *atom->max_length);
      both.patterns.insert(both.patterns.end(), atom->patterns.begin(), atom->patterns.end());
      both.formats.insert(both.formats.end(), atom->formats.begin(), atom->formats.end());
    }
  }
  const auto overlap = document.automata().have_text(both);
  if (!overlap.ok() && document.automata().work().is_spent()) return overlap.error();
  return overlap.ok() && !*overlap;  // if unknown, then not certain
}

// True if one of them requires a property for which their schemas are disjoint.
Result<bool> objects_are_disjoint(SchemaDocument& document, const AtomList& a, const AtomList& b, int depth) {
  std::vector<std::string_view> required;
  for (const AtomList* list : {&a, &b}) {
    for (const SchemaAtom* atom : *list) required.insert(required.end(), atom->required.begin(), atom->required.end());
  }
  for (const AtomList* list : {&a, &b}) {
    for (const SchemaAtom* atom : *list) {
      const auto is_required = [&](std::string_view name) {
        return std::ranges::find(required, name) != required.end();
      };
      if (std::ranges::any_of(atom->forbidden, is_required)) return true;
    }
  }
  for (const std::string_view name : required) {
    const auto wanted_by = [&](const AtomList& list) {
      std::vector<Schema> schemas;
      for (const SchemaAtom* atom : list) {
        const auto found = atom->property_index.find(name);
        if (found != atom->property_index.end()) {
          schemas.push_back(found->second);
        } else if (atom->additional_properties != nullptr && atom->pattern_properties.empty()) {
          schemas.push_back(atom->additional_properties);
        }
      }
      return schemas;
    };
    TRY(const std::vector<AtomList> of_a, find_alternatives(document, schema_set(wanted_by(a)), false));
    TRY(const std::vector<AtomList> of_b, find_alternatives(document, schema_set(wanted_by(b)), false));
    bool is_disjoint = true;
    for (const AtomList& x : of_a) {
      for (const AtomList& y : of_b) {
        if (!is_disjoint) break;
        TRY(is_disjoint, are_disjoint(document, x, y, depth + 1));
      }
    }
    if (is_disjoint) return true;
  }
  return false;
}

bool arrays_are_disjoint(const AtomList& a, const AtomList& b) {
  uint32_t min = 0;
  uint32_t max = UINT32_MAX;
  for (const AtomList* list : {&a, &b}) {
    for (const SchemaAtom* atom : *list) {
      min = std::max(min, atom->min_items);
      max = std::min(max, atom->max_items.value_or(UINT32_MAX));
    }
  }
  return min > max;
}

}  // namespace

const SchemaAtom* fewest_values(const AtomList& atoms) {
  const SchemaAtom* fewest = nullptr;
  for (const SchemaAtom* atom : atoms) {
    const bool is_fewer = atom->values && (fewest == nullptr || atom->values->size() < fewest->values->size());
    if (is_fewer) fewest = atom;
  }
  return fewest;
}

SchemaSet schema_set(std::vector<Schema> schemas) {
  if (schemas.size() < 2) return schemas;
  SchemaSet set;
  std::unordered_set<Schema> seen;
  for (const Schema schema : schemas) {
    if (seen.insert(schema).second) set.push_back(schema);
  }
  return set;
}

SchemaSetKey lookup_key(const SchemaSet& schemas) {
  SchemaSetKey key = {.sorted = schemas};
  std::ranges::sort(key.sorted);
  return key;
}

Result<std::vector<AtomList>> alternatives_of(SchemaDocument& document, const SchemaSet& schemas) {
  return find_alternatives(document, schemas, true);
}

Result<bool> are_disjoint(SchemaDocument& document, const AtomList& a, const AtomList& b, int depth) {
  TRY_STATUS(document.count_look());
  const TypeSet common = types_of(a) & types_of(b);
  if (common == 0) return true;
  TRY(const bool by_values_of_a, values_are_disjoint(document, a, b));
  if (by_values_of_a) return true;
  TRY(const bool by_values_of_b, values_are_disjoint(document, b, a));
  if (by_values_of_b) return true;
  // Otherwise they must be disjoint for each type that both allow.
  if ((common & (kNull | kBoolean)) != 0) return false;
  if ((common & kNumber) != 0 && !numbers_are_disjoint(a, b)) return false;
  if ((common & kArray) != 0 && !arrays_are_disjoint(a, b)) return false;
  if ((common & kString) != 0) {
    TRY(const bool is_disjoint, strings_are_disjoint(document, a, b));
    if (!is_disjoint) return false;
  }
  if ((common & kObject) == 0) return true;
  return depth >= kMaxDisjointDepth ? false : objects_are_disjoint(document, a, b, depth);
}

}  // namespace braid::grammar
