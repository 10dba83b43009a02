#include "braid/grammar/json/schema_atom.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "braid/grammar/json/string_schema.h"
#include "braid/grammar/source_excerpt.h"

namespace braid::grammar {
namespace {

class AtomReader {
 public:
  AtomReader(const Json& schema, const SchemaDialect& dialect, WorkBudget& looks, SchemaAtom& atom)
      : schema_(schema), looks_(looks), atom_(atom), dialect_(dialect) {}

  Status read() {
    const auto& members = schema_.get_ref<const Json::object_t&>();
    const auto reference = std::ranges::find(members, "$ref", [](const auto& member) { return member.first; });
    const bool is_reference = dialect_.reference_is_all && reference != members.end() && reference->second.is_string();
    for (const auto& [keyword, value] : members) {
      if (is_reference && keyword != "$ref") continue;
      if (auto status = read_keyword(keyword, value); !status.ok()) {
        return fail("schema {}: \"{}\": {}", excerpt(atom_.path), excerpt(keyword), status.error().message);
      }
    }
    join_keywords();
    if (atom_.values) {
      for (const Json* value : *atom_.values) {
        atom_.value_index.add(*value);
        atom_.types_of_values |= type_of(*value);
      }
    }
    return {};
  }

 private:
  Status read_keyword(const std::string& keyword, const Json& value) {
    const auto& readers = keyword_readers();
    if (const auto reader = readers.find(keyword); reader != readers.end()) return (this->*reader->second)(value);
    const bool is_of_draft_3 = keyword == "disallow" || keyword == "divisibleBy" || keyword == "extends";
    if (dialect_.is_draft_3 && is_of_draft_3)
      return fail("draft 3 is not supported: write the schema in a later draft");
    return {};  // an annotation
  }

  using Reader = Status (AtomReader::*)(const Json&);
  static const std::unordered_map<std::string_view, Reader>& keyword_readers() {
    static const std::unordered_map<std::string_view, Reader> kReaders = {
        {"type", &AtomReader::read_type},
        {"nullable", &AtomReader::read_nullable},
        {"enum", &AtomReader::read_enum},
        {"const", &AtomReader::read_const},
        {"minimum", &AtomReader::read_minimum},
        {"maximum", &AtomReader::read_maximum},
        {"exclusiveMinimum", &AtomReader::read_exclusive_minimum},
        {"exclusiveMaximum", &AtomReader::read_exclusive_maximum},
        {"multipleOf", &AtomReader::read_multiple_of},
        {"minLength", &AtomReader::read_min_length},
        {"maxLength", &AtomReader::read_max_length},
        {"pattern", &AtomReader::read_pattern},
        {"format", &AtomReader::read_format},
        {"prefixItems", &AtomReader::read_prefix_items},
        {"items", &AtomReader::read_items},
        {"additionalItems", &AtomReader::read_additional_items},
        {"minItems", &AtomReader::read_min_items},
        {"maxItems", &AtomReader::read_max_items},
        {"uniqueItems", &AtomReader::read_unique_items},
        {"contains", &AtomReader::read_contains},
        {"minContains", &AtomReader::read_min_contains},
        {"maxContains", &AtomReader::read_max_contains},
        {"properties", &AtomReader::read_properties},
        {"required", &AtomReader::read_required},
        {"patternProperties", &AtomReader::read_pattern_properties},
        {"additionalProperties", &AtomReader::read_additional_properties},
        {"propertyNames", &AtomReader::read_property_names},
        {"unevaluatedProperties", &AtomReader::read_unevaluated_properties},
        {"unevaluatedItems", &AtomReader::read_unevaluated_items},
        {"minProperties", &AtomReader::read_min_properties},
        {"maxProperties", &AtomReader::read_max_properties},
        {"dependencies", &AtomReader::read_dependencies},
        {"dependentRequired", &AtomReader::read_dependencies},
        {"dependentSchemas", &AtomReader::read_dependencies},
        {"$ref", &AtomReader::read_reference},
        {"$dynamicRef", &AtomReader::read_dynamic_reference},
        {"$recursiveRef", &AtomReader::read_dynamic_reference},
        {"allOf", &AtomReader::read_all_of},
        {"anyOf", &AtomReader::read_any_of},
        {"oneOf", &AtomReader::read_one_of},
        {"not", &AtomReader::read_not},
        {"if", &AtomReader::read_if},
        {"then", &AtomReader::read_then},
        {"else", &AtomReader::read_else},
    };
    return kReaders;
  }

