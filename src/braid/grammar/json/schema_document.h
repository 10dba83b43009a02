// A whole JSON schema. Resolves references to its parts; each part is parsed once. Tested by schema_compiler_test.cc
// and schema_limits_test.cc.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "braid/base/result.h"
#include "braid/grammar/json/automata.h"
#include "braid/grammar/json/schema_atom.h"

namespace braid::grammar {

class SchemaDocument {
 public:
  // `root` must outlive this object. An error if it is not a schema, or if it is nested too deeply.
  static Result<SchemaDocument> of(const Json& root);

  const Json& root() const { return *root_; }

  // The keywords of a schema object. `schema` is an object in the document.
  Result<const SchemaAtom*> atom(Schema schema);
  // The target of a "$ref": "#", "#/json/pointer", "#anchor", or one of these after the document's own "$id".
  Result<Schema> resolve(const std::string& reference);
  // Charged for each visit of a schema and for each comparison. An error if that becomes excessive.
  Status count_look() { return looks_.spend(8); }
  WorkBudget& looks() { return looks_; }  // a unit is e.g. one comparison of two values, or 16 bytes

  Automata& automata() { return automata_; }

  // The place of a schema, for errors: "#/properties/name".
  std::string path_of(Schema schema) const;

 private:
  explicit SchemaDocument(const Json& root) : root_(&root) {}

  struct Place {
    Schema parent = nullptr;
    std::string key;
  };

  Status index(const Json& value, int depth);
  const Json* child_of(const Json& value, const std::string& key);

  const Json* root_;
  std::string id_;                            // the root's "$id", without a fragment
  std::unordered_map<Schema, Place> places_;  // of all objects and booleans
  std::unordered_map<std::string, Schema> anchors_;
  // For objects whose members are targets of references.
  std::unordered_map<Schema, std::unordered_map<std::string_view, Schema>> members_;
  std::unordered_map<Schema, std::unique_ptr<SchemaAtom>> atoms_;
  WorkBudget looks_{6'000'000, "the schema's parts refer to each other in too many ways"};
  Automata automata_;
};

}  // namespace braid::grammar
