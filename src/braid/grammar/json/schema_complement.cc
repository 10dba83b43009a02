#include "braid/grammar/json/schema_complement.h"

#include <algorithm>
#include <utility>

#include "braid/grammar/source_excerpt.h"

namespace braid::grammar {
namespace {

constexpr size_t kMaxCases = 64;         // in which one schema does not hold
constexpr int kMaxComplementDepth = 32;  // of schemas that each have another's opposite within them

// The same conditions, without what they leave unsaid.
Schema as_condition(SchemaDocument& document, const SchemaAtom& atom) {
  SchemaAtom copy = atom;
  copy.has_properties = false;
  copy.spoken_of = 0;
  return document.add(std::move(copy), atom.path);
}

Result<Schema> as_condition(SchemaDocument& document, Schema schema) {
  if (schema->is_boolean()) return schema;
  TRY(const SchemaAtom* atom, document.atom(schema));
  return as_condition(document, *atom);
}

Schema any_of(SchemaDocument& document, std::vector<Schema> cases, const std::string& path) {
  std::erase(cases, SchemaDocument::nothing());
  if (cases.empty()) return SchemaDocument::nothing();
  if (cases.size() == 1) return cases.front();
  return document.add({.any_of = std::move(cases)}, path);
}

Schema all_of(SchemaDocument& document, std::vector<Schema> parts, const std::string& path) {
  for (const Schema part : parts) {
    if (part->is_boolean() && !part->get<bool>()) return SchemaDocument::nothing();
  }
  std::erase_if(parts, [](Schema part) { return part->is_boolean(); });
  if (parts.empty()) return SchemaDocument::anything();
  if (parts.size() == 1) return parts.front();
  return document.add({.all_of = std::move(parts)}, path);
}

bool says_nothing(Schema schema) {
  return schema->is_boolean() ? schema->get<bool>() : schema->empty();
}

// One schema's opposite: a case for each keyword that may fail.
class Complement {
 public:
  Complement(SchemaDocument& document, const SchemaAtom& atom, int depth)
      : document_(document), atom_(atom), depth_(depth) {}

  Result<Schema> find() {
    add_types();
    const size_t num_before = cases_.size();
    TRY_STATUS(add_values());
    add_numbers();
    add_strings();
    TRY_STATUS(add_arrays());
    add_objects();
    TRY_STATUS(add_combinations());
    TRY_STATUS(add_conditions());
    // A keyword without an opposite adds no case: values that fail by it alone are left out. Not if it is all there is.
    if (cases_.size() == num_before) TRY_STATUS(check_keywords());
    if (cases_.size() > kMaxCases) {
      return fail("schema {}: it can fail in {} ways, at most {} as a condition", atom_.path, cases_.size(), kMaxCases);
    }
    return any_of(document_, std::move(cases_), atom_.path);
  }

 private:
  Result<Schema> opposite(Schema schema);

  // Its opposite is found when a value of it is compiled, if ever.
  Schema later(Schema schema) {
    if (schema->is_boolean()) return schema->get<bool>() ? SchemaDocument::nothing() : SchemaDocument::anything();
    return document_.add({.negated = schema}, document_.path_of(schema));
  }
  void add(SchemaAtom atom) { cases_.push_back(document_.add(std::move(atom), atom_.path)); }

  Status check_keywords() const {
    const auto refuse = [&](std::string_view keyword) {
      return fail("schema {}: \"{}\" in a condition (not, if, oneOf, …) is not supported", atom_.path, keyword);
    };
    if (!atom_.numbers.multiples_of.empty()) return refuse("multipleOf");
    if (!atom_.formats.empty() || atom_.has_number_format) return refuse("format");
    if (atom_.unique_items) return refuse("uniqueItems");
    if (atom_.closes_properties) return refuse("unevaluatedProperties");
    if (atom_.closes_items) return refuse("unevaluatedItems");
    if (atom_.property_names != nullptr && !says_nothing(atom_.property_names)) return refuse("propertyNames");
    for (const auto& [pattern, schema] : atom_.pattern_properties) {
      if (!says_nothing(schema)) return refuse("patternProperties");
    }
    const bool has_items = atom_.items != nullptr && !says_nothing(atom_.items);
    if (has_items && !atom_.prefix_items.empty() && !atom_.items->is_boolean()) return refuse("items");
    return {};
  }

  void add_types() {
    if (!atom_.types) return;
    const auto others = static_cast<TypeSet>(kAnyType & ~*atom_.types);
    if (others != 0) add({.types = others});
  }

