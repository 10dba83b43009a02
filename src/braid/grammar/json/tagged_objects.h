// Objects as some models write them: members between tags of their own, a string's value as it is, any other as JSON.
//
//   <function=get_weather>                         begin
//   <parameter=city>                               key_open, the key, key_close
//   Paris                                          the value
//   </parameter>                                   value_close
//   </function>                                    end
//
// A value's text never contains `value_close`, and a string's none that would be read as a value of another kind.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "braid/base/result.h"
#include "braid/formats/json.h"
#include "braid/grammar/automaton/expression.h"
#include "braid/grammar/json/schema_atom.h"

namespace braid::grammar {

struct MemberTags {
  std::string key_open;
  std::string key_close;
  std::string value_open;  // may be empty
  std::string value_close;
  bool has_lines = false;       // a value stands on lines of its own: the line breaks round it are no part of it
  size_t max_key_bytes = 1024;  // that who reads it takes for one
};

struct TaggedObject {
  // Parts between which a line break may stand, and so between `begin`, each member, and `end`.
  std::vector<std::string> begin;
  std::vector<std::string> end;
  std::string schema = {};  // where its schema stands in the document, "#/$defs/f"; empty: `begin` is all
  // As what the members' values are read where their text can be (true, True and null, None included); else they are
  // strings. kAnyType for members that are not listed.
  std::map<std::string, TypeSet> kinds = {};
};

// One of these objects. `document` has their schemas.
Result<Grammar> compile_tagged_objects(const Json& document, std::span<const TaggedObject> objects,
                                       const MemberTags& tags);

}  // namespace braid::grammar
