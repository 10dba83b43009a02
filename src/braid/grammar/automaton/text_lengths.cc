#include "braid/grammar/automaton/text_lengths.h"

#include <algorithm>
#include <deque>
#include <numeric>
#include <span>
#include <utility>

namespace braid::grammar {
namespace {

using Edge = LengthGraph::Edge;

// The edges that lead to each state; a target is where one comes from.
class EdgesBack {
 public:
  explicit EdgesBack(const LengthGraph& graph) : first_(graph.edges.size() + 1, 0) {
    for (const std::vector<Edge>& edges : graph.edges) {
      for (const Edge& edge : edges) ++first_[edge.target];
    }
    std::partial_sum(first_.begin(), first_.end(), first_.begin());
    edges_.resize(first_.back());
    for (uint32_t state = 0; state < graph.edges.size(); ++state) {
      for (const Edge& edge : graph.edges[state]) edges_[--first_[edge.target]] = {state, edge.has_character};
    }
  }

  std::span<const Edge> operator[](uint32_t state) const {
    return std::span(edges_).subspan(first_[state], first_[state + 1] - first_[state]);
  }

 private:
  std::vector<size_t> first_;  // in edges_
  std::vector<Edge> edges_;
};

}  // namespace

std::vector<TextLengths> text_lengths(const LengthGraph& graph) {
  const EdgesBack sources(graph);
  std::vector<TextLengths> lengths(graph.edges.size(), {.min = UINT32_MAX, .max = std::nullopt});
  // The shortest: from the accepting states back, nearest first.
  std::deque<uint32_t> near;
  for (uint32_t state = 0; state < lengths.size(); ++state) {
    if (graph.accepts[state] == 0) continue;
    lengths[state].min = 0;
    near.push_back(state);
  }
  while (!near.empty()) {
    const uint32_t state = near.front();
    near.pop_front();
    for (const Edge& source : sources[state]) {
      const uint32_t length = lengths[state].min + (source.has_character ? 1 : 0);
      if (length >= lengths[source.target].min) continue;
      lengths[source.target].min = length;
      if (source.has_character) {
        near.push_back(source.target);
      } else {
        near.push_front(source.target);
      }
    }
  }
  for (uint32_t state = 0; state < lengths.size(); ++state) {
    for (const Edge& edge : graph.edges[state]) {
      if (!edge.has_character) continue;
      lengths[state].min_not_empty = std::min(lengths[state].min_not_empty, lengths[edge.target].min + 1);
    }
    if (lengths[state].min_not_empty != UINT32_MAX) near.push_back(state);
  }
  while (!near.empty()) {
    const uint32_t state = near.front();
    near.pop_front();
    for (const Edge& source : sources[state]) {
      if (source.has_character || lengths[state].min_not_empty >= lengths[source.target].min_not_empty) continue;
      lengths[source.target].min_not_empty = lengths[state].min_not_empty;
      near.push_back(source.target);
    }
  }
  // The longest: a state's is known once those of all its targets are. On a cycle, and before one, that never comes.
  std::vector<size_t> num_open(lengths.size());
  std::vector<uint32_t> known;
  for (uint32_t state = 0; state < lengths.size(); ++state) {
    num_open[state] = graph.edges[state].size();
    if (num_open[state] == 0) known.push_back(state);
  }
  while (!known.empty()) {
    const uint32_t state = known.back();
    known.pop_back();
    uint32_t longest = 0;
    for (const Edge& edge : graph.edges[state]) {
      longest = std::max(longest, *lengths[edge.target].max + (edge.has_character ? 1 : 0));
    }
    lengths[state].max = longest;
    for (const Edge& source : sources[state]) {
      if (--num_open[source.target] == 0) known.push_back(source.target);
    }
  }
  return lengths;
}

uint32_t room_between(uint32_t min, uint32_t max) {
  return min <= 1 || max == UINT32_MAX ? UINT32_MAX : max - min + 1;
}

// It is enough that each state's lengths follow from those of its targets. By induction over the length: the `room`
// lengths contain the shortest or the longest of some target, or lie between the two, where they do by induction.
bool have_small_gaps(const LengthGraph& graph, const std::vector<TextLengths>& lengths, uint32_t room) {
  std::vector<std::pair<uint32_t, uint32_t>> parts;  // from, to
  for (size_t state = 0; state < lengths.size(); ++state) {
    parts.clear();
    if (graph.accepts[state] != 0) parts.emplace_back(0, 0);
    for (const Edge& edge : graph.edges[state]) {
      const uint32_t more = edge.has_character ? 1 : 0;
      const std::optional<uint32_t> max = lengths[edge.target].max;
      parts.emplace_back(lengths[edge.target].min + more, max ? *max + more : UINT32_MAX);
    }
    std::ranges::sort(parts);
    uint32_t covered = parts.empty() ? 0 : parts.front().second;
    for (const auto& [from, to] : parts) {
      if (covered != UINT32_MAX && from > covered && from - covered > room) return false;
      covered = std::max(covered, to);
    }
  }
  return true;
}

}  // namespace braid::grammar
