#include "braid/grammar/automaton/components.h"

#include <algorithm>
#include <cstddef>

namespace braid::grammar {

std::vector<std::vector<int32_t>> strong_components(const std::vector<std::vector<int32_t>>& edges) {
  struct Visit {
    size_t node;
    size_t next_edge;
  };
  std::vector<std::vector<int32_t>> components;
  std::vector<int32_t> index(edges.size(), -1);
  std::vector<int32_t> low(edges.size(), 0);
  std::vector<char> on_stack(edges.size(), 0);
  std::vector<int32_t> stack;
  std::vector<Visit> visits;
  int32_t next_index = 0;
  const auto enter = [&](size_t node) {
    index[node] = low[node] = next_index++;
    stack.push_back(static_cast<int32_t>(node));
    on_stack[node] = 1;
    visits.push_back({node, 0});
  };
  for (size_t first = 0; first < edges.size(); ++first) {
    if (index[first] >= 0) continue;
    enter(first);
    while (!visits.empty()) {
      const size_t node = visits.back().node;
      if (visits.back().next_edge < edges[node].size()) {
        const auto to = static_cast<size_t>(edges[node][visits.back().next_edge++]);
        if (index[to] < 0) {
          enter(to);
        } else if (on_stack[to] != 0) {
          low[node] = std::min(low[node], index[to]);
        }
        continue;
      }
      visits.pop_back();
      if (!visits.empty()) low[visits.back().node] = std::min(low[visits.back().node], low[node]);
      if (low[node] != index[node]) continue;
      auto& component = components.emplace_back();
      int32_t member = -1;
      do {
        member = stack.back();
        stack.pop_back();
        on_stack[static_cast<size_t>(member)] = 0;
        component.push_back(member);
      } while (member != static_cast<int32_t>(node));
    }
  }
  return components;
}

}  // namespace braid::grammar
