#include "braid/grammar/automaton/expression.h"

#include <algorithm>
#include <utility>

#include "braid/tokenizer/unicode/utf8.h"

namespace braid::grammar {

using Kind = Expression::Kind;

Expr bytes(std::string_view text) {
  return std::make_shared<Expression>(Expression{.kind = Kind::kBytes, .bytes = std::string(text)});
}

Expr characters(unicode::CodePointSet set, Spelling spelling) {
  return std::make_shared<Expression>(
      Expression{.kind = Kind::kCharacters, .spelling = spelling, .set = std::move(set)});
}

Expr sequence(std::vector<Expr> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  std::vector<Expr> flat;
  std::string text;  // of the constants since the last other part
  const auto add = [&](const Expr& part) {
    if (part->kind == Kind::kBytes) {
      text += part->bytes;
      return;
    }
    if (!text.empty()) flat.push_back(bytes(std::exchange(text, {})));
    flat.push_back(part);
  };
  for (const Expr& part : parts) {
    if (part->kind == Kind::kSequence) {
      std::ranges::for_each(part->parts, add);
    } else {
      add(part);
    }
  }
  if (!text.empty()) flat.push_back(bytes(text));
  if (flat.size() == 1) return std::move(flat.front());
  return std::make_shared<Expression>(Expression{.kind = Kind::kSequence, .parts = std::move(flat)});
}

Expr choice(std::vector<Expr> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_shared<Expression>(Expression{.kind = Kind::kChoice, .parts = std::move(parts)});
}

// (X{a,b}){c,d} becomes X{ac,bd} if no number between is missing; otherwise nested counts would multiply.
Expr repeat(Expr part, uint32_t min, uint32_t max) {
  const auto times = [](uint32_t a, uint32_t b) {
    if (a == 0 || b == 0) return uint32_t{0};
    if (a == kUnbounded || b == kUnbounded) return kUnbounded;
    const uint64_t product = uint64_t{a} * b;
    return product >= kUnbounded ? kUnbounded : static_cast<uint32_t>(product);
  };
  if (min == 1 && max == 1) return part;
  if (part->kind == Kind::kRepeat) {
    const bool is_fixed = part->min == part->max && min == max;
    if (is_fixed || part->min <= 1) {
      const uint32_t new_min = times(part->min, min);
      const uint32_t new_max = times(part->max, max);
      if (new_min != kUnbounded && (new_max != kUnbounded || part->max == kUnbounded || max == kUnbounded)) {
        return repeat(part->parts[0], new_min, new_max);
      }
    }
  }
  return std::make_shared<Expression>(
      Expression{.kind = Kind::kRepeat, .parts = {std::move(part)}, .min = min, .max = max});
}

Expr optional(Expr part) {
  return repeat(std::move(part), 0, 1);
}

Expr rule_reference(RuleId rule) {
  return std::make_shared<Expression>(Expression{.kind = Kind::kRule, .rule = rule});
}

Expr automaton(std::shared_ptr<const CharacterDfa> dfa, Spelling spelling) {
  return bounded_automaton(std::move(dfa), spelling, 0, kUnbounded);
}

Expr bounded_automaton(std::shared_ptr<const CharacterDfa> dfa, Spelling spelling, uint32_t min, uint32_t max) {
  return std::make_shared<Expression>(
      Expression{.kind = Kind::kDfa, .spelling = spelling, .min = min, .max = max, .dfa = std::move(dfa)});
}

Expr text_start() {
  return std::make_shared<Expression>(Expression{.kind = Kind::kStart});
}

Expr text_end() {
  return std::make_shared<Expression>(Expression{.kind = Kind::kEnd});
}

Expr look(Expr part, bool looks_behind, bool is_negated) {
  return std::make_shared<const Expression>(Expression{.kind = Expression::Kind::kLook,
                                                       .parts = {std::move(part)},
                                                       .looks_behind = looks_behind,
                                                       .is_negated = is_negated});
}

void Graph::add_edge(uint32_t from, uint32_t to, Expr part) {
  graph_.edges.push_back({from, to});
  graph_.parts.push_back(std::move(part));
}

void Graph::add_edge(uint32_t from, uint32_t to) {
  add_edge(from, to, empty_text());
}

Expr Graph::finish() {
  return std::make_shared<Expression>(std::move(graph_));
}

Expr json_text(std::string_view utf8) {
  std::vector<Expr> parts;
  std::string plain;
  while (!utf8.empty()) {
    const size_t length = unicode::sequence_length(utf8.front());
    const char32_t c = unicode::decode_valid(utf8.data());
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      plain += utf8.substr(0, length);
    } else {
      if (!plain.empty()) parts.push_back(bytes(std::exchange(plain, {})));
      parts.push_back(characters(unicode::CodePointSet::of(c), Spelling::kJsonString));
    }
    utf8.remove_prefix(length);
  }
  if (!plain.empty()) parts.push_back(bytes(plain));
  return sequence(std::move(parts));
}

}  // namespace braid::grammar
