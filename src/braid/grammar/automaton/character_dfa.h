// Deterministic automata over characters: for what grammars alone cannot say, two conditions on one text (a pattern and
// a length, two patterns, any key but these). All states and operations are counted against a limit.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/work_budget.h"
#include "braid/tokenizer/unicode/code_point_set.h"

namespace braid::grammar {

struct CharacterDfa {
  static constexpr int32_t kDead = -1;

  std::vector<unicode::CodePointSet> classes;  // disjoint; characters in none of them lead nowhere
  std::vector<int32_t> next;                   // [state][class], kDead where nothing follows
  std::vector<char> accepts;                   // [state]
  int32_t start = kDead;                       // kDead: no text at all

  int32_t num_states() const { return static_cast<int32_t>(accepts.size()); }
  int32_t target(int32_t state, size_t symbol) const {
    return next[static_cast<size_t>(state) * classes.size() + symbol];
  }
  bool is_empty() const { return start == kDead; }
};

using Dfa = std::shared_ptr<const CharacterDfa>;

// More states than this, or states times classes, and an operation is an error that says so.
inline constexpr int32_t kMaxDfaStates = 50'000;
inline constexpr size_t kMaxDfaCells = 4'000'000;

// `work` pays for what they do: about a unit for each cell.
Result<Dfa> intersection(const CharacterDfa& a, const CharacterDfa& b, WorkBudget& work);
// Every text (of Unicode scalar values) that `dfa` does not accept.
Result<Dfa> complement(const CharacterDfa& dfa, WorkBudget& work);
// Texts of `min` to `max` characters (nothing: without end).
Result<Dfa> length_between(uint32_t min, std::optional<uint32_t> max);
// Exactly these texts (valid UTF-8).
Result<Dfa> one_of(std::span<const std::string> texts, WorkBudget& work);
// Every text in which `part` (valid UTF-8, not empty) does not occur.
Dfa texts_without(std::string_view part);
// The shortest and the longest text that it accepts, in characters; nothing for no end. Of a DFA that is not empty.
struct TextLengths {
  uint32_t min = 0;
  std::optional<uint32_t> max;
};
TextLengths text_lengths(const CharacterDfa& dfa);

// States without a way to an accepting one, or from the start, are removed; equal ones become one (unless they are too
// many to compare).
CharacterDfa minimized(const CharacterDfa& dfa);

// Every code point that may stand in a text: all but the surrogates.
unicode::CodePointSet scalar_values();

}  // namespace braid::grammar