  static bool restricts_nothing(const Json& value) {
    return (value.is_boolean() && value.get<bool>()) || (value.is_object() && value.empty());
  }

  void speaks_of(TypeSet types) { atom_.spoken_of |= types; }

  static Result<Schema> schema_in(const Json& value) {
    if (!value.is_object() && !value.is_boolean()) return fail("is {}, must be a schema", json_excerpt(value));
    return &value;
  }
  static Result<std::vector<Schema>> schemas_in(const Json& value) {
    if (!value.is_array() || value.empty()) return fail("is {}, must be a list of schemas", json_excerpt(value));
    std::vector<Schema> schemas;
    for (const Json& member : value) {
      TRY(const Schema schema, schema_in(member));
      schemas.push_back(schema);
    }
    return schemas;
  }
  static Result<uint32_t> count_in(const Json& value) {
    const bool is_count =
        value.is_number() && value.get<double>() >= 0 && std::nearbyint(value.get<double>()) == value.get<double>();
    if (!is_count) return fail("is {}, must be an integer of at least 0", json_excerpt(value));
    constexpr uint32_t kMaxCount = 1'000'000'000;  // a larger count has the same effect
    return value.get<double>() >= kMaxCount ? kMaxCount : static_cast<uint32_t>(value.get<double>());
  }
  static Status raise(const Json& value, uint32_t& bound) {
    TRY(bound, count_in(value));
    return {};
  }
  static Status lower(const Json& value, std::optional<uint32_t>& bound) {
    TRY(bound, count_in(value));
    return {};
  }

  static Result<TypeSet> type_named(const Json& name) {
    static constexpr std::pair<std::string_view, TypeSet> kTypes[] = {
        {"null", kNull},     {"boolean", kBoolean}, {"integer", kInteger}, {"number", kNumber},
        {"string", kString}, {"array", kArray},     {"object", kObject}};
    for (const auto& [known, type] : kTypes) {
      if (name.is_string() && name.get_ref<const std::string&>() == known) return type;
    }
    return fail("is {}, must be null, boolean, integer, number, string, array or object", json_excerpt(name));
  }
  Status read_type(const Json& value) {
    TypeSet types = 0;
    if (value.is_array()) {
      for (const Json& name : value) {
        TRY(const TypeSet type, type_named(name));
        types |= type;
      }
      if (value.empty()) return fail("is an empty list");
    } else {
      TRY(types, type_named(value));
    }
    atom_.types = types;
    return {};
  }

  Status read_nullable(const Json& value) {
    is_nullable_ = value.is_boolean() && value.get<bool>();
    return {};
  }

  Status restrict_values(std::vector<const Json*> values) {
    if (atom_.values) {
      ValueIndex others;
      for (const Json* value : values) others.add(*value);
      std::vector<const Json*> common;
      for (const Json* value : *atom_.values) {
        TRY(const bool is_common, others.contains(*value, looks_));
        if (is_common) common.push_back(value);
      }
      values = std::move(common);
    }
    atom_.values = std::move(values);
    return {};
  }
  Status read_enum(const Json& value) {
    if (!value.is_array() || value.empty()) return fail("is {}, must be a list of values", json_excerpt(value));
    std::vector<const Json*> values;
    for (const Json& member : value) values.push_back(&member);
    return restrict_values(std::move(values));
  }
  Status read_const(const Json& value) { return restrict_values({&value}); }

  Result<NumberBound> bound_in(const Json& value, bool is_exclusive) {
    if (!value.is_number()) return fail("is {}, must be a number", json_excerpt(value));
    speaks_of(kNumber);
    return NumberBound{decimal_of(value), is_exclusive};
  }
  Status read_minimum(const Json& value) { return raise_minimum(value, false); }
  Status read_exclusive_minimum(const Json& value) {
    if (!value.is_boolean()) return raise_minimum(value, true);
    excludes_minimum_ = value.get<bool>();  // draft 4: about "minimum"
    return {};
  }
  Status raise_minimum(const Json& value, bool is_exclusive) {
    TRY(const NumberBound bound, bound_in(value, is_exclusive));
    tighten_min(atom_.numbers, bound);
    return {};
  }
  Status read_maximum(const Json& value) { return lower_maximum(value, false); }
  Status read_exclusive_maximum(const Json& value) {
    if (!value.is_boolean()) return lower_maximum(value, true);
    excludes_maximum_ = value.get<bool>();
    return {};
  }
  Status lower_maximum(const Json& value, bool is_exclusive) {
    TRY(const NumberBound bound, bound_in(value, is_exclusive));
    tighten_max(atom_.numbers, bound);
    return {};
  }
  Status read_multiple_of(const Json& value) {
    TRY(const NumberBound step, bound_in(value, false));
    if (step.value.is_negative || step.value.is_zero()) return fail("is {}, must be above 0", json_excerpt(value));
    atom_.numbers.multiples_of.push_back(step.value);
    return {};
  }

