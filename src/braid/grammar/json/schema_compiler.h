// Compiles JSON schemas to grammars of the values that satisfy them, in the style of json_rules.h. Tested by
// schema_compiler_test.cc, schema_limits_test.cc and schema_reference_test.cc.
//
// Properties come in the order of "properties", then those that are only required, each at most once. What the schema
// leaves open is decided in favour of short output. A schema with "properties" allows no others unless it has
// "additionalProperties" or "patternProperties". A schema with "prefixItems" allows no further items unless it has
// "items" or requires more. Without "type", the types that the keywords refer to are meant. Every keyword is enforced,
// or does not restrict values (as unknown ones do not), or is an error that names it (docs/decisions.md).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/json/json_rules.h"
#include "braid/grammar/json/merged_schema.h"
#include "braid/grammar/json/tagged_objects.h"

namespace braid::grammar {

// Errors name the place in the schema. A schema that no finite value satisfies is detected later, by make_machine().
Result<Grammar> compile_json_schema(const Json& schema);
// Any object.
Grammar json_object_grammar();

// The compiler, shared by the .cc files named below. Each set of schemas gets one rule, made from a queue: nested or
// recursive schemas cause no recursion here.
class SchemaCompiler {
 public:
  // `absent`: see JsonRules.
  explicit SchemaCompiler(SchemaDocument& document, std::string absent = {})
      : document_(document), json_(grammar_, std::move(absent)) {}

  Result<Grammar> compile();
  Result<Grammar> compile(std::span<const TaggedObject> objects, const MemberTags& tags);

  // A value that satisfies all of the schemas; null if certainly none does.
  Result<Expr> value_of(const SchemaSet& schemas);

 private:
  struct Task {
    RuleId rule = 0;
    SchemaSet schemas;
  };
  // A key that is not a named property, and the schemas of its value.
  struct FreeMember {
    StringSchema key;
    SchemaSet schemas;
  };
  // How an object's members are written. A member is null if no value satisfies its schemas.
  struct MemberStyle {
    std::function<Result<Expr>(const std::string& name, const SchemaSet& schemas)> member;
    std::function<Result<Expr>(const FreeMember& member)> free_member;
    Expr separator;
    std::function<Expr(Expr members, bool may_be_empty)> object;  // `members` never match the empty text
  };

  Status finish_tasks();
  Status check_unions() const;
  Result<Expr> body_of(const SchemaSet& schemas);
  Result<Expr> union_of(const std::vector<Schema>& schemas);
  Result<Expr> body_of(const MergedSchema& schema);
  Result<Expr> number_body(const MergedSchema& schema);
  Result<Expr> string_body(const MergedSchema& schema);

  // object_schema.cc
  Result<Expr> object_body(const MergedSchema& schema);
  Result<Expr> object_body(const MergedSchema& schema, const MemberStyle& style);
  Result<std::vector<FreeMember>> free_members(const MergedSchema& schema, const std::vector<std::string>& named,
                                               bool is_open);
  bool has_pattern_for(const MergedSchema& schema, std::string_view name);
  Result<std::optional<SchemaSet>> schemas_of_property(const MergedSchema& schema, std::string_view name);
  // For each "unevaluatedProperties" or "unevaluatedItems" (`closes`): the atoms that evaluate what it leaves open.
  Result<std::vector<AtomList>> evaluating(const MergedSchema& schema, bool SchemaAtom::*closes);
  Result<bool> is_evaluated(const std::vector<AtomList>& evaluating, std::string_view name);
  Result<Expr> key_of(const MergedSchema& schema, StringSchema names);
  Result<std::optional<StringSchema>> property_names(const MergedSchema& schema);

  // array_schema.cc
  Result<Expr> array_body(const MergedSchema& schema);
  Result<Expr> item_of(const MergedSchema& array, const SchemaSet& schemas);
  Result<Expr> containing_array(const MergedSchema& schema, const SchemaSet& items, uint32_t max);
  Result<std::optional<std::vector<Json>>> listed_items(const SchemaSet& items);
  Expr array_of_listed(const MergedSchema& schema, const std::vector<Json>& values, uint32_t max);

  // tagged_objects.cc
  Result<Expr> tagged_members(Schema schema, const TaggedObject& object, const MemberTags& tags);
  Result<Expr> tagged_member(Expr key, const SchemaSet& schemas, TypeSet kinds, const MemberTags& tags);
  Result<Expr> tagged_value(const SchemaSet& schemas, TypeSet kinds, const MemberTags& tags);
  Result<std::vector<Expr>> tagged_constants(const MergedSchema& schema, TypeSet kinds, const MemberTags& tags);
  Result<Expr> tagged_string(StringSchema strings, TypeSet kinds, const MemberTags& tags);

  // Forbids json_.absent() in strings that are written as JSON.
  void add_absence(StringSchema& strings) const;
  // Makes a rule of an expression that is used more than once.
  Expr as_rule(std::string name, Expr body, RuleMark mark = RuleMark::kNone);

  SchemaDocument& document_;
  Grammar grammar_;
  JsonRules json_;
  std::map<SchemaSetKey, RuleId> rules_;  // the order of the first that asks decides
  std::deque<Task> tasks_;
  std::vector<RuleId> unions_;         // rules of union_of()
  std::map<std::string, Expr> texts_;  // rules of the contents of strings, by their conditions
  std::map<const CharacterDfa*, Expr> numbers_;
  std::map<Dfa, Expr> keys_;  // rules of keys, by their one condition
  RuleId tagged_text_ = -1;   // any string between tags
};

}  // namespace braid::grammar
