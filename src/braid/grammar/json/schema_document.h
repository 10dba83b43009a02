// A JSON schema as a whole: its parts by reference, each read once.
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
  // `root` must outlive it. An error if it is no schema, or nested too deeply.
  static Result<SchemaDocument> of(const Json& root);

  const Json& root() const { return *root_; }

  // The schema object's keywords. `schema` is an object within the document.
  Result<const SchemaAtom*> atom(Schema schema);
  // What "$ref" names: "#", "#/json/pointer", "#anchor", or one of these behind the document's own "$id".
  Result<Schema> resolve(const std::string& reference);
  // Called for each schema that is looked at, however often, and for what else is compared: an error when that grows
  // out of all proportion.
  Status count_look() { return looks_.spend(8); }
  WorkBudget& looks() { return looks_; }  // a unit: two values compared, say, or 16 bytes

  Automata& automata() { return automata_; }

  // Where a schema stands, for errors: "#/properties/name".
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
  std::string id_;                            // of the root, without a fragment
  std::unordered_map<Schema, Place> places_;  // of all objects and booleans
  std::unordered_map<std::string, Schema> anchors_;
  // Of objects that references name members of.
  std::unordered_map<Schema, std::unordered_map<std::string_view, Schema>> members_;
  std::unordered_map<Schema, std::unique_ptr<SchemaAtom>> atoms_;
  WorkBudget looks_{6'000'000, "the schema's parts refer to each other in too many ways"};
  Automata automata_;
};

}  // namespace braid::grammar
