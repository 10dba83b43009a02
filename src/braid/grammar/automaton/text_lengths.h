// How many characters the texts have that lead from each state of an automaton to its end. Tested by
// text_lengths_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace braid::grammar {

struct TextLengths {
  uint32_t min = 0;
  std::optional<uint32_t> max;          // nothing: unbounded
  uint32_t min_not_empty = UINT32_MAX;  // of the texts with a character; UINT32_MAX if there are none
};

// An automaton, as far as lengths need it. Each state is on a path to an accepting one. Edges without a character form
// no cycle.
struct LengthGraph {
  struct Edge {
    uint32_t target = 0;
    bool has_character = true;
  };
  std::vector<std::vector<Edge>> edges;  // of each state
  std::vector<char> accepts;
};

// The shortest and the longest text from each state.
std::vector<TextLengths> text_lengths(const LengthGraph& graph);

// How many lengths bounds allow. UINT32_MAX (any gap is small) where only one of them can be missed: a text that has
// begun has a character.
uint32_t room_between(uint32_t min, uint32_t max);

// True if, from each state, any `room` consecutive lengths between the shortest and the longest contain a text's
// length. Then a text can be completed within bounds that are so far apart if and only if these two lengths say so.
bool have_small_gaps(const LengthGraph& graph, const std::vector<TextLengths>& lengths, uint32_t room);

}  // namespace braid::grammar
