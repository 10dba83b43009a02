// JSON's own parts as rules of a grammar, in the one style in which output is written (docs/decisions.md): at most one
// line end with its indentation where white space may stand, numbers of bounded length, no run of anything without end
// but in strings. Rules are added as they are used.
#pragma once

#include <string>
#include <string_view>

#include "braid/formats/json.h"
#include "braid/grammar/automaton/expression.h"

namespace braid::grammar {

class JsonRules {
 public:
  // `grammar` gets the rules, and outlives this. `absent`: a text of printable ASCII that must not occur in what is
  // written (empty: any may). Strings' contents that are given to quoted() are held to that by who gives them.
  explicit JsonRules(Grammar& grammar, std::string absent = {}) : grammar_(grammar), absent_(std::move(absent)) {}

  const std::string& absent() const { return absent_; }

  Expr space();      // behind '{', '[' and ',', and before '}' and ']'
  Expr colon();      // ':' and what may stand behind it
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

  // Members or items (never the empty text) in their brackets, or nothing in them if that `may_be_empty`.
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
