// Deterministic automata over characters. They express two conditions on one text (a pattern and a length, two
// patterns, any key except these), which a grammar alone cannot. States and operations count against a limit. Tested by
// ../json/schema_compiler_test.cc and ../json/schema_limits_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "braid/base/result.h"
#include "braid/grammar/automaton/text_lengths.h"
#include "braid/grammar/work_budget.h"
#include "braid/tokenizer/unicode/code_point_set.h"

namespace braid::grammar {

struct CharacterDfa {
  static constexpr int32_t kDead = -1;

  std::vector<unicode::CodePointSet> classes;  // disjoint; a character in no class leads nowhere
  std::vector<int32_t> next;                   // [state][class]; kDead if nothing follows
  std::vector<char> accepts;                   // [state]
  int32_t start = kDead;                       // kDead if no text is accepted

  int32_t num_states() const { return static_cast<int32_t>(accepts.size()); }
  int32_t target(int32_t state, size_t symbol) const {
    return next[static_cast<size_t>(state) * classes.size() + symbol];
  }
  bool is_empty() const { return start == kDead; }
};

using Dfa = std::shared_ptr<const CharacterDfa>;

// An operation that needs more states, or states times classes, is an error.
inline constexpr int32_t kMaxDfaStates = 50'000;
inline constexpr size_t kMaxDfaCells = 4'000'000;

// Operations charge `work` about one unit for each cell. They need minimal automata, and their results are minimal.
Result<Dfa> intersection(const CharacterDfa& a, const CharacterDfa& b, WorkBudget& work);
// Every text (of Unicode scalar values) that `dfa` does not accept.
Result<Dfa> complement(const CharacterDfa& dfa, WorkBudget& work);
// Texts of `min` to `max` characters (no `max`: unbounded).
Result<Dfa> length_between(uint32_t min, std::optional<uint32_t> max);
// Exactly these texts (valid UTF-8).
Result<Dfa> one_of(std::span<const std::string> texts, WorkBudget& work);
// Every text in which `part` (valid UTF-8, not empty) does not occur.
Dfa texts_without(std::string_view part);
// The lengths of the accepted texts, from each state. As minimized() does, `dfa` has no state that leads nowhere.
LengthGraph length_graph(const CharacterDfa& dfa);
// Of all accepted texts. `dfa` must not be empty.
TextLengths text_lengths(const CharacterDfa& dfa);

// Removes states that the start does not reach or that reach no accepting state, and merges equal states.
CharacterDfa minimized(const CharacterDfa& dfa);
// The same, but merges no states: no two of `dfa` are equal.
CharacterDfa without_useless_states(const CharacterDfa& dfa);

// Every code point that may occur in a text: all except the surrogates.
unicode::CodePointSet scalar_values();

}  // namespace braid::grammar
