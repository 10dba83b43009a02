#include "braid/grammar/automaton/rule_order.h"

#include <algorithm>

#include "braid/grammar/automaton/components.h"

namespace braid::grammar {
namespace {

using Kind = Expression::Kind;

constexpr int64_t kMaxSize = int64_t{1} << 40;
constexpr int64_t kInlineSize = 64;          // rules up to this many states are copied wherever they are used
constexpr int64_t kInlineOnceSize = 512;     // or up to this many, if they are used once
constexpr int64_t kWrittenOutSize = 64;      // repetitions up to this many states are copied, not counted
constexpr size_t kMaxNarrowCharacters = 16;  // repetitions of larger sets of characters are counted

void collect_references(const Expression& expression, std::vector<RuleId>& out) {
  if (expression.kind == Kind::kRule) out.push_back(expression.rule);
  for (const Expr& part : expression.parts) collect_references(*part, out);
}

// True if its states may allow a large part of the vocabulary. Then one counted state needs one mask instead of many.
bool is_wide(const Expression& expression) {
  if (expression.kind == Kind::kRule || expression.kind == Kind::kDfa) return true;
  size_t width = 0;
  for (const auto& range : expression.set.ranges()) width += range.last - range.first + 1;
  return width > kMaxNarrowCharacters ||
         std::ranges::any_of(expression.parts, [](const Expr& p) { return is_wide(*p); });
}

int64_t characters_size(const Expression& expression) {
  int64_t size = 2;
  for (const auto& range : expression.set.ranges()) {
    if (range.last >= 0x80) size += expression.spelling == Spelling::kUtf8 ? 3 : 8;
  }
  return size;
}

}  // namespace

int64_t estimated_size(const Expression& expression, const std::vector<RuleInfo>& infos) {
  int64_t size = 2;
  switch (expression.kind) {
    case Kind::kBytes:
      return static_cast<int64_t>(expression.bytes.size()) + 1;
    case Kind::kCharacters:
      return characters_size(expression);
    case Kind::kDfa:
      if (expression.min > 0 || expression.max != kUnbounded) return size;  // a call
      return int64_t{expression.dfa->num_states()} * static_cast<int64_t>(2 + expression.dfa->classes.size());
    case Kind::kRule: {
      const RuleInfo& info = infos[static_cast<size_t>(expression.rule)];
      return info.inlines ? info.size : 2;
    }
    case Kind::kGraph:
      size += expression.num_nodes;
      [[fallthrough]];
    case Kind::kSequence:
    case Kind::kChoice:
      for (const Expr& part : expression.parts) size = std::min(kMaxSize, size + estimated_size(*part, infos));
      return size;
    case Kind::kRepeat: {
      const int64_t part = estimated_size(*expression.parts[0], infos);
      if (!is_written_out(*expression.parts[0], part, expression.min, expression.max)) return part + 2;
      const int64_t copies = expression.max == kUnbounded ? expression.min + 1 : expression.max;
      return std::min(kMaxSize, part * copies + 2);
    }
    case Kind::kStart:
    case Kind::kEnd:
    case Kind::kLook:
      return size;
  }
  return size;
}

bool has_anchor(const Expression& expression) {
  if (expression.kind == Kind::kStart || expression.kind == Kind::kEnd) return true;
  return std::ranges::any_of(expression.parts, [](const Expr& part) { return has_anchor(*part); });
}

bool is_written_out(const Expression& part, int64_t size, uint32_t min, uint32_t max) {
  const uint32_t copies = max == kUnbounded ? min : max;
  if (copies <= 1) return true;
  if (is_wide(part)) return false;
  return size * int64_t{copies} <= kWrittenOutSize;
}

std::vector<RuleInfo> rule_infos(const Grammar& grammar) {
  std::vector<std::vector<RuleId>> references(grammar.rules.size());
  std::vector<int64_t> num_uses(grammar.rules.size(), 0);
  for (size_t i = 0; i < grammar.rules.size(); ++i) {
    collect_references(*grammar.rules[i].body, references[i]);
    for (const RuleId to : references[i]) ++num_uses[static_cast<size_t>(to)];
  }
  std::vector<RuleInfo> infos(grammar.rules.size());
  for (const std::vector<RuleId>& component : strong_components(references)) {  // callees come first
    const auto i = static_cast<size_t>(component.front());
    if (component.size() > 1 || std::ranges::count(references[i], component.front()) > 0) {
      for (const RuleId id : component) infos[static_cast<size_t>(id)].recurs = true;
      continue;
    }
    infos[i].size = estimated_size(*grammar.rules[i].body, infos);
    const bool is_small = infos[i].size <= kInlineSize || (num_uses[i] == 1 && infos[i].size <= kInlineOnceSize);
    // (Anchors refer to the rule's own text.)
    const bool is_apart = !grammar.rules[i].shared_key.empty() || grammar.rules[i].mark != RuleMark::kNone;
    infos[i].inlines = is_small && !is_apart && !has_anchor(*grammar.rules[i].body);
  }
  return infos;
}

}  // namespace braid::grammar