  Status add_values() {
    if (!atom_.values) return {};
    SchemaAtom others;  // of all values that need no case of their own
    TypeSet apart = 0;
    std::vector<NumberBound> numbers;
    for (const Json* value : *atom_.values) {
      const TypeSet type = type_of(*value);
      if (!value->is_structured() && (type & kNumber) == 0) {
        others.excluded_values.push_back(value);
        continue;
      }
      if (value->is_structured() && !value->empty()) {
        return fail("schema {}: a list or an object among the values of a condition is not supported", atom_.path);
      }
      apart |= (type & kNumber) != 0 ? kNumber : type;
      if ((type & kNumber) != 0) numbers.push_back({decimal_of(*value), true});
    }
    if ((apart & kArray) != 0) add({.types = kArray, .min_items = 1});
    if ((apart & kObject) != 0) add({.types = kObject, .min_properties = 1});
    std::ranges::sort(numbers,
                      [](const NumberBound& a, const NumberBound& b) { return compare(a.value, b.value) < 0; });
    for (size_t i = 0; i <= numbers.size() && !numbers.empty(); ++i) {  // the gaps between the numbers
      SchemaAtom gap{.types = kNumber};
      if (i > 0) gap.numbers.min = numbers[i - 1];
      if (i < numbers.size()) gap.numbers.max = numbers[i];
      add(std::move(gap));
    }
    if (apart != 0) others.types = static_cast<TypeSet>(kAnyType & ~apart);
    add(std::move(others));
    return {};
  }

  void add_numbers() {
    if (atom_.has_number_format) return;  // for most readers a format restricts nothing
    const auto opposite_bound = [](const NumberBound& bound) { return NumberBound{bound.value, !bound.is_exclusive}; };
    if (atom_.numbers.min) {
      SchemaAtom below{.types = kNumber};
      below.numbers.max = opposite_bound(*atom_.numbers.min);
      add(std::move(below));
    }
    if (atom_.numbers.max) {
      SchemaAtom above{.types = kNumber};
      above.numbers.min = opposite_bound(*atom_.numbers.max);
      add(std::move(above));
    }
  }

  void add_strings() {
    if (atom_.min_length > 0) add({.types = kString, .max_length = atom_.min_length - 1});
    if (atom_.max_length) add({.types = kString, .min_length = *atom_.max_length + 1});
    for (const std::string& pattern : atom_.patterns) add({.types = kString, .excluded_patterns = {pattern}});
  }

  Status add_arrays() {
    if (atom_.min_items > 0) add({.types = kArray, .max_items = atom_.min_items - 1});
    if (atom_.max_items) add({.types = kArray, .min_items = *atom_.max_items + 1});
    const auto prefix_len = static_cast<uint32_t>(atom_.prefix_items.size());
    for (uint32_t i = 0; i < prefix_len; ++i) {
      if (says_nothing(atom_.prefix_items[i])) continue;
      std::vector<Schema> places(i, SchemaDocument::anything());
      places.push_back(later(atom_.prefix_items[i]));
      add({.types = kArray,
           .prefix_items = std::move(places),
           .items = SchemaDocument::anything(),
           .min_items = i + 1});
    }
    if (atom_.items != nullptr && !says_nothing(atom_.items)) {
      if (atom_.items->is_boolean()) {
        add({.types = kArray, .min_items = prefix_len + 1});
      } else {
        add({.types = kArray, .contains = later(atom_.items)});
      }
    }
    if (atom_.contains == nullptr) return {};
    if (atom_.min_contains > 0) {
      add({.types = kArray, .contains = atom_.contains, .min_contains = 0, .max_contains = atom_.min_contains - 1});
    }
    if (atom_.max_contains) add({.types = kArray, .contains = atom_.contains, .min_contains = *atom_.max_contains + 1});
    return {};
  }

  void add_objects() {
    if (atom_.min_properties > 0) add({.types = kObject, .max_properties = atom_.min_properties - 1});
    if (atom_.max_properties) add({.types = kObject, .min_properties = *atom_.max_properties + 1});
    for (const std::string_view name : atom_.required) add({.types = kObject, .forbidden = {name}});
    for (const auto& [name, schema] : atom_.properties) {
      if (says_nothing(schema)) continue;
      const Schema others = later(schema);
      add({.types = kObject, .properties = {{name, others}}, .property_index = {{name, others}}, .required = {name}});
    }
  }