  Status read_min_length(const Json& value) {
    speaks_of(kString);
    return raise(value, atom_.min_length);
  }
  Status read_max_length(const Json& value) {
    speaks_of(kString);
    return lower(value, atom_.max_length);
  }
  Status read_pattern(const Json& value) {
    if (!value.is_string()) return fail("is {}, must be a string", json_excerpt(value));
    speaks_of(kString);
    atom_.patterns.push_back(value.get<std::string>());
    return {};
  }
  // OpenAPI's number formats are ranges. Unknown formats are annotations.
  Status read_format(const Json& value) {
    if (!value.is_string()) return fail("is {}, must be a string", json_excerpt(value));
    const auto& name = value.get_ref<const std::string&>();
    if (name == "int32") return read_range(int64_t{INT32_MIN}, INT32_MAX);
    if (name == "int64") return read_range(INT64_MIN, INT64_MAX);
    if (!format_pattern(name).ok()) return {};
    speaks_of(kString);
    atom_.formats.push_back(name);
    return {};
  }
  Status read_range(int64_t min, int64_t max) {
    atom_.has_number_format = true;
    TRY_STATUS(read_minimum(Json(min)));
    return read_maximum(Json(max));
  }

  Status read_prefix_items(const Json& value) {
    speaks_of(kArray);
    TRY(atom_.prefix_items, schemas_in(value));
    return {};
  }
  Status read_items(const Json& value) {
    speaks_of(kArray);
    if (value.is_array()) {  // the name of prefixItems before 2020
      has_legacy_items_ = true;
      if (value.empty()) return {};
      TRY(atom_.prefix_items, schemas_in(value));
      return {};
    }
    TRY(atom_.items, schema_in(value));
    return {};
  }
  Status read_additional_items(const Json& value) {
    speaks_of(kArray);
    TRY(additional_items_, schema_in(value));
    return {};
  }
  // What depends on two keywords.
  void join_keywords() {
    if (has_legacy_items_ && additional_items_ != nullptr) atom_.items = additional_items_;
    if (excludes_minimum_ && atom_.numbers.min) atom_.numbers.min->is_exclusive = true;
    if (excludes_maximum_ && atom_.numbers.max) atom_.numbers.max->is_exclusive = true;
    if (is_nullable_ && atom_.types) *atom_.types |= kNull;
  }
  Status read_min_items(const Json& value) {
    speaks_of(kArray);
    return raise(value, atom_.min_items);
  }
  Status read_max_items(const Json& value) {
    speaks_of(kArray);
    return lower(value, atom_.max_items);
  }
  Status read_unique_items(const Json& value) {
    if (!value.is_boolean()) return fail("is {}, must be true or false", json_excerpt(value));
    speaks_of(kArray);
    atom_.unique_items = value.get<bool>();
    return {};
  }

  Status read_contains(const Json& value) {
    speaks_of(kArray);
    TRY(atom_.contains, schema_in(value));
    return {};
  }
  Status read_min_contains(const Json& value) { return raise(value, atom_.min_contains); }
  Status read_max_contains(const Json& value) { return lower(value, atom_.max_contains); }

