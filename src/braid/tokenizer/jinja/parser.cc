// The grammar of statements.
#include "braid/tokenizer/jinja/parser.h"

#include <algorithm>
#include <array>

namespace braid::jinja {

Status ParserState::expect(std::string_view op) {
  if (skip(op)) return {};
  return error(fmt::format("expected '{}', got {}", op, current().describe()));
}

Status ParserState::expect(TokenKind kind, std::string_view what) {
  if (current().kind != kind) return error(fmt::format("expected {}, got {}", what, current().describe()));
  take();
  return {};
}

Result<std::string> ParserState::expect_name() {
  if (current().kind != TokenKind::kName) return error("expected a name, got " + current().describe());
  return take().text;
}

Expr& ParserState::make(ExprKind kind, int32_t line) {
  Expr& expr = out_.exprs.emplace_back();
  expr.kind = kind;
  expr.line = line;
  return expr;
}

Stmt& ParserState::make(StmtKind kind, int32_t line) {
  Stmt& stmt = out_.stmts.emplace_back();
  stmt.kind = kind;
  stmt.line = line;
  return stmt;
}

NameId ParserState::intern(const std::string& name) {
  for (Stmt* macro : open_macros) {
    macro->reads_varargs |= name == "varargs";
    macro->reads_kwargs |= name == "kwargs";
    macro->reads_caller |= name == "caller";
  }
  return out_.intern(name);
}

namespace {

class StatementParser {
 public:
  explicit StatementParser(ParserState& state) : s_(state), expressions_(state) {}

  // Statements up to a tag whose name is one of `ends`, which becomes the current token.
  Result<Block> block(std::initializer_list<std::string_view> ends) {
    const Nesting nesting(s_.depth);
    if (s_.depth > ParserState::kMaxDepth) return s_.error("blocks are nested too deeply");
    Block block;
    while (true) {
      const Token& token = s_.current();
      if (token.kind == TokenKind::kEnd) {
        if (ends.size() == 0) return block;
        return s_.error(fmt::format("the template ends where '{}' is missing", *(ends.end() - 1)));
      }
      s_.take();
      if (token.kind == TokenKind::kText) {
        Stmt& text = s_.make(StmtKind::kText, token.line);
        text.text = token.text;
        block.push_back(&text);
      } else if (token.kind == TokenKind::kPrintBegin) {
        Stmt& print = s_.make(StmtKind::kPrint, token.line);
        TRY(print.expr, expressions_.tuple());
        TRY_STATUS(s_.expect(TokenKind::kPrintEnd, "'}}'"));
        block.push_back(&print);
      } else {
        const Token& name = s_.current();
        if (name.kind != TokenKind::kName) return s_.error("expected a tag's name, got " + name.describe());
        if (std::ranges::find(ends, name.text) != ends.end()) return block;
        TRY(const Stmt* stmt, statement());
        TRY_STATUS(end_tag());
        block.push_back(stmt);
      }
    }
  }

 private:
  Status end_tag() { return s_.expect(TokenKind::kBlockEnd, "'%}'"); }

  // The body of a tag, from the tag's '%}' on; `end` is the name of the tag that ends it.
  Result<Block> body(std::string_view end) {
    s_.skip(":");
    TRY_STATUS(end_tag());
    TRY(Block result, block({end}));
    s_.take();
    return result;
  }

  Result<const Stmt*> statement() {
    const Token& tag = s_.take();
    using Parse = Result<const Stmt*> (StatementParser::*)(int32_t line);
    static constexpr std::array<std::pair<std::string_view, Parse>, 13> kTags = {{
        {"for", &StatementParser::for_loop},
        {"if", &StatementParser::if_else},
        {"set", &StatementParser::set},
        {"macro", &StatementParser::macro},
        {"call", &StatementParser::call},
        {"filter", &StatementParser::filter},
        {"with", &StatementParser::with},
        {"print", &StatementParser::print},
        {"generation", &StatementParser::generation},
        {"autoescape", &StatementParser::autoescape},
        {"break", &StatementParser::break_loop},
        {"continue", &StatementParser::continue_loop},
        {"block", &StatementParser::named_block},
    }};
    for (const auto& [name, parse] : kTags) {
      if (tag.text == name) return (this->*parse)(tag.line);
    }
    return error_at(tag.line, fmt::format("unknown or misplaced tag '{}'", tag.text));
  }

  Result<const Stmt*> for_loop(int32_t line) {
    Stmt& loop = s_.make(StmtKind::kFor, line);
    TRY(loop.target, expressions_.target(false, "in"));
    if (!s_.skip_name("in")) return s_.error("expected 'in', got " + s_.current().describe());
    TRY(loop.expr, expressions_.tuple(false, "recursive"));
    if (s_.skip_name("if")) {
      TRY(loop.filter, expressions_.expression());
    }
    loop.is_recursive = s_.skip_name("recursive");
    s_.skip(":");
    TRY_STATUS(end_tag());
    ++loops_;
    auto loop_body = block({"else", "endfor"});
    --loops_;
    if (!loop_body.ok()) return loop_body.error();
    loop.body = std::move(loop_body).value();
    if (s_.take().text == "else") {
      TRY(loop.otherwise, body("endfor"));
    }
    return &loop;
  }

  Result<const Stmt*> if_else(int32_t line) {
    Stmt& node = s_.make(StmtKind::kIf, line);
    while (true) {
      Branch branch;
      TRY(branch.condition, expressions_.tuple(false));
      s_.skip(":");
      TRY_STATUS(end_tag());
      TRY(branch.body, block({"elif", "else", "endif"}));
      node.branches.push_back(std::move(branch));
      const std::string& end = s_.take().text;
      if (end == "elif") continue;
      if (end == "else") {
        Branch otherwise;
        TRY(otherwise.body, body("endif"));
        node.branches.push_back(std::move(otherwise));
      }
      return &node;
    }
  }

