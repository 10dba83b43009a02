// A parsed template. Statements and expressions are stored in arenas, so a long chain of them is destroyed without
// recursion. Tested by parser_test.cc and expression_parser_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "braid/tokenizer/jinja/value.h"

namespace braid::jinja {

using NameId = int32_t;  // of an identifier; dense from 0 in each template

enum class ExprKind : uint8_t {
  kConst,
  kName,       // name
  kList,       // operands
  kTuple,      // operands
  kDict,       // operands: key, value, key, value …
  kCondition,  // operands: then, condition, else (or null)
  kBinary,     // text is the operator; operands: left, right
  kConcat,     // operands, joined as text (~)
  kCompare,    // operands: first, then one for each of `operators`
  kAnd,
  kOr,
  kNot,
  kNegative,
  kPositive,
  kAttribute,  // operands[0].text
  kItem,       // operands: value, index
  kSlice,      // operands: value, start, stop, step (or null)
  kCall,       // operands[0](arguments)
  kFilter,     // operands[0] | text(arguments); operands[0] is null at the head of a filter block
  kTest,       // operands[0] is text(arguments)
};

struct Expr;

struct CallArguments {
  std::vector<const Expr*> positional;
  std::vector<std::pair<std::string, const Expr*>> named;
  const Expr* rest = nullptr;        // *rest
  const Expr* named_rest = nullptr;  // **named_rest
};

struct Expr {
  ExprKind kind = ExprKind::kConst;
  int32_t line = 0;
  NameId name = -1;
  Value value;                         // of a constant, or an attribute's name as text
  std::string text;                    // operator, attribute, filter, test
  std::vector<const Expr*> operands;   // null where optional and absent
  std::vector<std::string> operators;  // of a comparison
  CallArguments arguments;
};

// The target of an assignment, a loop or a `with`: a name, a namespace's attribute, or a tuple of targets.
struct Target {
  NameId name = -1;
  std::string attribute;  // of the namespace `name`, unless empty
  std::vector<Target> elements;
  bool is_tuple = false;
};

enum class StmtKind : uint8_t {
  kText,
  kPrint,
  kFor,
  kIf,
  kSet,       // target = expr
  kSetBlock,  // target = body, through the filters of expr
  kMacro,
  kCall,  // expr is the call; the body becomes caller()
  kFilter,
  kWith,
  kScope,  // a body with its own scope: `generation`, `autoescape false`
  kBreak,
  kContinue,
};

struct Stmt;
using Block = std::vector<const Stmt*>;

struct Parameter {
  NameId name = -1;
  std::string text;
  const Expr* default_value = nullptr;
};

struct Branch {
  const Expr* condition = nullptr;  // null: else
  Block body;
};

struct Stmt {
  StmtKind kind = StmtKind::kText;
  int32_t line = 0;
  std::string text;              // kText; a macro's name
  const Expr* expr = nullptr;    // printed, iterated, assigned, called
  const Expr* filter = nullptr;  // a loop's `if`, or the filters of a block
  Target target;
  Block body;
  Block otherwise;  // a loop's else
  bool is_recursive = false;
  std::vector<Branch> branches;       // kIf
  std::vector<Parameter> parameters;  // kMacro, kCall
  bool reads_varargs = false;         // the macro's body names them
  bool reads_kwargs = false;
  bool reads_caller = false;
  std::vector<std::pair<Target, const Expr*>> bindings;  // kWith
};

struct Template {
  std::deque<Expr> exprs;
  std::deque<Stmt> stmts;
  Block body;
  std::unordered_map<std::string, NameId> names;
  std::vector<std::string> name_texts;

  NameId intern(const std::string& text) {
    const auto [at, is_new] = names.emplace(text, static_cast<NameId>(name_texts.size()));
    if (is_new) name_texts.push_back(text);
    return at->second;
  }
};

}  // namespace braid::jinja
