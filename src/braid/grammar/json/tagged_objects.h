// Objects as some models write them: members between tags; strings are written plainly, other values as JSON. Tested by
// tagged_objects_test.cc.
//
//   <function=get_weather>                         begin
//   <parameter=city>                               key_open, the key, key_close
//   Paris                                          the value
//   </parameter>                                   value_close
//   </function>                                    end
//
// A value's text never contains `value_close`. A string's text is never one that would be read as another kind of
// value.
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
  bool has_lines = false;       // a value is on its own lines; the line breaks around it do not belong to it
  size_t max_key_bytes = 1024;  // the longest key that the reader accepts
};

struct TaggedObject {
  // A line break may come between the parts, and between `begin`, each member, and `end`.
  std::vector<std::string> begin;
  std::vector<std::string> end;
  std::string schema = {};  // its schema's place in the document, "#/$defs/f"; empty if the object is `begin` alone
  // The types as which the reader parses a member's value if its text allows it (true, True, null and None included);
  // otherwise the value is a string. Members that are not listed: kAnyType.
  std::map<std::string, TypeSet> kinds = {};
};

// One of `objects`. `document` contains their schemas.
Result<Grammar> compile_tagged_objects(const Json& document, std::span<const TaggedObject> objects,
                                       const MemberTags& tags);

}  // namespace braid::grammar
