// One JSON schema object, parsed once: every keyword is checked and stored, or refused by name; unknown ones are
// annotations. Tested by schema_compiler_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/grammar/json/number_range.h"
#include "braid/grammar/json/value_index.h"

namespace braid::grammar {

// A set of JSON's types. "number" is both kInteger and kFraction.
using TypeSet = uint8_t;
inline constexpr TypeSet kNull = 1;
inline constexpr TypeSet kBoolean = 2;
inline constexpr TypeSet kInteger = 4;
inline constexpr TypeSet kFraction = 8;
inline constexpr TypeSet kString = 16;
inline constexpr TypeSet kArray = 32;
inline constexpr TypeSet kObject = 64;
inline constexpr TypeSet kNumber = kInteger | kFraction;
inline constexpr TypeSet kAnyType = 127;

TypeSet type_of(const Json& value);  // exactly one type; a number without a fraction is an integer

// A schema is an object, true or false. Its address in the document identifies it.
using Schema = const Json*;

struct SchemaAtom {
  Schema source = nullptr;
  std::string path;  // "#/properties/name", for errors
  // It comes from a condition (schema_complement.h): it restricts values, but what it leaves unsaid means nothing.
  bool is_condition = false;

  std::optional<TypeSet> types;
  TypeSet spoken_of = 0;                           // types that its keywords refer to
  std::optional<std::vector<const Json*>> values;  // "enum", "const"
  ValueIndex value_index;                          // of `values`
  TypeSet types_of_values = 0;

  std::vector<const Json*> excluded_values;  // of a condition: strings, null and booleans

  NumberRange numbers;
  bool has_number_format = false;  // "int32" or "int64", which are in `numbers`
  uint32_t min_length = 0;
  std::optional<uint32_t> max_length;
  std::vector<std::string> patterns;
  std::vector<std::string> excluded_patterns;  // of a condition
  std::vector<std::string> formats;

  std::vector<Schema> prefix_items;
  Schema items = nullptr;  // after the prefix
  uint32_t min_items = 0;
  std::optional<uint32_t> max_items;
  bool unique_items = false;
  Schema contains = nullptr;
  uint32_t min_contains = 1;
  std::optional<uint32_t> max_contains;
  bool closes_items = false;  // "unevaluatedItems": none that no schema speaks of

  bool has_properties = false;
  std::vector<std::pair<std::string_view, Schema>> properties;
  std::unordered_map<std::string_view, Schema> property_index;
  std::vector<std::string_view> required;
  std::vector<std::string_view> forbidden;  // of a condition: an object lacks these
  std::vector<std::pair<std::string, Schema>> pattern_properties;
  Schema additional_properties = nullptr;
  Schema property_names = nullptr;
  bool closes_properties = false;  // "unevaluatedProperties"
  uint32_t min_properties = 0;
  std::optional<uint32_t> max_properties;

  std::optional<std::string> reference;
  bool is_dynamic = false;  // "$dynamicRef" or "$recursiveRef"
  std::vector<Schema> all_of;
  std::vector<Schema> any_of;
  std::vector<Schema> one_of;

  // Conditions.
  Schema negated = nullptr;
  Schema test = nullptr;         // "if"
  Schema consequence = nullptr;  // "then"
  Schema alternative = nullptr;  // "else"
  std::vector<std::pair<std::string_view, std::vector<std::string_view>>> dependent_required;
  std::vector<std::pair<std::string_view, Schema>> dependent_schemas;

  bool has_conditions() const {
    return negated != nullptr || test != nullptr || !dependent_required.empty() || !dependent_schemas.empty();
  }
};

struct SchemaDialect {
  bool reference_is_all = false;  // nothing stands beside "$ref", as up to draft 7
  bool is_draft_3 = false;        // its own keywords are refused
};
Result<SchemaAtom> read_atom(const Json& schema, std::string path, const SchemaDialect& dialect, WorkBudget& looks);

}  // namespace braid::grammar
