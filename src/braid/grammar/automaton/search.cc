#include "braid/grammar/automaton/search.h"

#include <algorithm>
#include <utility>

namespace braid::grammar {
namespace {

using Kind = Expression::Kind;

enum class Side : uint8_t { kFront, kBack };

bool is_empty_text(const Expression& expression) {
  return expression.kind == Kind::kSequence && expression.parts.empty();
}

// An expression that, behind any text (kFront), ends at the same places of each text; or that, before any text (kBack),
// may begin at the same places. So anchors and look-arounds beside it hold as before.
Expr shortened(const Expr& expression, Side side) {
  switch (expression->kind) {
    case Kind::kRepeat:
      if (expression->min == 1) return shortened(expression->parts[0], side);
      return expression->min == 0 ? empty_text() : repeat(expression->parts[0], expression->min, expression->min);
    case Kind::kChoice: {
      std::vector<Expr> parts;
      for (const Expr& part : expression->parts) {
        parts.push_back(shortened(part, side));
        if (is_empty_text(*parts.back())) return empty_text();
      }
      return choice(std::move(parts));
    }
    case Kind::kSequence: {
      std::vector<Expr> parts = expression->parts;
      if (side == Side::kBack) std::ranges::reverse(parts);
      size_t num_dropped = 0;
      for (; num_dropped < parts.size(); ++num_dropped) {
        parts[num_dropped] = shortened(parts[num_dropped], side);
        if (!is_empty_text(*parts[num_dropped])) break;
      }
      parts.erase(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(num_dropped));
      if (side == Side::kBack) std::ranges::reverse(parts);
      return sequence(std::move(parts));
    }
    default:
      return expression;
  }
}

}  // namespace

Expr preceded_by(const Expr& anything, const Expr& part) {
  return sequence({anything, shortened(part, Side::kFront)});
}

Expr followed_by(const Expr& anything, const Expr& part) {
  return sequence({shortened(part, Side::kBack), anything});
}

}  // namespace braid::grammar
