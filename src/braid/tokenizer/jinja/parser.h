// Turns tokens into a parsed template.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "braid/base/result.h"
#include "braid/tokenizer/jinja/ast.h"
#include "braid/tokenizer/jinja/lexer.h"

namespace braid::jinja {

// Errors name the line.
Result<std::shared_ptr<const Template>> parse_template(std::string_view source);

// The position of the parser, and the template so far. Shared by the two halves of the grammar (parser.cc and
// expression_parser.cc).
class ParserState {
 public:
  static constexpr int32_t kMaxDepth = 150;  // of nested blocks, brackets, conditions and signs in the source

  ParserState(std::vector<Token> tokens, Template& out) : tokens_(std::move(tokens)), out_(out) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& take() {
    const Token& token = tokens_[at_];
    if (at_ + 1 < tokens_.size()) ++at_;
    return token;
  }
  bool skip(std::string_view op) { return current().is(op) && (take(), true); }
  bool skip_name(std::string_view name) { return current().is_name(name) && (take(), true); }
  Status expect(std::string_view op);
  Status expect(TokenKind kind, std::string_view what);
  Result<std::string> expect_name();
  Error error(const std::string& message) const { return error_at(current().line, message); }

  Expr& make(ExprKind kind, int32_t line);
  Stmt& make(StmtKind kind, int32_t line);
  NameId intern(const std::string& name);
  Template& out() { return out_; }

  std::vector<Stmt*> open_macros;  // macros whose bodies are being parsed
  int32_t depth = 0;

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
  Template& out_;
};

// Counts one level of depth during its lifetime.
class Nesting {
 public:
  explicit Nesting(int32_t& depth) : depth_(depth) { ++depth_; }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  int32_t& depth_;
};

// The expressions (expression_parser.cc).
class ExpressionParser {
 public:
  using Parsed = Result<const Expr*>;
  explicit ExpressionParser(ParserState& state) : s_(state) {}

  Parsed expression(bool with_condition = true);
  // Expressions separated by commas form a tuple. Stops before `stop_name`.
  Parsed tuple(bool with_condition = true, std::string_view stop_name = {}, bool in_parentheses = false);
  Result<Target> target(bool with_attribute = false, std::string_view stop_name = {});
  // `| name(arguments)`, once or more, applied to `input` (null: to a block's text). `at_name`: the first `|` is
  // implied.
  Parsed filters(const Expr* input, bool at_name);

 private:
  Parsed either();
  Parsed both();
  Parsed negation();
  Parsed comparison();
  Parsed sum();
  Parsed concat();
  Parsed product();
  Parsed power();
  Parsed unary(bool with_filter);
  Parsed primary();
  Parsed list();
  Parsed dict();
  Parsed postfix(const Expr* value, bool with_filter);
  Parsed subscript(const Expr* value);
  Parsed slice_or_index(const Expr* value);
  Parsed test(const Expr* value);
  Result<Target> single_target(bool with_attribute);
  Result<CallArguments> call_arguments();
  Parsed binary(Parsed (ExpressionParser::*next)(), std::initializer_list<std::string_view> operators);

  ParserState& s_;
};

}  // namespace braid::jinja
