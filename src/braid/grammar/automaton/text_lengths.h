// How many characters the texts have that lead from each state of an automaton to its end. Tested by
// text_lengths_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace braid::grammar {

struct TextLengths {
  uint32_t min = 0;
  std::optional<uint32_t> max;  // nothing: unbounded
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

// True if from each state there are texts of every length between the shortest and the longest. Then a text can be
// completed within bounds if and only if these two lengths say so.
bool have_no_gaps(const LengthGraph& graph, const std::vector<TextLengths>& lengths);

}  // namespace braid::grammar
