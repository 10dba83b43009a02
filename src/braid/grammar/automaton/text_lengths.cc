#include "braid/grammar/automaton/text_lengths.h"

#include <algorithm>
#include <deque>
#include <utility>

namespace braid::grammar {
namespace {

using Edge = LengthGraph::Edge;

std::vector<std::vector<Edge>> reversed(const LengthGraph& graph) {
  std::vector<std::vector<Edge>> sources(graph.edges.size());
  for (uint32_t state = 0; state < graph.edges.size(); ++state) {
    for (const Edge& edge : graph.edges[state]) sources[edge.target].push_back({state, edge.has_character});
  }
  return sources;
}

}  // namespace

std::vector<TextLengths> text_lengths(const LengthGraph& graph) {
  const std::vector<std::vector<Edge>> sources = reversed(graph);
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

// It is enough that each state's lengths follow from those of its targets: by induction over the length, every one of
// them then belongs to a text.
bool have_no_gaps(const LengthGraph& graph, const std::vector<TextLengths>& lengths) {
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
      if (covered != UINT32_MAX && from > covered + 1) return false;
      covered = std::max(covered, to);
    }
  }
  return true;
}

}  // namespace braid::grammar