  Result<const Stmt*> set(int32_t line) {
    Stmt& node = s_.make(StmtKind::kSet, line);
    TRY(node.target, expressions_.target(true));
    if (s_.skip("=")) {
      TRY(node.expr, expressions_.tuple());
      return &node;
    }
    node.kind = StmtKind::kSetBlock;
    TRY(node.filter, expressions_.filters(nullptr, false));
    TRY(node.body, scoped_body("endset"));
    return &node;
  }

  Status signature(Stmt& node) {
    TRY_STATUS(s_.expect("("));
    while (!s_.current().is(")")) {
      if (!node.parameters.empty()) TRY_STATUS(s_.expect(","));
      Parameter parameter;
      TRY(parameter.text, s_.expect_name());
      parameter.name = s_.out().intern(parameter.text);
      if (s_.skip("=")) {
        TRY(parameter.default_value, expressions_.expression());
      } else if (!node.parameters.empty() && node.parameters.back().default_value != nullptr) {
        return s_.error("a parameter without default behind one with a default");
      }
      node.parameters.push_back(std::move(parameter));
    }
    return s_.expect(")");
  }

  // `break` and `continue` in this body do not reach a loop outside it.
  Result<Block> scoped_body(std::string_view end) {
    const int32_t outer = std::exchange(loops_, 0);
    auto result = body(end);
    loops_ = outer;
    return result;
  }

  Result<Block> macro_body(Stmt& node, std::string_view end) {
    s_.open_macros.push_back(&node);
    auto result = scoped_body(end);
    s_.open_macros.pop_back();
    return result;
  }

  Result<const Stmt*> macro(int32_t line) {
    Stmt& node = s_.make(StmtKind::kMacro, line);
    TRY(node.text, s_.expect_name());
    node.target.name = s_.out().intern(node.text);
    TRY_STATUS(signature(node));
    TRY(node.body, macro_body(node, "endmacro"));
    return &node;
  }

  Result<const Stmt*> call(int32_t line) {
    Stmt& node = s_.make(StmtKind::kCall, line);
    node.text = "caller";
    if (s_.current().is("(")) TRY_STATUS(signature(node));
    TRY(node.expr, expressions_.expression());
    if (node.expr->kind != ExprKind::kCall) return error_at(line, "expected a call behind 'call'");
    TRY(node.body, macro_body(node, "endcall"));
    return &node;
  }

  Result<const Stmt*> filter(int32_t line) {
    Stmt& node = s_.make(StmtKind::kFilter, line);
    TRY(node.filter, expressions_.filters(nullptr, true));
    TRY(node.body, scoped_body("endfilter"));
    return &node;
  }

  Result<const Stmt*> with(int32_t line) {
    Stmt& node = s_.make(StmtKind::kWith, line);
    while (s_.current().kind != TokenKind::kBlockEnd) {
      if (!node.bindings.empty()) TRY_STATUS(s_.expect(","));
      TRY(Target target, expressions_.target());
      TRY_STATUS(s_.expect("="));
      TRY(const Expr* value, expressions_.expression());
      node.bindings.emplace_back(std::move(target), value);
    }
    TRY(node.body, body("endwith"));
    return &node;
  }

  Result<const Stmt*> print(int32_t line) {
    Stmt& node = s_.make(StmtKind::kPrint, line);
    Expr& all = s_.make(ExprKind::kConcat, line);
    while (s_.current().kind != TokenKind::kBlockEnd) {
      if (!all.operands.empty()) TRY_STATUS(s_.expect(","));
      TRY(const Expr* value, expressions_.expression());
      all.operands.push_back(value);
    }
    node.expr = &all;
    return &node;
  }

  // transformers' mark around the assistant's text; here only a scope.
  Result<const Stmt*> generation(int32_t line) {
    Stmt& node = s_.make(StmtKind::kScope, line);
    TRY(node.body, scoped_body("endgeneration"));
    return &node;
  }

  Result<const Stmt*> autoescape(int32_t line) {
    TRY(const Expr* on, expressions_.expression());
    if (on->kind != ExprKind::kConst || !on->value.is_bool() || on->value.as_bool()) {
      return error_at(line, "only '{% autoescape false %}' is supported");
    }
    Stmt& node = s_.make(StmtKind::kScope, line);
    TRY(node.body, body("endautoescape"));
    return &node;
  }

  Result<const Stmt*> named_block(int32_t line) {
    return error_at(line, "blocks are for templates that extend others, which is not supported");
  }

  Result<const Stmt*> break_loop(int32_t line) {
    if (loops_ == 0) return error_at(line, "'break' outside a loop");
    return &s_.make(StmtKind::kBreak, line);
  }

  Result<const Stmt*> continue_loop(int32_t line) {
    if (loops_ == 0) return error_at(line, "'continue' outside a loop");
    return &s_.make(StmtKind::kContinue, line);
  }

  ParserState& s_;
  ExpressionParser expressions_;
  int32_t loops_ = 0;  // enclosing loops that `break` could leave
};

}  // namespace

Result<std::shared_ptr<const Template>> parse_template(std::string_view source) {
  TRY(auto tokens, tokenize(source));
  auto parsed = std::make_shared<Template>();
  ParserState state(std::move(tokens), *parsed);
  TRY(parsed->body, StatementParser(state).block({}));
  return std::shared_ptr<const Template>(std::move(parsed));
}

}  // namespace braid::jinja
