#include "braid/grammar/json/schema_alternatives.h"

#include <algorithm>
#include <functional>
#include <unordered_set>

#include "braid/grammar/json/schema_validator.h"
#include "braid/grammar/json/string_schema.h"

namespace braid::grammar {
namespace {

constexpr size_t kMaxAlternatives = 1024;  // combinations of branches
constexpr size_t kMaxAtoms = 4096;         // schemas that one place must satisfy at once
constexpr int kMaxDisjointDepth = 4;       // how deep into objects to search for a difference

// An open choice: one of the branches.
using Branches = const std::vector<Schema>*;
struct Group {
  const SchemaAtom* owner = nullptr;
  Branches branches = nullptr;
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
      auto target = document_.resolve(*atom->reference);
      if (!target.ok()) return fail("schema {}: {}", atom->path, target.error().message);
      TRY_STATUS(add(*target));
    }
    for (const Schema part : atom->all_of) TRY_STATUS(add(part));
    flat_.atoms.push_back(atom);
    if (!atom->any_of.empty()) flat_.groups.push_back({atom, &atom->any_of, {}});
    if (!atom->one_of.empty()) flat_.groups.push_back({atom, &atom->one_of, {}});
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

// Without `checks_one_of`, oneOf counts as anyOf, which is enough to decide that two sets are disjoint.
Result<std::vector<AtomList>> find_alternatives(SchemaDocument& document, const SchemaSet& schemas, bool checks_one_of,
                                                const std::vector<Branches>& inside = {});

class Alternatives {
 public:
  Alternatives(SchemaDocument& document, bool checks_one_of) : document_(document), checks_one_of_(checks_one_of) {}

  Status expand(AtomList atoms, std::vector<Group> groups) {
    if (types_of(atoms) == 0) return {};  // no value has two types
    if (groups.empty()) {
      if (found_.size() >= kMaxAlternatives) {
        return fail("schema {}: anyOf and oneOf combine to more than {} cases",
                    atoms.empty() ? "#" : atoms.front()->path, kMaxAlternatives);
      }
      found_.push_back(std::move(atoms));
      return {};
    }
    const Group group = std::move(groups.back());
    groups.pop_back();
    const bool is_one_of = group.branches == &group.owner->one_of;
    if (is_one_of && checks_one_of_) TRY_STATUS(check_one_of(group, atoms));
    for (const Schema branch : *group.branches) {
      TRY(Flat flat, flatten(document_, {branch}));
      if (flat.is_unsatisfiable) continue;
      AtomList joined = atoms;
      append(joined, flat.atoms);
      std::vector<Group> open = groups;
      TRY_STATUS(place_inside(flat.groups, inside_of(group)));
      open.insert(open.end(), flat.groups.begin(), flat.groups.end());
      if (++num_steps_ > 8 * kMaxAlternatives) {
        return fail("schema {}: anyOf and oneOf combine to too many cases", group.owner->path);
      }
      TRY_STATUS(expand(std::move(joined), std::move(open)));
    }
    return {};
  }

  std::vector<AtomList> take() { return std::move(found_); }

 private:
  // Exactly one branch must hold. If no two branches can hold together, this equals anyOf.
  Status check_one_of(const Group& group, const AtomList& beside) {
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
    for (size_t i = 0; i < cases.size(); ++i) {
      for (size_t j = 0; j < i; ++j) {
        for (const AtomList& a : cases[i]) {
          for (const AtomList& b : cases[j]) {
            TRY(const bool is_disjoint, are_disjoint(document_, a, b));
            if (is_disjoint) continue;
            return fail(
                "schema {}: \"oneOf\": a value may satisfy both branch {} and branch {}; make them exclude each "
                "other (by type, or by a required property with different constants), or use anyOf",
                group.owner->path, j, i);
          }
        }
      }
    }
    return {};
  }

  SchemaDocument& document_;
  const bool checks_one_of_;
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
  if (both.max_length && *both.max_length < both.min_length) return true;
  if (!both.has_condition()) return false;
  const auto dfa = document.automata().strings(both);
  if (!dfa.ok() && document.automata().work().is_spent()) return dfa.error();
  return dfa.ok() && (*dfa)->is_empty();  // if unknown, then not certain
}

// True if one of them requires a property for which their schemas are disjoint.
Result<bool> objects_are_disjoint(SchemaDocument& document, const AtomList& a, const AtomList& b, int depth) {
  std::vector<std::string_view> required;
  for (const AtomList* list : {&a, &b}) {
    for (const SchemaAtom* atom : *list) required.insert(required.end(), atom->required.begin(), atom->required.end());
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

SchemaSet schema_set(std::vector<Schema> schemas) {
  std::ranges::sort(schemas);
  schemas.erase(std::unique(schemas.begin(), schemas.end()), schemas.end());
  return schemas;
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
