// The grammar of expressions; precedence and quirks as in jinja2/parser.py.
#include <algorithm>

#include "braid/tokenizer/jinja/parser.h"

namespace braid::jinja {

namespace {

bool is_tuple_end(const Token& token, std::string_view stop_name) {
  return token.kind == TokenKind::kPrintEnd || token.kind == TokenKind::kBlockEnd || token.is(")") ||
         (!stop_name.empty() && token.is_name(stop_name));
}

}  // namespace

using Parsed = ExpressionParser::Parsed;

Parsed ExpressionParser::expression(bool with_condition) {
  const Nesting nesting(s_.depth);
  if (s_.depth > ParserState::kMaxDepth) return s_.error("an expression is nested too deeply");
  TRY(const Expr* value, either());
  while (with_condition && s_.current().is_name("if")) {
    Expr& condition = s_.make(ExprKind::kCondition, s_.take().line);
    TRY(const Expr* test, either());
    const Expr* otherwise = nullptr;
    if (s_.skip_name("else")) {
      TRY(otherwise, expression());
    }
    condition.operands = {value, test, otherwise};
    value = &condition;
  }
  return value;
}

Parsed ExpressionParser::either() {
  TRY(const Expr* left, both());
  while (s_.current().is_name("or")) {
    Expr& node = s_.make(ExprKind::kOr, s_.take().line);
    TRY(const Expr* right, both());
    node.operands = {left, right};
    left = &node;
  }
  return left;
}

Parsed ExpressionParser::both() {
  TRY(const Expr* left, negation());
  while (s_.current().is_name("and")) {
    Expr& node = s_.make(ExprKind::kAnd, s_.take().line);
    TRY(const Expr* right, negation());
    node.operands = {left, right};
    left = &node;
  }
  return left;
}

Parsed ExpressionParser::negation() {
  if (!s_.current().is_name("not")) return comparison();
  const Nesting nesting(s_.depth);
  if (s_.depth > ParserState::kMaxDepth) return s_.error("an expression is nested too deeply");
  Expr& node = s_.make(ExprKind::kNot, s_.take().line);
  TRY(const Expr* operand, negation());
  node.operands = {operand};
  return &node;
}

Parsed ExpressionParser::comparison() {
  const int32_t line = s_.current().line;
  TRY(const Expr* first, sum());
  Expr* node = nullptr;
  while (true) {
    std::string op;
    const Token& token = s_.current();
    if (token.is("==") || token.is("!=") || token.is("<") || token.is("<=") || token.is(">") || token.is(">=")) {
      op = s_.take().text;
    } else if (s_.skip_name("in")) {
      op = "in";
    } else if (token.is_name("not") && s_.ahead().is_name("in")) {
      s_.take();
      s_.take();
      op = "not in";
    } else {
      break;
    }
    if (node == nullptr) {
      node = &s_.make(ExprKind::kCompare, line);
      node->operands = {first};
    }
    TRY(const Expr* right, sum());
    node->operators.push_back(op);
    node->operands.push_back(right);
  }
  return node != nullptr ? node : first;
}

Parsed ExpressionParser::binary(Parsed (ExpressionParser::*next)(), std::initializer_list<std::string_view> operators) {
  TRY(const Expr* left, (this->*next)());
  while (std::ranges::any_of(operators, [&](std::string_view op) { return s_.current().is(op); })) {
    Expr& node = s_.make(ExprKind::kBinary, s_.current().line);
    node.text = s_.take().text;
    TRY(const Expr* right, (this->*next)());
    node.operands = {left, right};
    left = &node;
  }
  return left;
}

Parsed ExpressionParser::sum() {
  return binary(&ExpressionParser::concat, {"+", "-"});
}

Parsed ExpressionParser::concat() {
  TRY(const Expr* first, product());
  if (!s_.current().is("~")) return first;
  Expr& node = s_.make(ExprKind::kConcat, s_.current().line);
  node.operands = {first};
  while (s_.skip("~")) {
    TRY(const Expr* next, product());
    node.operands.push_back(next);
  }
  return &node;
}

Parsed ExpressionParser::product() {
  return binary(&ExpressionParser::power, {"*", "/", "//", "%"});
}

// Left-associative, unlike Python but like jinja2.
Parsed ExpressionParser::power() {
  TRY(const Expr* left, unary(true));
  while (s_.current().is("**")) {
    Expr& node = s_.make(ExprKind::kBinary, s_.take().line);
    node.text = "**";
    TRY(const Expr* right, unary(true));
    node.operands = {left, right};
    left = &node;
  }
  return left;
}

Parsed ExpressionParser::unary(bool with_filter) {
  const Token& token = s_.current();
  if (!token.is("-") && !token.is("+")) {
    TRY(const Expr* value, primary());
    return postfix(value, with_filter);
  }
  const Nesting nesting(s_.depth);
  if (s_.depth > ParserState::kMaxDepth) return s_.error("an expression is nested too deeply");
  Expr& node = s_.make(token.is("-") ? ExprKind::kNegative : ExprKind::kPositive, token.line);
  s_.take();
  TRY(const Expr* operand, unary(false));
  node.operands = {operand};
  return postfix(&node, with_filter);
}

Parsed ExpressionParser::primary() {
  const Token& token = s_.current();
  const int32_t line = token.line;
  if (token.is("[")) return list();
  if (token.is("{")) return dict();
  if (s_.skip("(")) {
    TRY(const Expr* inner, tuple(true, {}, true));
    TRY_STATUS(s_.expect(")"));
    return inner;
  }
  Expr& node = s_.make(ExprKind::kConst, line);
  switch (token.kind) {
    case TokenKind::kName:
      if (token.text == "true" || token.text == "True") {
        node.value = Value(true);
      } else if (token.text == "false" || token.text == "False") {
        node.value = Value(false);
      } else if (token.text == "none" || token.text == "None") {
        node.value = Value(None{});
      } else {
        node.kind = ExprKind::kName;
        node.name = s_.intern(token.text);
      }
      s_.take();
      return &node;
    case TokenKind::kString: {
      std::string text;
      while (s_.current().kind == TokenKind::kString) text += s_.take().text;
      node.value = Value::constant(std::move(text));
      return &node;
    }
    case TokenKind::kInteger:
      node.value = Value(s_.take().integer);
      return &node;
    case TokenKind::kFloat:
      node.value = Value(s_.take().number);
      return &node;
    default:
      return s_.error("unexpected " + token.describe());
  }
}

Parsed ExpressionParser::tuple(bool with_condition, std::string_view stop_name, bool in_parentheses) {
  const int32_t line = s_.current().line;
  std::vector<const Expr*> items;
  bool is_tuple = false;
  while (!is_tuple_end(s_.current(), stop_name)) {
    TRY(const Expr* item, expression(with_condition));
    items.push_back(item);
    if (!s_.skip(",")) break;
    is_tuple = true;
  }
  if (!is_tuple) {
    if (!items.empty()) return items[0];
    if (!in_parentheses) return s_.error("expected an expression, got " + s_.current().describe());
  }
  Expr& node = s_.make(ExprKind::kTuple, line);
  node.operands = std::move(items);
  return &node;
}

Parsed ExpressionParser::list() {
  Expr& node = s_.make(ExprKind::kList, s_.take().line);
  while (!s_.current().is("]")) {
    if (!node.operands.empty()) TRY_STATUS(s_.expect(","));
    if (s_.current().is("]")) break;
    TRY(const Expr* item, expression());
    node.operands.push_back(item);
  }
  s_.take();
  return &node;
}

Parsed ExpressionParser::dict() {
  Expr& node = s_.make(ExprKind::kDict, s_.take().line);
  while (!s_.current().is("}")) {
    if (!node.operands.empty()) TRY_STATUS(s_.expect(","));
    if (s_.current().is("}")) break;
    TRY(const Expr* key, expression());
    TRY_STATUS(s_.expect(":"));
    TRY(const Expr* value, expression());
    node.operands.push_back(key);
    node.operands.push_back(value);
  }
  s_.take();
  return &node;
}

Parsed ExpressionParser::postfix(const Expr* value, bool with_filter) {
  bool after_filter = false;  // after a filter or test only filters, tests and calls may follow
  while (true) {
    const Token& token = s_.current();
    if (!after_filter && (token.is(".") || token.is("["))) {
      TRY(value, subscript(value));
    } else if (token.is("(")) {
      Expr& call = s_.make(ExprKind::kCall, token.line);
      call.operands = {value};
      TRY(call.arguments, call_arguments());
      value = &call;
    } else if (with_filter && token.is("|")) {
      TRY(value, filters(value, false));
      after_filter = true;
    } else if (with_filter && token.is_name("is")) {
      TRY(value, test(value));
      after_filter = true;
    } else {
      return value;
    }
  }
}

Parsed ExpressionParser::subscript(const Expr* value) {
  const int32_t line = s_.current().line;
  if (s_.skip(".")) {
    const Token& token = s_.take();
    if (token.kind == TokenKind::kName) {
      Expr& node = s_.make(ExprKind::kAttribute, line);
      node.operands = {value};
      node.text = token.text;
      node.value = Value::constant(token.text);
      return &node;
    }
    if (token.kind != TokenKind::kInteger) return error_at(line, "expected a name or a number behind '.'");
    Expr& index = s_.make(ExprKind::kConst, line);
    index.value = Value(token.integer);
    Expr& node = s_.make(ExprKind::kItem, line);
    node.operands = {value, &index};
    return &node;
  }
  s_.take();
  TRY(const Expr* node, slice_or_index(value));
  if (s_.current().is(",")) return s_.error("an index of several parts is not supported");
  TRY_STATUS(s_.expect("]"));
  return node;
}

Parsed ExpressionParser::slice_or_index(const Expr* value) {
  const int32_t line = s_.current().line;
  const auto ends = [&] { return s_.current().is("]") || s_.current().is(",") || s_.current().is(":"); };
  std::vector<const Expr*> parts(3, nullptr);
  if (!s_.current().is(":")) {
    TRY(parts[0], expression());
    if (!s_.current().is(":")) {
      Expr& node = s_.make(ExprKind::kItem, line);
      node.operands = {value, parts[0]};
      return &node;
    }
  }
  for (size_t i = 1; i < 3 && s_.skip(":"); ++i) {
    if (ends()) continue;
    TRY(parts[i], expression());
  }
  Expr& node = s_.make(ExprKind::kSlice, line);
  node.operands = {value, parts[0], parts[1], parts[2]};
  return &node;
}

Result<CallArguments> ExpressionParser::call_arguments() {
  const int32_t line = s_.take().line;  // the parenthesis
  CallArguments arguments;
  const auto broken = [&] { return error_at(line, "the order of a call's arguments is wrong"); };
  bool is_first = true;
  while (!s_.current().is(")")) {
    if (!is_first) {
      TRY_STATUS(s_.expect(","));
      if (s_.current().is(")")) break;
    }
    is_first = false;
    if (s_.skip("*")) {
      if (arguments.rest != nullptr || arguments.named_rest != nullptr) return broken();
      TRY(arguments.rest, expression());
    } else if (s_.skip("**")) {
      if (arguments.named_rest != nullptr) return broken();
      TRY(arguments.named_rest, expression());
    } else if (s_.current().kind == TokenKind::kName && s_.ahead().is("=")) {
      if (arguments.named_rest != nullptr) return broken();
      const std::string name = s_.take().text;
      s_.take();
      TRY(const Expr* value, expression());
      arguments.named.emplace_back(name, value);
    } else {
      if (arguments.rest != nullptr || arguments.named_rest != nullptr || !arguments.named.empty()) return broken();
      TRY(const Expr* value, expression());
      arguments.positional.push_back(value);
    }
  }
  s_.take();
  return arguments;
}

Parsed ExpressionParser::filters(const Expr* input, bool at_name) {
  while (at_name || s_.skip("|")) {
    at_name = false;
    Expr& node = s_.make(ExprKind::kFilter, s_.current().line);
    TRY(node.text, s_.expect_name());
    while (s_.skip(".")) {
      TRY(const std::string more, s_.expect_name());
      node.text += "." + more;
    }
    if (s_.current().is("(")) {
      TRY(node.arguments, call_arguments());
    }
    node.operands = {input};
    input = &node;
  }
  return input;
}

Parsed ExpressionParser::test(const Expr* value) {
  const int32_t line = s_.take().line;  // `is`
  const bool is_negated = s_.skip_name("not");
  Expr& node = s_.make(ExprKind::kTest, line);
  node.operands = {value};
  TRY(node.text, s_.expect_name());
  while (s_.skip(".")) {
    TRY(const std::string more, s_.expect_name());
    node.text += "." + more;
  }
  const Token& next = s_.current();
  const bool is_value =
      next.kind == TokenKind::kString || next.kind == TokenKind::kInteger || next.kind == TokenKind::kFloat ||
      next.is("[") || next.is("{") ||
      (next.kind == TokenKind::kName && next.text != "else" && next.text != "or" && next.text != "and");
  if (next.is("(")) {
    TRY(node.arguments, call_arguments());
  } else if (next.is_name("is")) {
    return s_.error("tests cannot be chained with 'is'");
  } else if (is_value) {
    TRY(const Expr* argument, primary());
    TRY(argument, postfix(argument, false));
    node.arguments.positional.push_back(argument);
  }
  if (!is_negated) return &node;
  Expr& negation = s_.make(ExprKind::kNot, line);
  negation.operands = {&node};
  return &negation;
}

Result<Target> ExpressionParser::single_target(bool with_attribute) {
  const Nesting nesting(s_.depth);
  if (s_.depth > ParserState::kMaxDepth) return s_.error("an assignment is nested too deeply");
  if (s_.skip("(")) {
    TRY(Target inner, target(with_attribute, ")"));
    TRY_STATUS(s_.expect(")"));
    return inner;
  }
  Target target;
  TRY(const std::string name, s_.expect_name());
  if (name == "true" || name == "false" || name == "none" || name == "True" || name == "False" || name == "None") {
    return s_.error(fmt::format("cannot assign to '{}'", name));
  }
  target.name = s_.intern(name);
  if (with_attribute && s_.skip(".")) {
    TRY(target.attribute, s_.expect_name());
  }
  return target;
}

Result<Target> ExpressionParser::target(bool with_attribute, std::string_view stop_name) {
  Target all;
  while (!is_tuple_end(s_.current(), stop_name) && !s_.current().is("=")) {
    TRY(Target one, single_target(with_attribute));
    all.elements.push_back(std::move(one));
    if (!s_.skip(",")) break;
    all.is_tuple = true;
  }
  if (all.is_tuple) return all;
  if (all.elements.empty()) return s_.error("expected a name to assign to, got " + s_.current().describe());
  return all.elements[0];
}

}  // namespace braid::jinja