  Status read_properties(const Json& value) {
    if (!value.is_object()) return fail("is {}, must be an object of schemas", json_excerpt(value));
    speaks_of(kObject);
    atom_.has_properties = true;
    for (const auto& [name, member] : value.get_ref<const Json::object_t&>()) {
      TRY(const Schema schema, schema_in(member));
      atom_.properties.emplace_back(name, schema);
      atom_.property_index.emplace(name, schema);
    }
    return {};
  }
  static Result<std::vector<std::string_view>> names_in(const Json& value) {
    if (!value.is_array()) return fail("is {}, must be a list of strings", json_excerpt(value));
    std::vector<std::string_view> names;
    for (const Json& name : value) {
      if (!name.is_string()) return fail("contains {}, must be a list of strings", json_excerpt(name));
      names.push_back(name.get_ref<const std::string&>());
    }
    return names;
  }
  Status read_required(const Json& value) {
    speaks_of(kObject);
    TRY(atom_.required, names_in(value));
    return {};
  }
  // Before 2019, "dependencies" held both kinds.
  Status read_dependencies(const Json& value) {
    if (!value.is_object()) return fail("is {}, must be an object", json_excerpt(value));
    speaks_of(kObject);
    for (const auto& [name, member] : value.get_ref<const Json::object_t&>()) {
      if (member.is_array()) {
        TRY(std::vector<std::string_view> names, names_in(member));
        atom_.dependent_required.emplace_back(name, std::move(names));
      } else {
        TRY(const Schema schema, schema_in(member));
        atom_.dependent_schemas.emplace_back(name, schema);
      }
    }
    return {};
  }
  Status read_pattern_properties(const Json& value) {
    if (!value.is_object()) return fail("is {}, must be an object of schemas", json_excerpt(value));
    speaks_of(kObject);
    for (const auto& [pattern, member] : value.get_ref<const Json::object_t&>()) {
      TRY(const Schema schema, schema_in(member));
      atom_.pattern_properties.emplace_back(pattern, schema);
    }
    return {};
  }
  Status read_additional_properties(const Json& value) {
    speaks_of(kObject);
    TRY(atom_.additional_properties, schema_in(value));
    return {};
  }
  Status read_property_names(const Json& value) {
    speaks_of(kObject);
    TRY(atom_.property_names, schema_in(value));
    return {};
  }
  // What no schema evaluates is not written, whatever its schema here.
  Status read_unevaluated_properties(const Json& value) {
    TRY(const Schema schema, schema_in(value));
    speaks_of(kObject);
    atom_.closes_properties = !restricts_nothing(*schema);
    return {};
  }
  Status read_unevaluated_items(const Json& value) {
    TRY(const Schema schema, schema_in(value));
    speaks_of(kArray);
    atom_.closes_items = !restricts_nothing(*schema);
    return {};
  }
  Status read_min_properties(const Json& value) {
    speaks_of(kObject);
    return raise(value, atom_.min_properties);
  }
  Status read_max_properties(const Json& value) {
    speaks_of(kObject);
    return lower(value, atom_.max_properties);
  }

  Status read_reference(const Json& value) {
    if (!value.is_string()) return fail("is {}, must be a string", json_excerpt(value));
    atom_.reference = value.get<std::string>();
    return {};
  }
  Status read_dynamic_reference(const Json& value) {
    if (atom_.reference) return fail("beside \"$ref\"");
    atom_.is_dynamic = true;
    return read_reference(value);
  }
  Status read_all_of(const Json& value) {
    TRY(atom_.all_of, schemas_in(value));
    return {};
  }
  Status read_any_of(const Json& value) {
    TRY(atom_.any_of, schemas_in(value));
    return {};
  }
  Status read_one_of(const Json& value) {
    TRY(atom_.one_of, schemas_in(value));
    return {};
  }
  Status read_not(const Json& value) {
    TRY(atom_.negated, schema_in(value));
    return {};
  }
  Status read_if(const Json& value) {
    TRY(atom_.test, schema_in(value));
    return {};
  }
  Status read_then(const Json& value) {
    TRY(atom_.consequence, schema_in(value));
    return {};
  }
  Status read_else(const Json& value) {
    TRY(atom_.alternative, schema_in(value));
    return {};
  }

  const Json& schema_;
  WorkBudget& looks_;
  SchemaAtom& atom_;
  const SchemaDialect dialect_;
  bool is_nullable_ = false;
  bool excludes_minimum_ = false;
  bool excludes_maximum_ = false;
  bool has_legacy_items_ = false;
  Schema additional_items_ = nullptr;
};

}  // namespace

TypeSet type_of(const Json& value) {
  if (value.is_null()) return kNull;
  if (value.is_boolean()) return kBoolean;
  if (value.is_number_integer()) return kInteger;
  if (value.is_number()) {
    return std::nearbyint(value.get<double>()) == value.get<double>() ? kInteger : kFraction;
  }
  if (value.is_string()) return kString;
  return value.is_array() ? kArray : kObject;
}

Result<SchemaAtom> read_atom(const Json& schema, std::string path, const SchemaDialect& dialect, WorkBudget& looks) {
  SchemaAtom atom{.source = &schema, .path = std::move(path)};
  TRY_STATUS(AtomReader(schema, dialect, looks, atom).read());
  return atom;
}

}  // namespace braid::grammar
