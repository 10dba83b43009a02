// JSON's elements as grammar rules, in the style of braid's output (docs/decisions.md): where JSON allows white space,
// at most one line end with its indentation; numbers of bounded length; unbounded runs only in strings. Rules are added
// when first used. Tested by schema_compiler_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "braid/formats/json.h"
#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

class JsonRules {
 public:
  // The rules are added to `grammar`, which must outlive this object. `absent`: a text of printable ASCII that must not
  // occur in the output (none if empty). The caller of quoted() must ensure that for the content.
  explicit JsonRules(Grammar& grammar, std::string absent = {}) : grammar_(grammar), absent_(std::move(absent)) {}

  const std::string& absent() const { return absent_; }

  Expr space();      // after '{', '[' and ',', and before '}' and ']'
  Expr colon();      // ':' and the white space after it
  Expr comma();      // ',' and space()
  Expr string();     // any string, with its quotes
  Expr character();  // one character inside a string, escaped or not
  Expr integer();
  Expr number();
  Expr boolean();
  Expr null();
  Expr value();  // anything
  Expr any_object();
  Expr any_array();

  Expr quoted(Expr content);        // "content"
  Expr key(std::string_view utf8);  // "key" in its one spelling
  Expr literal(const Json& value);  // this value

  // Members or items (never the empty text) in brackets; with `may_be_empty`, also empty brackets.
  Expr object(Expr content, bool may_be_empty);
  Expr array(Expr content, bool may_be_empty);

 private:
  Expr once(RuleId& id, const std::string& name, bool is_shared, Expr (JsonRules::*body)());
  Expr inside(Expr content, bool may_be_empty);
  Expr text_of(std::string_view utf8) const;
  Expr make_space();
  Expr make_string();
  Expr make_character();
  Expr make_integer();
  Expr make_number();
  Expr make_value();
  Expr make_object();
  Expr make_array();

  Grammar& grammar_;
  const std::string absent_;
  const std::string string_name_ = absent_.empty() ? "JSON string" : "JSON string without " + absent_;
  RuleId space_ = -1;
  RuleId string_ = -1;
  RuleId character_ = -1;
  RuleId integer_ = -1;
  RuleId number_ = -1;
  RuleId value_ = -1;
  RuleId object_ = -1;
  RuleId array_ = -1;
};

}  // namespace braid::grammar