  Status add_combinations() {
    for (const Schema part : atom_.all_of) {
      TRY(const Schema others, opposite(part));
      cases_.push_back(others);
    }
    for (const auto* branches : {&atom_.any_of, &atom_.one_of}) {
      if (branches->empty()) continue;
      std::vector<Schema> parts;
      for (const Schema branch : *branches) {
        TRY(const Schema others, opposite(branch));
        parts.push_back(others);
      }
      cases_.push_back(all_of(document_, std::move(parts), atom_.path));
    }
    if (!atom_.reference) return {};
    TRY(const Schema target, document_.resolve(*atom_.reference, atom_.source));
    TRY(const Schema others, opposite(target));
    cases_.push_back(others);
    return {};
  }

  Status add_conditions() {
    if (atom_.negated != nullptr) {
      TRY(const Schema same, as_condition(document_, atom_.negated));
      cases_.push_back(same);
    }
    if (atom_.test != nullptr && atom_.consequence != nullptr) {
      TRY(const Schema holds, as_condition(document_, atom_.test));
      TRY(const Schema others, opposite(atom_.consequence));
      cases_.push_back(all_of(document_, {holds, others}, atom_.path));
    }
    if (atom_.test != nullptr && atom_.alternative != nullptr) {
      TRY(const Schema fails, opposite(atom_.test));
      TRY(const Schema others, opposite(atom_.alternative));
      cases_.push_back(all_of(document_, {fails, others}, atom_.path));
    }
    for (const auto& [name, names] : atom_.dependent_required) {
      for (const std::string_view other : names) {
        add({.types = kObject, .required = {name}, .forbidden = {other}});
      }
    }
    for (const auto& [name, schema] : atom_.dependent_schemas) {
      TRY(const Schema others, opposite(schema));
      add({.types = kObject, .required = {name}, .all_of = {others}});
    }
    return {};
  }

  SchemaDocument& document_;
  const SchemaAtom& atom_;
  const int depth_;
  std::vector<Schema> cases_;
};

Result<Schema> complement_at(SchemaDocument& document, Schema schema, int depth) {
  TRY_STATUS(document.count_look());
  if (schema->is_boolean()) return schema->get<bool>() ? SchemaDocument::nothing() : SchemaDocument::anything();
  if (const Schema known = document.known_complement(schema)) return known;
  TRY(const SchemaAtom* atom, document.atom(schema));
  if (depth > kMaxComplementDepth) {
    return fail("schema {}: a condition (not, if, oneOf, …) refers to itself, or is too deep", atom->path);
  }
  TRY(const Schema found, Complement(document, *atom, depth).find());
  document.remember_complement(schema, found);
  return found;
}

Result<Schema> Complement::opposite(Schema schema) {
  return complement_at(document_, schema, depth_ + 1);
}

}  // namespace

Result<Schema> complement_of(SchemaDocument& document, Schema schema) {
  return complement_at(document, schema, 0);
}

Result<std::vector<Schema>> conditions_of(SchemaDocument& document, const SchemaAtom& atom) {
  if (const std::vector<Schema>* known = document.known_conditions(atom)) return *known;
  std::vector<Schema> conditions;
  if (atom.negated != nullptr) {
    TRY(const Schema others, complement_of(document, atom.negated));
    conditions.push_back(others);
  }
  if (atom.test != nullptr && (atom.consequence != nullptr || atom.alternative != nullptr)) {
    TRY(const Schema holds, as_condition(document, atom.test));
    TRY(const Schema fails, complement_of(document, atom.test));
    const auto part = [](Schema schema) { return schema == nullptr ? SchemaDocument::anything() : schema; };
    conditions.push_back(any_of(document,
                                {all_of(document, {holds, part(atom.consequence)}, atom.path),
                                 all_of(document, {fails, part(atom.alternative)}, atom.path)},
                                atom.path));
  }
  for (const auto& [name, names] : atom.dependent_required) {
    std::vector<std::string_view> all = {name};
    all.insert(all.end(), names.begin(), names.end());
    const Schema lacks = document.add({.forbidden = {name}}, atom.path);
    const Schema has = document.add({.types = kObject, .required = std::move(all)}, atom.path);
    conditions.push_back(any_of(document, {lacks, has}, atom.path));
  }
  for (const auto& [name, schema] : atom.dependent_schemas) {
    const Schema lacks = document.add({.forbidden = {name}}, atom.path);
    const Schema has = document.add({.types = kObject, .required = {name}, .all_of = {schema}}, atom.path);
    conditions.push_back(any_of(document, {lacks, has}, atom.path));
  }
  return document.remember_conditions(atom, std::move(conditions));
}

}  // namespace braid::grammar
