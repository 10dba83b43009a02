// A whole JSON schema. Resolves references to its parts; each part is parsed once. Tested by schema_references_test.cc,
// schema_compiler_test.cc and schema_limits_test.cc.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/json/automata.h"
#include "braid/grammar/json/equal_schemas.h"
#include "braid/grammar/json/schema_atom.h"

namespace braid::grammar {

class SchemaDocument {
 public:
  // `root` must outlive this object. An error if it is not a schema, or if it is nested too deeply.
  static Result<SchemaDocument> of(const Json& root);

  const Json& root() const { return *root_; }

  // The keywords of a schema object. `schema` is an object in the document.
  Result<const SchemaAtom*> atom(Schema schema);
  // The target of a reference that stands in the schema `from` (null: the root): "#", "#/json/pointer", "#anchor", or
  // one of these after the "$id" of a part of the document, in full or relative to the "$id" around `from`.
  Result<Schema> resolve(const std::string& reference, Schema from = nullptr);

  // A schema that allows the same values: what it only refers to, or the first of those that say the same. So parts
  // that are written out again and again are compiled once.
  Schema same_schema(Schema schema);
  // The schemas whose values together are those of `schema`, if it says just that. Else nothing.
  std::vector<Schema> union_of(Schema schema) const;

  // Adds a schema that the document does not spell out. `path` says where it comes from. References in it are resolved
  // as in atom.source, if that is set.
  Schema add(SchemaAtom atom, std::string path);
  // What complement_of() found for a schema; null if nothing yet.
  Schema known_complement(Schema schema) const {
    const auto found = complements_.find(schema);
    return found == complements_.end() ? nullptr : found->second;
  }
  void remember_complement(Schema schema, Schema complement) { complements_[schema] = complement; }
  // What conditions_of() found; null if nothing yet.
  const std::vector<Schema>* known_conditions(const SchemaAtom& atom) const {
    const auto found = conditions_.find(&atom);
    return found == conditions_.end() ? nullptr : &found->second;
  }
  const std::vector<Schema>& remember_conditions(const SchemaAtom& atom, std::vector<Schema> conditions) {
    return conditions_[&atom] = std::move(conditions);
  }
  // Schemas of every value, and of none.
  static Schema anything();
  static Schema nothing();
  // Charged for each visit of a schema and for each comparison. An error if that becomes excessive.
  Status count_look() { return looks_.spend(8); }
  WorkBudget& looks() { return looks_; }  // a unit is e.g. one comparison of two values, or 16 bytes

  Automata& automata() { return automata_; }

  // The place of a schema, for errors: "#/properties/name".
  std::string path_of(Schema schema) const;

 private:
  explicit SchemaDocument(const Json& root) : root_(&root) {}

  // A part with an "$id" of its own. References within it are relative to that.
  struct Resource {
    Schema root = nullptr;
    std::string uri;
  };
  struct Place {
    Schema parent = nullptr;
    std::string key;
    size_t resource = 0;
  };
  // What a value in the document is: a schema, or the members of a keyword such as "properties", or neither.
  enum class Role : uint8_t { kSchema, kMembers, kData };

  Status index(const Json& value, Role role, size_t resource, int depth);
  size_t read_names(const Json& schema, size_t resource);
  size_t resource_of(Schema schema) const;
  Result<Schema> resolve_in(size_t resource, const std::string& reference);
  const Json* child_of(const Json& value, const std::string& key);
  const Json* target_in(size_t resource, std::string_view fragment);

  const Json* root_;
  bool is_old_ = false;       // up to draft 7: nothing stands beside "$ref"
  bool has_old_ids_ = false;  // draft 4: "id" is "$id"
  bool is_draft_3_ = false;
  bool says_draft_ = false;  // by "$schema"
  int num_dynamic_anchors_ = 0;
  std::vector<Resource> resources_;                   // the root's first
  std::unordered_map<Schema, size_t> own_resources_;  // of roots and added schemas
  // Of schemas with "$id" beside "$ref", if no draft is named: the resource up to draft 7, which ignores the "$id".
  std::unordered_map<Schema, size_t> other_resources_;
  std::unordered_map<std::string, size_t> by_uri_;
  std::unordered_map<Schema, Place> places_;         // of all objects and booleans
  std::unordered_map<std::string, Schema> anchors_;  // by the number of the resource, '#', and the name
  std::deque<Json> added_;
  std::unordered_map<Schema, std::string> added_paths_;
  std::unordered_map<Schema, Schema> complements_;
  std::unordered_map<const SchemaAtom*, std::vector<Schema>> conditions_;
  // For objects whose members are targets of references.
  std::unordered_map<Schema, std::unordered_map<std::string_view, Schema>> members_;
  std::unordered_map<Schema, std::unique_ptr<SchemaAtom>> atoms_;
  EqualSchemas equal_schemas_;
  WorkBudget looks_{6'000'000, "the schema's parts refer to each other in too many ways"};
  Automata automata_;
};

}  // namespace braid::grammar
