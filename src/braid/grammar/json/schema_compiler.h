// JSON schemas as grammars: the values that satisfy a schema, in the style of json_rules.h.
//
// Properties come in the order of "properties" (those that a schema only requires behind them), each at most once. What
// the schema leaves open is decided for short output: a schema with "properties" allows no others unless it says so
// with "additionalProperties" or "patternProperties", one with "prefixItems" no further items unless it says "items" or
// needs more; without "type", the keywords' own types are meant. Every keyword is enforced, says nothing about values,
// or is an error that names it (docs/decisions.md).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/json/json_rules.h"
#include "braid/grammar/json/merged_schema.h"

namespace braid::grammar {

// Errors name the place in the schema. A schema that no finite value satisfies is found later, by make_machine().
Result<Grammar> compile_json_schema(const Json& schema);
// Any object.
Grammar json_object_grammar();

// What the parts below work with. Each set of schemas gets one rule, made when its turn comes: however deeply a schema
// is nested or refers to itself, nothing recurs here.
class SchemaCompiler {
 public:
  explicit SchemaCompiler(SchemaDocument& document) : document_(document), json_(grammar_) {}

  Result<Grammar> compile();

  // A value that satisfies all of these; null if certainly none does.
  Result<Expr> value_of(const SchemaSet& schemas);

 private:
  struct Task {
    RuleId rule = 0;
    SchemaSet schemas;
  };
  // A key that properties do not name, and what its value must satisfy.
  struct FreeMember {
    Expr key;
    SchemaSet schemas;
  };

  Result<Expr> body_of(const SchemaSet& schemas);
  Result<Expr> body_of(const MergedSchema& schema);
  Result<Expr> number_body(const MergedSchema& schema);
  Result<Expr> string_body(const MergedSchema& schema);

  // object_schema.cc
  Result<Expr> object_body(const MergedSchema& schema);
  Result<std::vector<FreeMember>> free_members(const MergedSchema& schema, const std::vector<std::string>& named);
  Result<std::optional<SchemaSet>> schemas_of_property(const MergedSchema& schema, std::string_view name);
  Result<Expr> key_of(const MergedSchema& schema, const std::vector<Dfa>& conditions);
  Result<std::optional<StringSchema>> property_names(const MergedSchema& schema);

  // array_schema.cc
  Result<Expr> array_body(const MergedSchema& schema);
  Result<Expr> unique_array(const MergedSchema& schema, const SchemaSet& items, uint32_t max);

  // A rule of its own, for expressions that are used more than once.
  Expr as_rule(std::string name, Expr body);

  SchemaDocument& document_;
  Grammar grammar_;
  JsonRules json_;
  std::map<SchemaSet, RuleId> rules_;
  std::deque<Task> tasks_;
};

}  // namespace braid::grammar
